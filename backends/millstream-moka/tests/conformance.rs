//! Owns the harnesses that put both deduplicators through the contract's suite. Leaves random histories to `model`.

use millstream_core::clock::Clock;
use millstream_moka::{MokaDeduplicator, WindowDeduplicator};
use millstream_testkit::conformance::deduplicator::{self, Harness, Limits};
use std::time::Duration;

const NO_OUTAGE: &str = "its store is this process's memory, which is always there";

fn limits(limits: Limits) -> millstream_moka::Limits {
    millstream_moka::Limits::new().with_ids(limits.ids).with_ttl(limits.ttl)
}

struct Window(Clock);

impl Harness for Window {
    type Deduplicator = WindowDeduplicator;

    async fn fresh(&self, of: Limits) -> WindowDeduplicator {
        WindowDeduplicator::with_clock(limits(of), self.0.clone())
    }

    async fn unreachable(&self) -> Result<WindowDeduplicator, &'static str> {
        Err(NO_OUTAGE)
    }

    async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    async fn evicted(&self, of: &WindowDeduplicator) -> u64 {
        of.evicted()
    }
}

struct Moka(Clock);

impl Harness for Moka {
    type Deduplicator = MokaDeduplicator;

    async fn fresh(&self, of: Limits) -> MokaDeduplicator {
        MokaDeduplicator::with_clock(limits(of), self.0.clone())
    }

    async fn unreachable(&self) -> Result<MokaDeduplicator, &'static str> {
        Err(NO_OUTAGE)
    }

    async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    async fn evicted(&self, of: &MokaDeduplicator) -> u64 {
        of.evicted()
    }
}

#[tokio::test(start_paused = true)]
async fn the_window_keeps_the_contract() {
    assert_eq!(deduplicator::all(&Window(Clock::new())).await, [("D6", NO_OUTAGE)]);
}

#[tokio::test(start_paused = true)]
async fn the_cache_keeps_the_contract() {
    assert_eq!(deduplicator::all(&Moka(Clock::new())).await, [("D6", NO_OUTAGE)]);
}
