//! Owns the proof that the deduplicator suite bites: the plain model passes it, and each planted flaw fails at the clause
//! it breaks.

use millstream_core::clock::Clock;
use millstream_testkit::conformance::deduplicator::{self, Harness, Limits};
use millstream_testkit::{Flaw, NaiveDeduplicator};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

struct Naive {
    clock: Clock,
    flaw: Option<Flaw>,
}

impl Harness for Naive {
    type Deduplicator = NaiveDeduplicator;

    async fn fresh(&self, limits: Limits) -> NaiveDeduplicator {
        let store = NaiveDeduplicator::new(limits.ids, limits.ttl, self.clock.clone());
        self.flaw.into_iter().fold(store, NaiveDeduplicator::with_flaw)
    }

    async fn unreachable(&self) -> Result<NaiveDeduplicator, &'static str> {
        Ok(self.fresh(Limits::WIDE).await.unreachable())
    }

    async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    async fn evicted(&self, of: &NaiveDeduplicator) -> u64 {
        of.evicted()
    }
}

/// Runs one clause on a runtime of its own, whose clock stands still.
fn run(clause: &str, flaw: Option<Flaw>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime
        .block_on(async { deduplicator::clause(clause, &Naive { clock: Clock::new(), flaw }).await })
        .expect("the model skips nothing");
}

#[test]
fn the_plain_model_keeps_every_clause() {
    for clause in deduplicator::CLAUSES {
        run(clause, None);
    }
}

#[test]
fn every_planted_flaw_fails_at_the_clause_it_breaks() {
    let planted = [
        (Flaw::AnswersReversed, "D1"),
        (Flaw::CheckMarks, "D1"),
        (Flaw::CheckProlongs, "D1"),
        (Flaw::PositionLost, "D2"),
        (Flaw::LastWriterWins, "D3"),
        (Flaw::RepeatIsFirst, "D4"),
        (Flaw::ScopeBlind, "D5"),
        (Flaw::OutageIsFresh, "D6"),
        (Flaw::OutageIsDone, "D6"),
        (Flaw::NeverExpires, "D7"),
        (Flaw::ExpiresEarly, "D7"),
        (Flaw::ExpiresByKey, "D7"),
        (Flaw::PromisesMore, "D7"),
        (Flaw::Unbounded, "D8"),
        (Flaw::EvictsSilently, "D8"),
        (Flaw::EvictsNewest, "D8"),
        (Flaw::NeverForgets, "D9"),
    ];
    for (flaw, clause) in planted {
        let verdict = catch_unwind(AssertUnwindSafe(|| run(clause, Some(flaw))));
        assert!(verdict.is_err(), "{clause} does not notice {flaw:?}");
    }
}
