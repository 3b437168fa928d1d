//! a part of the state that it does not provide

use millstream::prelude::*;

struct Pool;
struct App {
    pool: Pool,
}

async fn handler(_: &Pool) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(App { pool: Pool })
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
