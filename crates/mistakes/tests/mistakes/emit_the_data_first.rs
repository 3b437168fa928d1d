//! the data where the address belongs

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

const FILLED: Sibling = Sibling::new("orders", "filled");

impl EventData for Tick {
    const TYPE: &'static str = "tick";

    fn key(&self) -> Key<'_> {
        "NIFTY".into()
    }
}

async fn handler(tick: Event<Tick>, out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit(&*tick, FILLED)?;
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
