//! an `emit` whose answer nobody looks at

#![deny(warnings)]

use millstream::prelude::*;

const FILLED: Sibling = Sibling::new("orders", "filled");

#[derive(serde::Serialize)]
struct Filled;

impl EventData for Filled {
    const TYPE: &'static str = "order_filled";
    fn key(&self) -> Key<'_> {
        "k".into()
    }
}

async fn handler(out: &mut Outputs) {
    out.emit(FILLED, &Filled);
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
