//! an `Rc` held over an await, beside borrowed arguments

use millstream::prelude::*;

struct Engine;

async fn handler(_: &Engine, _: RawEvent<'_>, _: &mut Outputs) {
    let shared = std::rc::Rc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
