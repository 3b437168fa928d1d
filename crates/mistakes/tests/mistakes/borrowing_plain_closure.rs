//! a plain closure that borrows its argument
//! Weak: it speaks of lifetimes and does not name the way out: `async |engine: &Engine| …`

use millstream::prelude::*;

struct Engine;

impl Engine {
    async fn work(&self) {}
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine)
        .add_consumer_handler("market.ticks", "mistake.ticks", |engine: &Engine| async move { engine.work().await })
        .build()
}

fn main() {}
