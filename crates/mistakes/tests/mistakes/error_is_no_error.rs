//! an error type that is no `std::error::Error`, such as `anyhow::Error`

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

#[derive(Debug)]
struct Report;

async fn handler(_: Event<Tick>) -> Result<(), Report> {
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
