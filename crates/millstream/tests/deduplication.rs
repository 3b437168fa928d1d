//! Deduplication under concurrency: an answer counts only while nothing of its id has happened since it was asked for.

mod support;

use millstream::contract::{DedupScope, Deduplicator, Error, Fingerprint, Mark, Marked, Scope, Seen};
use millstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

#[derive(Default)]
struct Slow(Mutex<Vec<u64>>);

impl Slow {
    fn numbers(&self) -> Vec<u64> {
        self.0.lock().expect("no panic under the lock").clone()
    }

    async fn on_order(&self, order: Event<Order>) {
        self.0.lock().expect("no panic under the lock").push(order.number);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn service(memory: &Memory, dedup: impl Deduplicator, seen: &Arc<Slow>, settings: HandlerSettings) -> StreamService {
    StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(dedup)
        .with_shared_state(seen.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", Slow::on_order, settings)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_twin_that_starts_after_its_twin_was_marked_is_dropped() {
    let memory = Memory::new();
    let seen = Arc::new(Slow::default());
    // Four at a time, all looked up together: the ninth starts long after the first was marked.
    let settings = HandlerSettings::new().concurrency(4);
    let mut records: Vec<Record> = (0..8).map(|n| record("paper.orders.new", &order(&n.to_string(), n))).collect();
    records.push(record("paper.orders.new", &order("0", 0)));
    send(&memory, records).await;
    let running = Running::start(service(&memory, WindowDeduplicator::default(), &seen, settings)).await;
    running.settled(9).await;
    assert_eq!(running.handle.account().total().duplicates, 1);
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), (0..8).collect::<Vec<_>>());
}

/// After a crash between the outputs and the mark an output is made again: with its id and its data, at another time. Found by
/// the simulator with the trading services.
#[tokio::test(start_paused = true)]
async fn an_output_that_was_made_again_is_a_duplicate_and_one_with_other_data_a_conflict() {
    let memory = Memory::new();
    let seen = Arc::new(Slow::default());
    let first = record("paper.orders.new", &order("a", 1));
    let text = String::from_utf8(first.value.clone().expect("a value").to_vec()).expect("JSON");
    let but = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        let mut record = first.clone();
        record.value = Some(text.replace(from, to).into());
        record
    };
    let (later, other) = (but(r#""timestamp":"20"#, r#""timestamp":"21"#), but(r#""number":1"#, r#""number":2"#));
    send(&memory, vec![first.clone(), later, other]).await;
    let running = Running::start(service(&memory, WindowDeduplicator::default(), &seen, HandlerSettings::new())).await;
    running.settled(3).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.duplicates, total.conflicts), (1, 1));
    assert_eq!(seen.numbers(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_twin_that_waited_for_its_key_is_dropped() {
    let memory = Memory::new();
    let seen = Arc::new(Slow::default());
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("a", 2), order("a", 2), order("a", 1), order("a", 3)]).await;
    let running = Running::start(service(&memory, WindowDeduplicator::default(), &seen, HandlerSettings::new())).await;
    running.settled(5).await;
    assert_eq!(running.handle.account().total().duplicates, 2);
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1, 2, 3]);
}

/// A store that answers for some time as it is told to.
#[derive(Default)]
struct Store {
    marks: Mutex<BTreeMap<u128, Mark>>,
    claimed: Mutex<Option<u128>>,
    silent_checks: AtomicU32,
    /// Look-ups that leave their last answer out.
    short_checks: AtomicU32,
    silent_marks: AtomicU32,
}

