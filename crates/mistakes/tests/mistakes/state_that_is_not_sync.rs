//! a state that threads cannot share

use millstream::prelude::*;

struct Engine(std::cell::Cell<u64>);

async fn handler(_: &Engine) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine(Default::default()))
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
