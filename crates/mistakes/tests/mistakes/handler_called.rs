//! a handler that was called
//! Weak: said twice, since two bounds are open

use millstream::prelude::*;

async fn handler() {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler())
        .build()
}

fn main() {}
