//! an argument of a type that comes from nowhere

use millstream::prelude::*;

struct Plain;

async fn handler(_: Plain) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
