//! Owns the harnesses that put both deduplicators through the contract's suite. Leaves random histories to `model`.

use millstream_core::clock::Clock;
use millstream_moka::{MokaDeduplicator, WindowDeduplicator};
use millstream_testkit::conformance;
use millstream_testkit::conformance::deduplicator::{Harness, Limits};
use std::process::ExitCode;

fn limits(limits: Limits) -> millstream_moka::Limits {
    millstream_moka::Limits::new().with_ids(limits.ids).with_ttl(limits.ttl)
}

struct Window;

impl Harness for Window {
    type Deduplicator = WindowDeduplicator;

    async fn create(&self, of: Limits) -> WindowDeduplicator {
        WindowDeduplicator::with_clock(limits(of), Clock::new())
    }

    async fn evicted(&self, of: &WindowDeduplicator) -> u64 {
        of.evicted()
    }
}

struct Moka;

impl Harness for Moka {
    type Deduplicator = MokaDeduplicator;

    async fn create(&self, of: Limits) -> MokaDeduplicator {
        MokaDeduplicator::with_clock(limits(of), Clock::new())
    }

    async fn evicted(&self, of: &MokaDeduplicator) -> u64 {
        of.evicted()
    }
}

fn main() -> ExitCode {
    conformance::deduplicator(Window).named("window").and(conformance::deduplicator(Moka).named("moka")).run()
}
