//! The smallest service: a function, a topic and a group.

use millstream::prelude::*;
use millstream::testkit::TestBench;

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("hello", transport).add_consumer_handler("market.ticks", "hello.ticks", print).build()
}

async fn print(event: Event<serde_json::Value>) {
    println!("  {} {}", event.timestamp(), *event);
}

/// Runs it until three events are handled; a program would say `service(…)?.run_until_signal().await`.
pub(crate) async fn run() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    for price in 1..=3 {
        let tick = EventEnvelope::new(EventId::v7(0, price), "market_tick", Timestamp::from_millis(0), "feed", price as u64);
        bench.send_raw("market.ticks", "EURUSD", tick.to_json().expect("a number is JSON").as_ref()).await;
    }
    bench.settled().await;
    assert_eq!(bench.account().done, 3);
    bench.stop().await
}
