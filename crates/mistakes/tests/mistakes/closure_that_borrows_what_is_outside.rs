//! a closure that borrows what is outside

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    let limit = 7.0;
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", async |tick: Event<Tick>| assert!(tick.price < limit))
        .build()
}

fn main() {}
