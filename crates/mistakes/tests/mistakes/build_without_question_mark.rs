//! `build()` without `?`

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Event<Tick>) {}

async fn run(transport: impl Transport) -> Result<(), Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
        .run_until_signal()
        .await
}

fn main() {}
