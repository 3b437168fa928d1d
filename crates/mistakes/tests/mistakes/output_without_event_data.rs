//! publishing a type without `EventData`

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

const FILLED: Sibling = Sibling::new("orders", "filled");

async fn handler(tick: Event<Tick>, out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit(FILLED, &*tick)?;
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
