//! publishing a type that cannot be written

use millstream::prelude::*;

const FILLED: Sibling = Sibling::new("orders", "filled");

struct Filled(String);

impl EventData for Filled {
    const TYPE: &'static str = "order_filled";
    fn key(&self) -> Key<'_> {
        self.0.as_str().into()
    }
}

async fn handler(out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit(FILLED, &Filled(String::new()))?;
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
