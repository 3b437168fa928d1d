//! a closure that changes what it holds

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    let mut seen = 0;
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", async move |_: Event<Tick>| seen += 1)
        .build()
}

fn main() {}
