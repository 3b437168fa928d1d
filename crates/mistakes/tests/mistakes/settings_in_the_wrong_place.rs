//! settings where the handler belongs
//! Weak: said twice, since two bounds are open

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Event<Tick>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler_with("market.ticks", "mistake.ticks", HandlerSettings::new(), handler)
        .build()
}

fn main() {}
