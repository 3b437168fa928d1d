//! a batch handler added as a single one
//!
//! Weak: it does not name `add_batch_handler`.

use millstream::prelude::*;

struct Engine;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Batch<Tick>) -> Outcomes {
    Outcomes::all_done()
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine)
        .add_producer()
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
