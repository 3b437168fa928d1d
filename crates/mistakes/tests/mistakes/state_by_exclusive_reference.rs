//! the state as `&mut`

use millstream::prelude::*;

struct Engine;

async fn handler(_: &mut Engine) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
