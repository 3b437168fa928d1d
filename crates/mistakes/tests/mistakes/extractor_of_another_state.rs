//! an extractor written for another state

use millstream::prelude::*;

struct Engine;

struct Trader;

impl Extract<Engine> for Trader {
    type Item<'d> = Trader;
    fn extract<'d>(_: &mut Delivery<'d, Engine>) -> Result<Trader, Rejection> {
        Ok(Trader)
    }
}

async fn handler(_: Trader) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
