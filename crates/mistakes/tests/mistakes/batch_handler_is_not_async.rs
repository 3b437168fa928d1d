//! a batch handler that is not `async`

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

fn store(_: Batch<Tick>) -> Outcomes {
    Outcomes::new()
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport).add_batch_handler("market.ticks", "mistake.ticks", store).build()
}

fn main() {}
