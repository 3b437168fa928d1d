//! Owns the cases of the clauses (D1 to D10) of [`Deduplicator`]. Leaves random histories to the backends' property tests.

use super::{Harness, Limits};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use millstream_core::contract::{DedupScope, Deduplicator, Fingerprint, Mark, Marked, Position, Seen};
use std::time::Duration;

/// How long after its time to live a mark may still answer: stores count whole seconds.
const LATENESS: Duration = Duration::from_secs(2);

table! {
    /// The cases, by clause.
    <H: Harness> H;
    D1 => a_check_answers_once_per_key_in_order_and_changes_nothing;
    D2 => after_complete_a_check_answers_where_and_what_the_first_mark_was;
    D3 => the_first_writer_wins;
    D4 => marking_the_same_again_is_safe;
    D5 => scopes_are_strangers;
    D6 => an_error_is_never_an_answer needs Outage;
    D7 => a_mark_expires_by_the_stores_clock;
    D8 => the_cap_bounds_and_counts_what_it_pushes_out needs Cap;
    D9 => a_forgotten_key_is_fresh;
    D10 => a_claim_lets_one_place_at_a_time_work_on_an_id needs Claims;
    D10 => a_claim_is_given_back_only_by_its_last_owner needs Claims;
    D10 => a_claim_ends_with_its_lease needs Claims;
}

/// **D1** `check` answers once per key, in order, and changes nothing.
async fn a_check_answers_once_per_key_in_order_and_changes_nothing<H: Harness>(harness: &H) {
    let store = harness.create(Limits { ttl: Duration::from_secs(60), ..Limits::WIDE }).await;
    let scope = scope();
    assert_eq!(check(&store, &scope, &[]).await, [], "no key, no answer");
    complete(&store, &scope, &[mark(7, 70)]).await;
    let keys = [1, 7, 2, 7, 7];
    let expected = [Seen::Fresh, done(70), Seen::Fresh, done(70), done(70)];
    for round in 1..=3 {
        assert_eq!(check(&store, &scope, &keys).await, expected, "in order and unchanged, round {round}");
    }
    let mut answers = vec![Seen::Claimed];
    store.check(&scope, &[7], &mut answers).await.expect("the store is there");
    assert_eq!(answers, [Seen::Claimed, done(70)], "answers are appended");
    // A check must not prolong a mark's life either.
    for _ in 0..7 {
        harness.advance(Duration::from_secs(10)).await;
        check(&store, &scope, &keys).await;
    }
    assert_eq!(check(&store, &scope, &[7]).await, [Seen::Fresh], "checks kept a mark alive past its time");
}

/// **D2** After `complete` answered `Ok`, a later `check` answers `Done` with the mark's position and fingerprint.
async fn after_complete_a_check_answers_where_and_what_the_first_mark_was<H: Harness>(harness: &H) {
    let store = harness.create(Limits::WIDE).await;
    let scope = scope();
    let extremes = [
        Mark::new(0, 0, 0, Fingerprint(0)),
        Mark::new(u128::MAX, u32::MAX, u64::MAX, Fingerprint(u32::MAX)),
        Mark::new(1 << 64, 3, 1 << 40, Fingerprint(5)),
        Mark::new(1, 4, 2, Fingerprint(6)),
    ];
    let many: Vec<Mark> = extremes.into_iter().chain((100..1_000).map(|n| mark(n, n * 3))).collect();
    for batch in many.chunks(256) {
        assert_eq!(complete(&store, &scope, batch).await, vec![Marked::First; batch.len()], "nobody came before");
    }
    let keys: Vec<u128> = many.iter().map(|mark| mark.key).collect();
    let expected: Vec<Seen> = many.iter().map(|mark| Seen::Done { at: mark.at, fingerprint: mark.fingerprint }).collect();
    assert_eq!(check(&store, &scope, &keys).await, expected);
}

/// **D3** The first writer wins: a later mark of the same key changes nothing.
async fn the_first_writer_wins<H: Harness>(harness: &H) {
    let store = harness.create(Limits { ttl: Duration::from_secs(60), ..Limits::WIDE }).await;
    let scope = scope();
    assert_eq!(complete(&store, &scope, &[mark(1, 10), mark(1, 11)]).await, [Marked::First, Marked::Known], "in one call");
    assert_eq!(complete(&store, &scope, &[mark(2, 20), mark(1, 12)]).await, [Marked::First, Marked::Known], "in two");
    assert_eq!(check(&store, &scope, &[1, 2]).await, [done(10), done(20)]);
    harness.advance(Duration::from_secs(40)).await;
    complete(&store, &scope, &[mark(1, 13)]).await;
    harness.advance(Duration::from_secs(40)).await;
    assert_eq!(check(&store, &scope, &[1]).await, [Seen::Fresh], "a later mark prolonged the first one's life");
}

