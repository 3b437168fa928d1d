//! the state given after the handler that wants it

use millstream::prelude::*;

struct Engine;

async fn handler(_: &Engine) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .with_state(Engine)
        .build()
}

fn main() {}
