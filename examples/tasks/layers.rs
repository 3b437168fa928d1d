//! What is around handlers: a filter for what is never theirs, a layer for what depends on the moment, and settings of one
//! handler.

use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Serialize, Deserialize, EventData)]
#[event(type = "signal", key = account)]
struct Signal {
    account: String,
}

#[derive(Serialize, Deserialize, EventData)]
#[event(type = "heartbeat", key = from)]
struct Heartbeat {
    from: String,
}

/// Skips everything while the market is closed.
#[derive(Default)]
struct MarketHours {
    closed: AtomicBool,
}

impl Layer for MarketHours {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        if self.closed.load(Ordering::Relaxed) {
            return Ok(Outcome::skip("the market is closed"));
        }
        next.run().await
    }
}

/// Counts attempts and what they answer.
#[derive(Default)]
struct Audit {
    attempts: AtomicU64,
    failed: AtomicU64,
}

impl Layer for Audit {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let answer = next.run().await;
        self.failed.fetch_add(u64::from(answer.is_err()), Ordering::Relaxed);
        answer
    }
}

/// Fails the first attempt of each record.
async fn on_signal(_: Event<Signal>, attempt: Attempt) -> Result<(), HandlerError> {
    if attempt.is_first() { Err(HandlerError::transient("not yet")) } else { Ok(()) }
}

pub(crate) async fn run() -> Result<(), Error> {
    let (hours, audit) = (Arc::new(MarketHours::default()), Arc::new(Audit::default()));
    let service = |memory: Memory| {
        let settings = HandlerSettings::new()
            .only::<Signal>()
            .filter(|delivery| delivery.headers().text("test").is_none())
            .layer(hours.clone())
            .timeout(Duration::from_secs(2))
            .retry(Retry::exponential(Duration::from_millis(10), Duration::from_millis(100)).attempts(3))
            .concurrency(64);
        StreamServiceBuilder::new("engine", memory)
            .layer(audit.clone()) // around all handlers that follow
            .add_consumer_handler_with("paper.signals.raw", "engine.signals", on_signal, settings)
            .build()
    };
    let bench = TestBench::start(service).await?;
    let signal = || Signal { account: "ann".into() };

    bench.publish("paper.signals.raw", &signal()).await;
    bench.publish("paper.signals.raw", &Heartbeat { from: "feed".into() }).await;
    bench.settled().await;
    hours.closed.store(true, Ordering::Relaxed);
    bench.publish("paper.signals.raw", &signal()).await;
    bench.settled().await;

    let counts = bench.account();
    assert_eq!((counts.done, counts.retries, counts.filtered, counts.skipped), (1, 1, 1, 1));
    // One failed, one done, one skipped; the heartbeat was nobody's attempt.
    assert_eq!((audit.attempts.load(Ordering::Relaxed), audit.failed.load(Ordering::Relaxed)), (3, 1));
    bench.stop().await
}