/// **D4** Marking the same again is safe: `complete` may be repeated after an unknown answer.
async fn marking_the_same_again_is_safe<H: Harness>(harness: &H) {
    let store = harness.create(Limits::WIDE).await;
    let scope = scope();
    let marks = [mark(1, 10), mark(2, 20)];
    let mut met = Vec::new();
    drop(store.complete(&scope, &marks, &mut met));
    complete(&store, &scope, &marks[..1]).await;
    assert_eq!(complete(&store, &scope, &marks).await, [Marked::Known, Marked::First], "half of it was applied before");
    assert_eq!(complete(&store, &scope, &marks).await, [Marked::Known, Marked::Known], "all of it was");
    assert_eq!(check(&store, &scope, &[1, 2]).await, [done(10), done(20)]);
    let mut met = vec![Marked::First];
    store.complete(&scope, &marks[1..], &mut met).await.expect("the store is there");
    assert_eq!(met, [Marked::First, Marked::Known], "what it met is appended");
}

/// **D5** Scopes are strangers: a mark in one is never seen, met or forgotten in another.
async fn scopes_are_strangers<H: Harness>(harness: &H) {
    let store = harness.create(Limits::WIDE).await;
    let scopes = [
        scope(),
        DedupScope::new("zerodha", "risk", 0, "check", "orders"),
        DedupScope::new("paper", "desk", 0, "check", "orders"),
        DedupScope::new("paper", "risk", 1, "check", "orders"),
        DedupScope::new("paper", "risk", 0, "audit", "orders"),
        DedupScope::new("paper", "risk", 0, "check", "fills"),
        DedupScope::new("paper:risk", "0", 0, "check", "orders"),
    ];
    for (n, one) in (1..).zip(&scopes) {
        assert_eq!(check(&store, one, &[1]).await, [Seen::Fresh], "{one:?} saw another's mark");
        assert_eq!(complete(&store, one, &[mark(1, n)]).await, [Marked::First], "{one:?} met another's mark");
    }
    store.forget(&scopes[3], &[1]).await.expect("the store is there");
    for (n, one) in (1..).zip(&scopes) {
        let expected = if n == 4 { Seen::Fresh } else { done(n) };
        assert_eq!(check(&store, one, &[1]).await, [expected], "{one:?} lost its own mark to another");
    }
}

/// **D6** An error is never an answer.
async fn an_error_is_never_an_answer<H: Harness>(harness: &H) -> Checked {
    let store = harness.unreachable().await?;
    let scope = scope();
    let refused = store.check(&scope, &[1, 2], &mut Vec::new()).await.expect_err("a store that cannot tell has answered");
    assert!(refused.is_retriable(), "an outage passes: {refused:?}");
    store.complete(&scope, &[mark(1, 10)], &mut Vec::new()).await.expect_err("a mark that may be lost was called made");
    store.forget(&scope, &[1]).await.expect_err("an id that may still be marked was called forgotten");
    Ok(())
}

/// **D7** Expiry is measured by the store's clock from the mark, never from the event's own time, and is not before the
/// `retention` the store says.
async fn a_mark_expires_by_the_stores_clock<H: Harness>(harness: &H) {
    let ttl = Duration::from_secs(100);
    let store = harness.create(Limits { ttl, ..Limits::WIDE }).await;
    let scope = scope();
    // UUIDv7s of the year 1970 and of the year 10889: what an id says about time must not matter.
    let (ancient, future) = (0x7000_8000_0000_0000_0001_u128, (0xffff_ffff_ffff_u128 << 80) | 0x7000_8000_0000_0000_0002);
    harness.advance(Duration::from_millis(300)).await;
    complete(&store, &scope, &[mark(ancient, 10), mark(future, 20)]).await;
    harness.advance(Duration::from_millis(60_900)).await;
    complete(&store, &scope, &[mark(3, 30)]).await;
    harness.advance(Duration::from_millis(39_000)).await;
    let all = [ancient, future, 3];
    assert_eq!(check(&store, &scope, &all).await, [done(10), done(20), done(30)], "99.9 s of 100: alive");
    assert!(store.retention().is_none_or(|kept| kept <= ttl), "it promises more than its time to live: {:?}", store.retention());
    harness.advance(Duration::from_millis(101) + LATENESS).await;
    assert_eq!(check(&store, &scope, &all).await, [Seen::Fresh, Seen::Fresh, done(30)], "the first two have expired");
    assert_eq!(complete(&store, &scope, &[mark(ancient, 11)]).await, [Marked::First], "an expired mark is none");
    assert_eq!(check(&store, &scope, &all).await, [done(11), Seen::Fresh, done(30)]);
    harness.advance(ttl - Duration::from_secs(1)).await;
    assert_eq!(check(&store, &scope, &all).await, [done(11), Seen::Fresh, Seen::Fresh], "the new mark lives its own time");
}

