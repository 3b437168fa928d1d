//! a handler that returns an output whose data is no event

use millstream::prelude::*;

const SEEN: Sibling = Sibling::new("ticks", "seen");

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(tick: Event<Tick>) -> Option<Emit<Tick>> {
    Some(Emit::to(SEEN, tick.into_data()))
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
