//! the group left out

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Event<Tick>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport).add_consumer_handler("market.ticks", handler).build()
}

fn main() {}