/// **D8** Memory is bounded by a cap; what the cap pushes out is counted, becomes fresh, and is never the newest.
async fn the_cap_bounds_and_counts_what_it_pushes_out<H: Harness>(harness: &H) -> Checked {
    const CAP: usize = 64;
    harness.capped()?;
    let store = harness.create(Limits { ids: CAP, ..Limits::WIDE }).await;
    let scope = scope();
    let keys: Vec<u128> = (1..=CAP as u128 * 3).collect();
    let marks: Vec<Mark> = keys.iter().map(|&key| mark(key, key)).collect();
    for (n, batch) in marks.chunks(16).enumerate() {
        complete(&store, &scope, batch).await;
        if (n + 1) * 16 <= CAP / 2 {
            assert_eq!(harness.evicted(&store).await, 0, "pushed out with half of its room free");
        }
    }
    let evicted = harness.evicted(&store).await;
    let answers = check(&store, &scope, &keys).await;
    let held = answers.iter().filter(|&&seen| seen != Seen::Fresh).count();
    assert!(held <= CAP, "it holds {held} ids with a cap of {CAP}");
    assert_eq!(held as u64 + evicted, keys.len() as u64, "an id is neither held nor counted as pushed out");
    let newest = keys.len() - CAP / 2;
    for (key, seen) in keys.iter().zip(&answers).skip(newest) {
        assert_eq!(*seen, done(*key), "one of the newest {} ids was pushed out", CAP / 2);
    }
    assert_eq!(complete(&store, &scope, &[mark(1, 99)]).await, [Marked::First], "an evicted id starts anew");
    Ok(())
}

/// **D9** After `forget` the key is fresh.
async fn a_forgotten_key_is_fresh<H: Harness>(harness: &H) {
    let store = harness.create(Limits::WIDE).await;
    let scope = scope();
    store.forget(&scope, &[1]).await.expect("forgetting what is not known is no error");
    complete(&store, &scope, &[mark(1, 10), mark(2, 20), mark(3, 30)]).await;
    store.forget(&scope, &[1, 3, 4]).await.expect("the store is there");
    assert_eq!(check(&store, &scope, &[1, 2, 3]).await, [Seen::Fresh, done(20), Seen::Fresh]);
    assert_eq!(complete(&store, &scope, &[mark(1, 11)]).await, [Marked::First], "a forgotten id starts anew");
    assert_eq!(check(&store, &scope, &[1, 2, 3]).await, [done(11), done(20), Seen::Fresh]);
    assert_eq!(harness.evicted(&store).await, 0, "to forget is not to evict");
}

/// Longer than any store's shortest lease.
const LEASE: Duration = Duration::from_secs(100);

/// **D10** One place at a time; the same place renews and takes over; a mark outweighs claims.
async fn a_claim_lets_one_place_at_a_time_work_on_an_id<H: Harness>(harness: &H) -> Checked {
    let (one, other) = harness.claiming(LEASE).await?;
    let scope = scope();
    assert!(one.claims(), "it claims and does not say so");
    complete(&one, &scope, &[mark(3, 30)]).await;
    let asked = [(1, 10), (2, 20), (1, 11), (3, 31)];
    assert_eq!(claim(&one, &scope, &asked).await, [Seen::Fresh, Seen::Fresh, Seen::Claimed, done(30)], "in one call, in order");
    assert_eq!(claim(&one, &scope, &[(1, 11)]).await, [Seen::Claimed], "from another place, by the same client");
    assert_eq!(claim(&other, &scope, &[(1, 12), (4, 40)]).await, [Seen::Claimed, Seen::Fresh], "by another");
    assert_eq!(claim(&one, &scope, &[(1, 10)]).await, [Seen::Fresh], "from the same place");
    assert_eq!(claim(&other, &scope, &[(1, 10)]).await, [Seen::Fresh], "from the same place by its next owner");
    let strangers = DedupScope::new("zerodha", "risk", 0, "check", "orders");
    assert_eq!(claim(&one, &strangers, &[(1, 12)]).await, [Seen::Fresh], "in another scope");
    assert_eq!(check(&one, &scope, &[1, 4]).await, [Seen::Fresh, Seen::Fresh], "a check claims nothing and sees no claims");
    // The one that was replaced finishes all the same: what is done is a fact.
    assert_eq!(complete(&one, &scope, &[mark(1, 10)]).await, [Marked::First]);
    assert_eq!(claim(&other, &scope, &[(1, 10), (1, 12)]).await, [done(10), done(10)], "a mark outweighs claims");
    Ok(())
}

