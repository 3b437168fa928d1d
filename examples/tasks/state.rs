//! State that a service keeps: an entry for each key, folded from its records, read back after a restart.

use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(type = "order_filled", key = instrument)]
struct Fill {
    instrument: String,
    quantity: i64,
}

/// What is held of one instrument.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Holding {
    position: i64,
    fills: u64,
}

impl TableEntry for Holding {
    const TABLE: Sibling = Sibling::new("portfolio", "holdings");
}

/// The fold. A failed attempt leaves no trace: what it changed was a copy.
async fn on_fill(fill: Event<Fill>, holding: &mut Holding, attempt: Attempt) -> Result<(), HandlerError> {
    holding.position += fill.quantity;
    holding.fills += 1;
    if attempt.is_first() { Err(HandlerError::transient("not yet")) } else { Ok(()) }
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("portfolio", transport)
        .add_producer()
        .add_consumer_handler("paper.orders.filled", "portfolio.fills", on_fill)
        .build()
}

pub(crate) async fn run() -> Result<(), Error> {
    let memory = Memory::new();
    for quantity in [10, -4, 7] {
        // Each fill meets a service that has just started, on the log that the one before has left.
        let bench = TestBench::start_on(memory.clone(), service).await?;
        bench.publish("paper.orders.filled", &Fill { instrument: "NIFTY".into(), quantity }).await;
        bench.settled().await;
        let holding: Option<Holding> = bench.entry("paper.portfolio.holdings", "NIFTY");
        println!("  {quantity:+}: {holding:?}");
        bench.stop().await?;
    }
    let bench = TestBench::start_on(memory, service).await?;
    assert_eq!(bench.entry("paper.portfolio.holdings", "NIFTY"), Some(Holding { position: 13, fills: 3 }));
    bench.stop().await
}
