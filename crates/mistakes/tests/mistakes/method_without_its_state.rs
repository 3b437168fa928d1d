//! a method as a handler, and no state to call it on

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

struct Engine;

impl Engine {
    async fn on_tick(&self, _: Event<Tick>) {}
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", Engine::on_tick)
        .build()
}

fn main() {}
