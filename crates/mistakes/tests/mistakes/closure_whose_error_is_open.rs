//! a closure that returns `Ok` and no type of error

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", async |tick: Event<Tick>| {
            tick.price.to_string().parse::<f64>()?;
            Ok(())
        })
        .build()
}

fn main() {}
