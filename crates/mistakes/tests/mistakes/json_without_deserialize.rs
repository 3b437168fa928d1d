//! a bare payload that cannot be decoded

use millstream::prelude::*;

struct Plain;

async fn handler(_: Json<Plain>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
