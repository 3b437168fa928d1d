//! outputs moved into a task of their own

use millstream::prelude::*;

async fn handler(out: &mut Outputs) {
    tokio::spawn(async move {
        let _ = out.len();
    });
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
