//! `Batch<Event<T>>` instead of `Batch<T>`
//!
//! Weak: it speaks of `Deserialize`, not of the argument: `Batch<T>` holds events already.

use millstream::prelude::*;

struct Engine;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

async fn handler(_: Batch<Event<Tick>>) -> Outcomes {
    Outcomes::all_done()
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine)
        .add_producer()
        .add_batch_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
