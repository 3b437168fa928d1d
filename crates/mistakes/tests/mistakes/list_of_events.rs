//! a list of events as an argument

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Vec<Event<Tick>>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
