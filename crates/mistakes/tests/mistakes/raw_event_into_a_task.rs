//! an event that borrows, moved into a task of its own

use millstream::prelude::*;

async fn handler(raw: RawEvent<'_>) {
    tokio::spawn(async move {
        let _ = raw.value();
    });
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
