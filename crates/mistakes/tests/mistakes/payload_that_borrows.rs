//! a payload that borrows, in an `Event`
//! Weak: it does not name the way out: take `RawEvent<'_>` and decode in the body

use millstream::prelude::*;

#[derive(serde::Deserialize)]
struct Quote<'a> {
    symbol: &'a str,
}

async fn handler(quote: Event<Quote<'_>>) {
    let _ = quote.symbol.len();
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
