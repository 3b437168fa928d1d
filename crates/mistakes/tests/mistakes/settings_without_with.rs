//! settings given to `add_consumer_handler`
//! Weak: it does not name `add_consumer_handler_with`

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Event<Tick>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler, HandlerSettings::new())
        .build()
}

fn main() {}
