//! Owns the proof that the deduplicator suite bites: the plain model passes it, and each planted flaw fails at the clause
//! it breaks. Leaves claims (D10), which the model has none of, to `claims_suite`.

use millstream_core::clock::Clock;
use millstream_testkit::conformance::deduplicator::{Harness, Limits};
use millstream_testkit::conformance::{self, Excuse, Suite, Verdict};
use millstream_testkit::{Flaw, NaiveDeduplicator};
use std::collections::BTreeSet;

struct Naive(Option<Flaw>);

impl Harness for Naive {
    type Deduplicator = NaiveDeduplicator;

    async fn create(&self, limits: Limits) -> NaiveDeduplicator {
        let store = NaiveDeduplicator::new(limits.ids, limits.ttl, Clock::new());
        self.0.into_iter().fold(store, NaiveDeduplicator::with_flaw)
    }

    async fn evicted(&self, of: &NaiveDeduplicator) -> u64 {
        of.evicted()
    }

    async fn unreachable(&self) -> Result<NaiveDeduplicator, Excuse> {
        Ok(self.create(Limits::WIDE).await.unreachable())
    }
}

/// A store that is always there.
struct AlwaysThere;

impl Harness for AlwaysThere {
    type Deduplicator = NaiveDeduplicator;

    async fn create(&self, limits: Limits) -> NaiveDeduplicator {
        Naive(None).create(limits).await
    }

    async fn evicted(&self, of: &NaiveDeduplicator) -> u64 {
        of.evicted()
    }
}

fn verdicts(suite: &Suite) -> Vec<(&'static str, Verdict)> {
    suite.cases().map(|case| (case.clauses[0], suite.examine(case.name))).collect()
}

fn claims_nothing() -> Verdict {
    Verdict::Ignored("it does not claim ids".into())
}

#[test]
fn the_plain_model_keeps_every_clause() {
    for (clause, verdict) in verdicts(&conformance::deduplicator(Naive(None))) {
        assert_eq!(verdict, if clause == "D10" { claims_nothing() } else { Verdict::Passed }, "{clause}");
    }
}

#[test]
fn a_case_that_cannot_apply_is_ignored_with_its_reason_and_not_passed() {
    for (clause, verdict) in verdicts(&conformance::deduplicator(AlwaysThere)) {
        let reason = "its store is this process's memory, which is always there";
        let expected = match clause {
            "D6" => Verdict::Ignored(reason.into()),
            "D10" => claims_nothing(),
            _ => Verdict::Passed,
        };
        assert_eq!(verdict, expected, "{clause}");
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
    let mut broken = BTreeSet::new();
    for (flaw, clause) in planted {
        let suite = conformance::deduplicator(Naive(Some(flaw)));
        let case = suite.cases().find(|case| case.clauses[0] == clause).expect("every clause has a case").name;
        assert!(matches!(suite.examine(case), Verdict::Failed(_)), "{clause} does not notice {flaw:?}");
        broken.insert(clause);
    }
    let suite = conformance::deduplicator(Naive(None));
    let mut clauses = suite.cases().map(|case| case.clauses[0]).filter(|clause| *clause != "D10");
    assert!(clauses.all(|clause| broken.contains(clause)), "a clause that nothing breaks is not known to bite");
}
