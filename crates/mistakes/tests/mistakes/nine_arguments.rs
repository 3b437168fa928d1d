//! a handler of nine arguments
//! Weak: said twice, since two bounds are open

use millstream::prelude::*;

async fn handler(_: Topic, _: Topic, _: Topic, _: Topic, _: Topic, _: Topic, _: Topic, _: Topic, _: Topic) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