/// **D10** A claim is given back for its own place, by whoever took it last.
async fn a_claim_is_given_back_only_by_its_last_owner<H: Harness>(harness: &H) -> Checked {
    let (one, other) = harness.claiming(LEASE).await?;
    let scope = scope();
    claim(&one, &scope, &[(1, 10), (2, 20)]).await;
    release(&one, &scope, &[(1, 10), (9, 90), (2, 21)]);
    // It is given back with the next call.
    assert_eq!(claim(&one, &scope, &[(5, 50)]).await, [Seen::Fresh]);
    assert_eq!(
        claim(&other, &scope, &[(1, 11), (2, 21)]).await,
        [Seen::Fresh, Seen::Claimed],
        "only 1 was given back, and 2 not for another record"
    );
    assert_eq!(claim(&other, &scope, &[(2, 20)]).await, [Seen::Fresh], "the next owner of its place");
    release(&one, &scope, &[(2, 20)]);
    claim(&one, &scope, &[(5, 50)]).await;
    assert_eq!(claim(&one, &scope, &[(2, 22)]).await, [Seen::Claimed], "given back by an owner that was replaced");
    release(&other, &scope, &[(2, 20)]);
    claim(&other, &scope, &[(5, 50)]).await;
    assert_eq!(claim(&one, &scope, &[(2, 22)]).await, [Seen::Fresh], "given back by its owner");
    Ok(())
}

/// **D10** A claim ends with its lease, which each look-up from the same place renews.
async fn a_claim_ends_with_its_lease<H: Harness>(harness: &H) -> Checked {
    let (one, other) = harness.claiming(LEASE).await?;
    let scope = scope();
    claim(&one, &scope, &[(1, 10), (2, 20)]).await;
    harness.advance(Duration::from_secs(60)).await;
    assert_eq!(claim(&one, &scope, &[(2, 20)]).await, [Seen::Fresh], "renewed");
    harness.advance(Duration::from_secs(30)).await;
    assert_eq!(claim(&other, &scope, &[(1, 11), (2, 21)]).await, [Seen::Claimed, Seen::Claimed], "90 s of 100");
    harness.advance(Duration::from_secs(10) + LATENESS).await;
    assert_eq!(claim(&other, &scope, &[(1, 11), (2, 21)]).await, [Seen::Fresh, Seen::Claimed], "1 was not renewed");
    Ok(())
}

async fn claim(store: &impl Deduplicator, scope: &DedupScope, records: &[(u128, u64)]) -> Vec<Seen> {
    let mut answers = Vec::new();
    store.claim(scope, &places(records), &mut answers).await.expect("the store is there");
    answers
}

fn release(store: &impl Deduplicator, scope: &DedupScope, records: &[(u128, u64)]) {
    store.release(scope, &places(records));
}

fn places(records: &[(u128, u64)]) -> Vec<(u128, Position)> {
    records.iter().map(|&(key, offset)| (key, Position { partition: 5, offset })).collect()
}

fn scope() -> DedupScope {
    DedupScope::new("paper", "risk", 0, "check", "orders")
}

/// The mark of `key` at offset `n` of partition `n mod 7`; its fingerprint follows from `n`.
fn mark(key: u128, n: u128) -> Mark {
    let n = u32::try_from(n).expect("a small number");
    Mark::new(key, n % 7, u64::from(n), Fingerprint(n.wrapping_mul(0x9E37_79B9)))
}

/// What a check must answer after `mark(_, n)`.
fn done(n: u128) -> Seen {
    let Mark { at: Position { partition, offset }, fingerprint, .. } = mark(0, n);
    Seen::Done { at: Position { partition, offset }, fingerprint }
}

async fn check(store: &impl Deduplicator, scope: &DedupScope, keys: &[u128]) -> Vec<Seen> {
    let mut answers = Vec::new();
    store.check(scope, keys, &mut answers).await.expect("the store is there");
    answers
}

async fn complete(store: &impl Deduplicator, scope: &DedupScope, marks: &[Mark]) -> Vec<Marked> {
    let mut met = Vec::new();
    store.complete(scope, marks, &mut met).await.expect("the store is there");
    met
}