impl Store {
    fn takes_one(calls: &AtomicU32) -> bool {
        calls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    async fn maybe_silent(calls: &AtomicU32) {
        if Self::takes_one(calls) {
            std::future::pending::<()>().await;
        }
    }

    fn answer(&self, key: u128) -> Seen {
        if *self.claimed.lock().expect("no panic under the lock") == Some(key) {
            return Seen::Claimed;
        }
        let marks = self.marks.lock().expect("no panic under the lock");
        marks.get(&key).map_or(Seen::Fresh, |mark| Seen::Done { at: mark.at, fingerprint: mark.fingerprint })
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Store>);

impl Deduplicator for Shared {
    async fn check(&self, _: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        Store::maybe_silent(&self.0.silent_checks).await;
        answers.extend(keys.iter().map(|&key| self.0.answer(key)));
        if Store::takes_one(&self.0.short_checks) {
            answers.pop();
        }
        Ok(())
    }

    async fn complete(&self, _: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        Store::maybe_silent(&self.0.silent_marks).await;
        let mut known = self.0.marks.lock().expect("no panic under the lock");
        for mark in marks {
            met.push(if known.contains_key(&mark.key) { Marked::Known } else { Marked::First });
            known.entry(mark.key).or_insert(*mark);
        }
        Ok(())
    }

    async fn forget(&self, _: &DedupScope, _: &[u128]) -> Result<(), Error> {
        Ok(())
    }

    fn scope(&self) -> Scope {
        Scope::Process
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_leaves_an_answer_out_says_nothing_of_any_record() {
    let memory = Memory::new();
    let seen = Arc::new(Slow::default());
    let store = Shared::default();
    store.0.short_checks.store(20, Ordering::SeqCst);
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("b", 2)]).await;
    let running = Running::start(service(&memory, store, &seen, HandlerSettings::new())).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(seen.numbers(), [0; 0], "nothing starts on half an answer");
    let health = running.handle.health();
    assert!(health.troubles.values().any(|why| why.contains("left answers out")), "{health:?}");
    tokio::time::timeout(Duration::from_secs(300), running.settled(2)).await.expect("it is asked again until it answers");
    assert!(!running.handle.health().is_degraded());
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_record_claimed_elsewhere_waits_in_its_keys_order() {
    let memory = Memory::new();
    let seen = Arc::new(Slow::default());
    let store = Shared::default();
    *store.0.claimed.lock().expect("no panic under the lock") = Some(id(2).key().as_u128());
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("a", 2), order("a", 3), order("b", 4)]).await;
    let running = Running::start(service(&memory, store.clone(), &seen, HandlerSettings::new())).await;
    running.settled(2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.numbers(), [1, 4]);
    *store.0.claimed.lock().expect("no panic under the lock") = None;
    running.settled(4).await;
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1, 4, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_asked_again() {
    let memory = Memory::new();
    let seen = Arc::new(Slow::default());
    let store = Shared::default();
    store.0.silent_checks.store(1, Ordering::SeqCst);
    store.0.silent_marks.store(1, Ordering::SeqCst);
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(service(&memory, store, &seen, HandlerSettings::new())).await;
    let settled = tokio::time::timeout(Duration::from_secs(300), running.settled(1)).await;
    settled.expect("a call has a deadline");
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1]);
}

/// What was claimed, and what was given back.
type Asked = (Vec<(u128, Position)>, Vec<(u128, Position)>);

/// What a store that claims was asked for and given back.
#[derive(Clone, Default)]
struct Claiming(Arc<Mutex<Asked>>);

impl Claiming {
    fn calls(&self) -> Asked {
        self.0.lock().expect("no panic under the lock").clone()
    }
}

impl Deduplicator for Claiming {
    async fn check(&self, _: &DedupScope, _: &[u128], _: &mut Vec<Seen>) -> Result<(), Error> {
        panic!("a store that claims is asked to claim")
    }

    async fn complete(&self, _: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        met.extend(marks.iter().map(|_| Marked::First));
        Ok(())
    }

    async fn forget(&self, _: &DedupScope, _: &[u128]) -> Result<(), Error> {
        Ok(())
    }

    fn claims(&self) -> bool {
        true
    }

    async fn claim(&self, _: &DedupScope, records: &[(u128, Position)], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.0.lock().expect("no panic under the lock").0.extend_from_slice(records);
        answers.extend(records.iter().map(|_| Seen::Fresh));
        Ok(())
    }

    fn release(&self, _: &DedupScope, records: &[(u128, Position)]) {
        self.0.lock().expect("no panic under the lock").1.extend_from_slice(records);
    }

