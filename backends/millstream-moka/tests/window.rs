//! Owns what the window promises beyond the contract: counting at every turn, memory, threads. Leaves the clauses to
//! `conformance`.

use millstream_core::clock::Clock;
use millstream_core::contract::{DedupScope, Deduplicator, Fingerprint, Mark, Marked, Seen};
use millstream_moka::{Limits, MokaDeduplicator, WindowDeduplicator};
use std::time::Duration;

fn scope(topic: &str) -> DedupScope {
    DedupScope::new("paper", "risk", 0, "check", topic)
}

fn marks(keys: std::ops::Range<u128>) -> Vec<Mark> {
    keys.map(|key| Mark::new(key, 0, 1, Fingerprint(2))).collect()
}

async fn complete(store: &impl Deduplicator, scope: &DedupScope, marks: &[Mark]) -> Vec<Marked> {
    let mut met = Vec::new();
    store.complete(scope, marks, &mut met).await.expect("memory is always there");
    met
}

async fn fresh(store: &impl Deduplicator, scope: &DedupScope, keys: std::ops::Range<u128>) -> usize {
    let mut answers = Vec::new();
    store.check(scope, &keys.collect::<Vec<_>>(), &mut answers).await.expect("memory is always there");
    answers.into_iter().filter(|&seen| seen == Seen::Fresh).count()
}

#[tokio::test(start_paused = true)]
async fn expired_and_forgotten_marks_are_not_counted_as_pushed_out() {
    let store = WindowDeduplicator::with_clock(Limits::new().with_ids(8).with_ttl(Duration::from_secs(60)), Clock::new());
    let scope = scope("orders");
    complete(&store, &scope, &marks(0..2)).await;
    tokio::time::advance(Duration::from_secs(40)).await;
    complete(&store, &scope, &marks(2..8)).await;
    store.forget(&scope, &[2]).await.expect("memory is always there");
    tokio::time::advance(Duration::from_secs(30)).await;
    // Ids 0 and 1 have expired and 2 is forgotten; of the older half only 3 is alive when it goes.
    complete(&store, &scope, &marks(10..14)).await;
    assert_eq!((store.evicted(), fresh(&store, &scope, 3..4).await), (1, 1));
    store.forget(&scope, &[4, 5]).await.expect("memory is always there");
    complete(&store, &scope, &marks(14..18)).await;
    assert_eq!(store.evicted(), 3, "6 and 7 were alive, 4 and 5 forgotten");
    store.forget(&scope, &[15]).await.expect("memory is always there");
    complete(&store, &scope, &marks(15..16)).await;
    complete(&store, &scope, &marks(18..22)).await;
    complete(&store, &scope, &marks(22..23)).await;
    assert_eq!(store.evicted(), 11, "10 to 13, then 14 to 17: 15 was forgotten and marked again");
}

#[tokio::test(start_paused = true)]
async fn known_marks_turn_no_generation() {
    let store = WindowDeduplicator::with_clock(Limits::new().with_ids(8), Clock::new());
    let scope = scope("orders");
    complete(&store, &scope, &marks(0..8)).await;
    for _ in 0..10 {
        assert_eq!(complete(&store, &scope, &marks(0..8)).await, [Marked::Known; 8]);
    }
    assert_eq!((store.evicted(), fresh(&store, &scope, 0..8).await), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn known_marks_after_a_turn_by_age_push_nothing_out() {
    let store = WindowDeduplicator::with_clock(Limits::new().with_ids(8).with_ttl(Duration::from_secs(60)), Clock::new());
    let scope = scope("orders");
    complete(&store, &scope, &marks(0..1)).await;
    tokio::time::advance(Duration::from_secs(50)).await;
    complete(&store, &scope, &marks(1..2)).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    for _ in 0..3 {
        assert_eq!(complete(&store, &scope, &marks(1..2)).await, [Marked::Known], "it has 40 seconds to live");
    }
}

#[tokio::test(start_paused = true)]
async fn a_growing_young_generation_denies_nothing_of_the_old_one() {
    let store = WindowDeduplicator::with_clock(Limits::new().with_ttl(Duration::from_secs(60)), Clock::new());
    let scope = scope("orders");
    complete(&store, &scope, &marks(0..1)).await;
    tokio::time::advance(Duration::from_secs(50)).await;
    complete(&store, &scope, &marks(1..200)).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    complete(&store, &scope, &marks(1_000..5_000)).await;
    assert_eq!(fresh(&store, &scope, 1..200).await, 0, "they have 40 seconds to live");
}

#[tokio::test(start_paused = true)]
async fn a_busy_scope_pushes_out_nothing_of_another() {
    let store = WindowDeduplicator::with_clock(Limits::new().with_ids(8), Clock::new());
    complete(&store, &scope("quiet"), &marks(0..4)).await;
    complete(&store, &scope("busy"), &marks(0..1_000)).await;
    assert_eq!(fresh(&store, &scope("quiet"), 0..4).await, 0);
    assert!(store.evicted() >= 992);
}

#[tokio::test(start_paused = true)]
async fn a_full_window_costs_45_bytes_an_id_and_then_never_grows() {
    let ids = 28_672_u128; // 7/8 of 2 x 2^14 buckets, as the default is of 2 x 2^19
    let store = WindowDeduplicator::with_clock(Limits::new().with_ids(ids as usize), Clock::new());
    let scope = scope("orders");
    complete(&store, &scope, &marks(0..ids)).await;
    assert_eq!(store.held(), ids as usize);
    let bytes = store.bytes();
    assert!(bytes <= ids as usize * 45, "{bytes} bytes for {ids} ids");
    complete(&store, &scope, &marks(ids..ids + 1)).await;
    assert_eq!(store.bytes(), bytes, "a turn gives up a table that is needed again");
    for round in 1..5 {
        complete(&store, &scope, &marks(round * ids..(round + 1) * ids)).await;
        store.forget(&scope, &[round * ids + 1]).await.expect("memory is always there");
        assert_eq!(store.bytes(), bytes, "it grew when it was full");
    }
}

#[test]
fn of_many_threads_that_mark_an_id_exactly_one_is_the_first() {
    fn race(store: &impl Deduplicator) -> usize {
        let one = |offset: u64| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let marks: Vec<Mark> = (0..2_000).map(|key| Mark::new(key, 0, offset, Fingerprint(0))).collect();
            let calls = marks.chunks(50).map(|batch| runtime.block_on(complete(store, &scope("orders"), batch)));
            calls.flatten().filter(|&met| met == Marked::First).count()
        };
        std::thread::scope(|threads| {
            let racers: Vec<_> = (0..4).map(|offset| threads.spawn(move || one(offset))).collect();
            racers.into_iter().map(|racer| racer.join().expect("a racer ends")).sum()
        })
    }
    assert_eq!(race(&WindowDeduplicator::default()), 2_000);
    assert_eq!(race(&MokaDeduplicator::default()), 2_000);
}
