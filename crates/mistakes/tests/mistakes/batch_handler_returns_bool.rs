//! a batch handler that returns `bool`

use millstream::prelude::*;

struct Engine;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Batch<Tick>) -> bool {
    true
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine)
        .add_producer()
        .add_batch_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
