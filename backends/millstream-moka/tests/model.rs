//! Owns random histories: each deduplicator answers as the plain model does, and a full one loses only what it may.

use millstream_core::clock::Clock;
use millstream_core::contract::{DedupScope, Deduplicator, Fingerprint, Mark, Marked, Seen};
use millstream_moka::{Limits, MokaDeduplicator, WindowDeduplicator};
use millstream_testkit::NaiveDeduplicator;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(20);

/// One step of a history. Few keys and scopes, so that they meet often; whole seconds, in which expiry is exact.
#[derive(Clone, Debug)]
enum Step {
    Check(usize, Vec<u128>),
    Complete(usize, Vec<(u128, u64)>),
    Forget(usize, Vec<u128>),
    Advance(u64),
}

fn key() -> impl Strategy<Value = u128> {
    // Equal low halves and equal high halves both occur.
    (0..6_u128, 0..4_u128).prop_map(|(low, high)| low | high << 64)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, vec(key(), 0..8)).prop_map(|(scope, keys)| Step::Check(scope, keys)),
        4 => (0..3_usize, vec((key(), 0..1_000_u64), 0..8)).prop_map(|(scope, marks)| Step::Complete(scope, marks)),
        1 => (0..3_usize, vec(key(), 1..3)).prop_map(|(scope, keys)| Step::Forget(scope, keys)),
        3 => (0..15_u64).prop_map(Step::Advance),
    ]
}

fn scopes() -> [DedupScope; 3] {
    ["orders", "fills", "ticks"].map(|topic| DedupScope::new("paper", "risk", 0, "check", topic))
}

fn mark((key, offset): (u128, u64)) -> Mark {
    Mark::new(key, u32::try_from(offset % 5).unwrap_or(0), offset, Fingerprint(u32::try_from(offset).unwrap_or(0) ^ 0xABCD))
}

/// Runs `history` on a runtime whose clock only the history moves.
fn paused<T>(history: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(history)
}

async fn check(store: &impl Deduplicator, scope: &DedupScope, keys: &[u128]) -> Vec<Seen> {
    let mut answers = Vec::new();
    store.check(scope, keys, &mut answers).await.expect("memory is always there");
    answers
}

async fn complete(store: &impl Deduplicator, scope: &DedupScope, marks: &[Mark]) -> Vec<Marked> {
    let mut met = Vec::new();
    store.complete(scope, marks, &mut met).await.expect("memory is always there");
    met
}

async fn agrees_with_the_model(store: impl Deduplicator, clock: Clock, history: &[Step]) -> Result<(), TestCaseError> {
    let model = NaiveDeduplicator::new(usize::MAX, TTL, clock);
    let scopes = scopes();
    for (n, step) in history.iter().enumerate() {
        match step {
            Step::Check(scope, keys) => {
                let (theirs, ours) = (check(&model, &scopes[*scope], keys).await, check(&store, &scopes[*scope], keys).await);
                prop_assert_eq!(ours, theirs, "step {}", n);
            }
            Step::Complete(scope, marks) => {
                let marks: Vec<Mark> = marks.iter().copied().map(mark).collect();
                let theirs = complete(&model, &scopes[*scope], &marks).await;
                prop_assert_eq!(complete(&store, &scopes[*scope], &marks).await, theirs, "step {}", n);
            }
            Step::Forget(scope, keys) => {
                model.forget(&scopes[*scope], keys).await.expect("memory is always there");
                store.forget(&scopes[*scope], keys).await.expect("memory is always there");
            }
            Step::Advance(seconds) => tokio::time::advance(Duration::from_secs(*seconds)).await,
        }
    }
    Ok(())
}

/// A history of one scope under a cap: nothing is made up, the newest half stays, and the books balance.
async fn a_full_window_loses_only_what_it_may(cap: usize, history: &[Step]) -> Result<(), TestCaseError> {
    let clock = Clock::new();
    let store = WindowDeduplicator::with_clock(Limits::new().with_ids(cap).with_ttl(TTL), clock.clone());
    let model = NaiveDeduplicator::new(usize::MAX, TTL, clock.clone());
    let scope = &scopes()[0];
    let (mut newest, all): (Vec<u128>, Vec<u128>) = (Vec::new(), (0..4).flat_map(|h| (0..6).map(move |l| l | h << 64)).collect());
    for step in history {
        match step {
            Step::Complete(_, marks) => {
                for &one in marks {
                    // What was evicted is marked anew here and known to the model; bring the model up to date.
                    if complete(&store, scope, &[mark(one)]).await == [Marked::First] {
                        model.forget(scope, &[one.0]).await.expect("memory is always there");
                        complete(&model, scope, &[mark(one)]).await;
                        newest.retain(|&key| key != one.0);
                        newest.push(one.0);
                    }
                }
            }
            Step::Forget(_, keys) => {
                model.forget(scope, keys).await.expect("memory is always there");
                store.forget(scope, keys).await.expect("memory is always there");
            }
            Step::Advance(seconds) => tokio::time::advance(Duration::from_secs(*seconds)).await,
            Step::Check(..) => {}
        }
        prop_assert!(store.held() <= cap, "{} held", store.held());
        let (theirs, ours) = (check(&model, scope, &all).await, check(&store, scope, &all).await);
        for ((key, ours), theirs) in all.iter().zip(ours).zip(theirs) {
            let is_new = newest.iter().rev().take(cap / 2).any(|new| new == key);
            prop_assert!(ours == theirs || (ours == Seen::Fresh && !is_new), "{}: {:?}, not {:?}", key, ours, theirs);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_window_answers_as_the_model_does(history in vec(step(), 1..60)) {
        paused(async {
            let clock = Clock::new();
            let store = WindowDeduplicator::with_clock(Limits::new().with_ttl(TTL), clock.clone());
            agrees_with_the_model(store, clock, &history).await
        })?;
    }

    #[test]
    fn the_cache_answers_as_the_model_does(history in vec(step(), 1..60)) {
        paused(async {
            let clock = Clock::new();
            let store = MokaDeduplicator::with_clock(Limits::new().with_ttl(TTL), clock.clone());
            agrees_with_the_model(store, clock, &history).await
        })?;
    }

    #[test]
    fn a_full_window_never_loses_its_newest_half_and_makes_nothing_up(cap in 2..12_usize, history in vec(step(), 1..60)) {
        paused(a_full_window_loses_only_what_it_may(cap, &history))?;
    }
}
