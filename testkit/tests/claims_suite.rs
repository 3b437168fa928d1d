//! Owns the proof that the cases about claims bite: a plain store that claims passes them, and each planted flaw fails at one.

use millstream_core::clock::{Clock, MonoTime};
use millstream_core::contract::{DedupScope, Deduplicator, Error, Mark, Marked, Position, Scope, Seen};
use millstream_testkit::NaiveDeduplicator;
use millstream_testkit::conformance::deduplicator::{Harness, Limits};
use millstream_testkit::conformance::{self, Excuse, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Every place gets the claim.
    Blind,
    /// Of two places in one call both get it.
    BlindInACall,
    /// The next owner of a place waits for the lease.
    NeverTakenOver,
    /// Anybody gives a claim back.
    AnyToken,
    /// A record gives another's claim back.
    AnyPlace,
    /// Nothing is given back.
    NeverGivenBack,
    /// A claim never ends.
    Endless,
    /// Asking again prolongs nothing.
    NotRenewed,
    /// A claim hides a mark.
    OutweighsMarks,
    /// One memory for all scopes.
    ScopeBlind,
}

#[derive(Clone, Copy)]
struct Claim {
    at: Position,
    owner: u32,
    until: MonoTime,
}

/// A client of a plain store that claims.
struct Claiming {
    marks: Arc<NaiveDeduplicator>,
    claims: Arc<Mutex<BTreeMap<(u128, u128), Claim>>>,
    clock: Clock,
    lease: Duration,
    owner: u32,
    flaw: Option<Flaw>,
}

impl Claiming {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn place(&self, scope: &DedupScope, key: u128) -> (u128, u128) {
        (if self.has(Flaw::ScopeBlind) { 0 } else { scope.digest() }, key)
    }
}

impl Deduplicator for Claiming {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.marks.check(scope, keys, answers).await
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        self.marks.complete(scope, marks, met).await
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        self.marks.forget(scope, keys).await
    }

    fn claims(&self) -> bool {
        true
    }

    async fn claim(&self, scope: &DedupScope, records: &[(u128, Position)], answers: &mut Vec<Seen>) -> Result<(), Error> {
        let keys: Vec<u128> = records.iter().map(|(key, _)| *key).collect();
        let mut seen = Vec::new();
        self.check(scope, &keys, &mut seen).await?;
        let mut claims = self.claims.lock().expect("no panic under the lock");
        let before = claims.clone();
        for ((key, at), seen) in records.iter().zip(seen) {
            let place = self.place(scope, *key);
            let there = if self.has(Flaw::BlindInACall) { before.get(&place) } else { claims.get(&place) }.copied();
            let there = there.filter(|claim| self.has(Flaw::Endless) || self.clock.now() < claim.until);
            let same = |claim: &Claim| claim.at == *at && !(self.has(Flaw::NeverTakenOver) && claim.owner != self.owner);
            let free = there.is_none_or(|claim| same(&claim)) || self.has(Flaw::Blind);
            answers.push(match seen {
                Seen::Fresh if free => {
                    let until = self.clock.now().after(self.lease);
                    let until = there.filter(|_| self.has(Flaw::NotRenewed)).map_or(until, |claim| claim.until);
                    claims.insert(place, Claim { at: *at, owner: self.owner, until });
                    Seen::Fresh
                }
                Seen::Fresh => Seen::Claimed,
                _ if self.has(Flaw::OutweighsMarks) && !free => Seen::Claimed,
                done => done,
            });
        }
        Ok(())
    }

    fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        let mut claims = self.claims.lock().expect("no panic under the lock");
        for (key, at) in records {
            let place = self.place(scope, *key);
            let there = claims.get(&place).filter(|claim| claim.at == *at || self.has(Flaw::AnyPlace));
            let own = there.is_some_and(|claim| claim.owner == self.owner || self.has(Flaw::AnyToken));
            if own && !self.has(Flaw::NeverGivenBack) {
                claims.remove(&place);
            }
        }
    }

    fn scope(&self) -> Scope {
        Scope::Process
    }
}

struct Plain(Option<Flaw>);

impl Harness for Plain {
    type Deduplicator = Claiming;

    async fn create(&self, limits: Limits) -> Claiming {
        let clock = Clock::new();
        let marks = Arc::new(NaiveDeduplicator::new(limits.ids, limits.ttl, clock.clone()));
        Claiming { marks, claims: Arc::default(), clock, lease: Duration::ZERO, owner: 1, flaw: self.0 }
    }

    async fn evicted(&self, of: &Claiming) -> u64 {
        of.marks.evicted()
    }

    async fn claiming(&self, lease: Duration) -> Result<(Claiming, Claiming), Excuse> {
        let one = Claiming { lease, ..self.create(Limits::WIDE).await };
        let (marks, claims, clock) = (one.marks.clone(), one.claims.clone(), one.clock.clone());
        let other = Claiming { marks, claims, clock, lease, owner: 2, flaw: self.0 };
        Ok((one, other))
    }
}

/// The first case about claims that fails, if any does.
fn failing(flaw: Option<Flaw>) -> Option<&'static str> {
    let suite = conformance::deduplicator(Plain(flaw));
    let mut cases = suite.cases().filter(|case| case.clauses[0] == "D10");
    cases.find(|case| suite.examine(case.name) != Verdict::Passed).map(|case| case.name)
}

#[test]
fn a_plain_store_that_claims_keeps_the_clause() {
    assert_eq!(failing(None), None);
}

#[test]
fn every_planted_flaw_of_claims_fails_at_a_case() {
    let one_at_a_time = "a_claim_lets_one_place_at_a_time_work_on_an_id";
    let given_back = "a_claim_is_given_back_only_by_its_last_owner";
    let ends = "a_claim_ends_with_its_lease";
    let planted = [
        (Flaw::Blind, one_at_a_time),
        (Flaw::BlindInACall, one_at_a_time),
        (Flaw::NeverTakenOver, one_at_a_time),
        (Flaw::OutweighsMarks, one_at_a_time),
        (Flaw::ScopeBlind, one_at_a_time),
        (Flaw::AnyToken, given_back),
        (Flaw::AnyPlace, given_back),
        (Flaw::NeverGivenBack, given_back),
        (Flaw::Endless, ends),
        (Flaw::NotRenewed, ends),
    ];
    for (flaw, case) in planted {
        assert_eq!(failing(Some(flaw)), Some(case), "{flaw:?}");
    }
}
