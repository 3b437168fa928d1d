//! a generic handler whose type is open

use millstream::prelude::*;

async fn handler<T: Send>(_: Event<T>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
