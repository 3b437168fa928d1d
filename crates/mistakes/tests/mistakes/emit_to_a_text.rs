//! emitting to a text

use millstream::prelude::*;

#[derive(serde::Serialize)]
struct Filled;

impl EventData for Filled {
    const TYPE: &'static str = "order_filled";
    fn key(&self) -> Key<'_> {
        "k".into()
    }
}

async fn handler(out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit("paper.orders.filled", &Filled)?;
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