    fn scope(&self) -> Scope {
        Scope::Shared
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_claims_is_told_where_each_record_lies() {
    let memory = Memory::new();
    let store = Claiming::default();
    send_orders(&memory, "paper.orders.new", (0..5).map(|n| order("a", n))).await;
    let running = Running::start(service(&memory, store.clone(), &Arc::default(), HandlerSettings::new())).await;
    running.settled(5).await;
    running.stop().await.expect("a clean end");
    let mut at: Vec<(u128, u64)> = store.calls().0.into_iter().map(|(key, at)| (key, at.offset)).collect();
    at.dedup();
    assert_eq!(at, (0..5).map(|n| (id(n).key().as_u128(), n)).collect::<Vec<_>>());
    assert_eq!(store.calls().1, [], "what is marked is not given back");
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_a_dead_letter_is_given_back() {
    async fn refuses(order: Event<Order>) -> Result<(), HandlerError> {
        if order.number == 1 { Err(HandlerError::permanent("never")) } else { Ok(()) }
    }
    let memory = Memory::new();
    let store = Claiming::default();
    send_orders(&memory, "paper.orders.new", (0..3).map(|n| order("a", n))).await;
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(store.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", refuses)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(3).await;
    running.stop().await.expect("a clean end");
    assert_eq!(store.calls().1, [(id(1).key().as_u128(), Position { partition: 0, offset: 1 })]);
}

/// Takes as long as two thirds of what an answer counts.
#[derive(Default)]
struct Slower(Slow);

impl Slower {
    async fn on_order(&self, order: Event<Order>) {
        self.0.on_order(order).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_looked_up_again_in_its_middle_keeps_each_answer_with_its_record() {
    let (memory, store, seen) = (Memory::new(), Shared::default(), Arc::new(Slower::default()));
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(store.clone())
        .with_shared_state(seen.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", Slower::on_order, HandlerSettings::new().concurrency(1))
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", (0..6).map(|n| order(&n.to_string(), n))).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    // Another process has done it meanwhile: its partition was that one's for a moment.
    let done = Mark::new(id(4).key().as_u128(), 0, 4, Fingerprint::default());
    store.0.marks.lock().expect("no panic under the lock").insert(done.key, done);
    running.settled(6).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.done, total.redeliveries, total.conflicts), (5, 1, 0));
    assert_eq!(seen.0.numbers(), [0, 1, 2, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_later_with_the_id_and_not_the_content_of_another_is_a_dead_letter() {
    let (memory, seen) = (Memory::new(), Arc::new(Slow::default()));
    let first = record("paper.orders.new", &order("a", 1));
    let text = String::from_utf8(first.value.clone().expect("a value").to_vec()).expect("JSON");
    let mut other = first.clone();
    other.value = Some(text.replace(r#""number":1"#, r#""number":2"#).into());
    send(&memory, vec![first]).await;
    let running = Running::start(service(&memory, WindowDeduplicator::default(), &seen, HandlerSettings::new())).await;
    running.settled(1).await;
    send(&memory, vec![other.clone()]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(2)).await.expect("it is settled by its letter");
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.done, total.conflicts, total.dead_lettered), (1, 1, 1));
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(letters.iter().map(|letter| letter.value.clone()).collect::<Vec<_>>(), [other.value]);
    assert_eq!(seen.numbers(), [1]);
}

/// Each is known by its own content, wherever it lies in its value and its value in its batch.
#[tokio::test(start_paused = true)]
async fn records_whose_contents_lie_elsewhere_are_duplicates_when_they_come_again_and_no_conflicts() {
    async fn at_once(_: Event<Order>) {}
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(WindowDeduplicator::default())
        .add_consumer_handler("paper.orders.new", "seen.orders", at_once)
        .build()
        .expect("a valid service");
    let from = |source: &str, number| {
        let order = order("a", number);
        let envelope = EventEnvelope::new(id(number), Order::TYPE, Timestamp::from_millis(1_700_000_000_000), source, &order);
        Record::new(topic("paper.orders.new"), "a", envelope.to_json().expect("orders are JSON"))
    };
    let records = || vec![from("desk", 1), from("a desk with a longer name", 2), from("d", 3), from("desk", 4)];
    send(&memory, records()).await;
    let running = Running::start(service).await;
    running.settled(4).await;
    // One by one, as a batch of one has its record at its beginning.
    for (index, record) in records().into_iter().enumerate() {
        send(&memory, vec![record]).await;
        running.settled(5 + index as u64).await;
    }
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.done, total.duplicates, total.conflicts), (4, 4, 0));
}
