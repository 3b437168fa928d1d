//! emitting to a whole topic

use millstream::prelude::*;

const FILLED: Topic = Topic::literal("paper.orders.filled");

#[derive(serde::Serialize)]
struct Filled;

impl EventData for Filled {
    const TYPE: &'static str = "order_filled";
    fn key(&self) -> Key<'_> {
        "k".into()
    }
}

async fn handler(out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit(FILLED, &Filled)?;
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
