//! What holds starts back: an open breaker, and care after a crash.

mod support;

use millstream::contract::{DedupScope, Deduplicator};
use millstream::engine::{Breaker, Note};
use millstream::memory::CommitFault;
use millstream::prelude::*;
use millstream_testkit::{FlakyDeduplicator, MarkCall};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;
use tokio::sync::Notify;

#[derive(Default)]
struct Dependency {
    down: AtomicBool,
    seen: Mutex<Vec<u64>>,
}

impl Dependency {
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(HandlerError::transient("down"));
        }
        self.seen.lock().expect("no panic under the lock").push(order.number);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_waits_without_work_and_goes_on_by_a_probe() {
    let memory = Memory::new();
    let state = Arc::new(Dependency::default());
    state.down.store(true, Ordering::SeqCst);
    let retry = Retry::exponential(Duration::from_millis(10), Duration::from_millis(20)).attempts(50);
    let breaker = Breaker::after(3).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5));
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(breaker))
        .with_shared_state(state.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Dependency::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("b", 2), order("a", 3)]).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(running.handle.health().is_degraded(), "an open breaker is trouble");
    state.down.store(false, Ordering::SeqCst);
    running.settled(3).await;
    assert!(running.handle.health().is_ready());
    running.stop().await.expect("a clean end");
    let mut seen = state.seen.lock().expect("no panic under the lock").clone();
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3]);
}

/// A handler one of whose records ends its process: it says so and never returns.
#[derive(Default)]
struct Deadly {
    killer: Option<u64>,
    killed: Notify,
    failures: Mutex<u32>,
    seen: Mutex<Vec<u64>>,
}

impl Deadly {
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        if self.killer == Some(order.number) {
            self.killed.notify_one();
            std::future::pending::<()>().await;
        }
        let takes = if order.number >= 200 { 2_000 } else { 10 };
        tokio::time::sleep(Duration::from_millis(takes)).await;
        if order.number == 1 {
            let mut failures = self.failures.lock().expect("no panic under the lock");
            if *failures > 0 {
                *failures -= 1;
                return Err(HandlerError::transient("not yet"));
            }
        }
        self.seen.lock().expect("no panic under the lock").push(order.number);
        Ok(())
    }
}

fn deadly(memory: &Memory, seed: u64, state: &Arc<Deadly>) -> StreamService {
    StreamServiceBuilder::new("seen", memory.clone())
        .seed(seed)
        .with_shared_state(state.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Deadly::on_order)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_under_care_is_retried_before_its_followers() {
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("a", 2), order("b", 3)]).await;
    let state = Arc::new(Deadly { killer: Some(1), ..Deadly::default() });
    let running = Running::start(deadly(&memory, 1, &state)).await;
    state.killed.notified().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.crash().await;
    let state = Arc::new(Deadly { failures: Mutex::new(2), ..Deadly::default() });
    let running = Running::start(deadly(&memory, 2, &state)).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(3)).await.expect("care does not block");
    running.stop().await.expect("a clean end");
    assert_eq!(*state.seen.lock().expect("no panic under the lock"), [3, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_under_care_finds_its_probe() {
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("b", 2), order("c", 3)]).await;
    let killer = Arc::new(Deadly { killer: Some(1), ..Deadly::default() });
    let running = Running::start(deadly(&memory, 1, &killer)).await;
    killer.killed.notified().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.crash().await;
    let state = Arc::new(Dependency::default());
    state.down.store(true, Ordering::SeqCst);
    let retry = Retry::exponential(Duration::from_millis(200), Duration::from_millis(400)).attempts(50);
    // It opens at the second record's failure, when the third one is about to be noted and the first waits for its backoff.
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .seed(2)
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(Breaker::after(2).probe_every(Duration::from_secs(1))))
        .with_shared_state(state.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Dependency::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    state.down.store(false, Ordering::SeqCst);
    tokio::time::timeout(Duration::from_secs(60), running.settled(3)).await.expect("a probe goes out");
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_always_fails_under_care_is_not_every_probe() {
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let killer = Arc::new(Deadly { killer: Some(1), ..Deadly::default() });
    let running = Running::start(deadly(&memory, 1, &killer)).await;
    killer.killed.notified().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.crash().await;
    let retry = Retry::exponential(Duration::from_millis(10), Duration::from_millis(20)).attempts(50);
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .seed(2)
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(Breaker::after(2).probe_every(Duration::from_secs(1))))
        .with_shared_state(Arc::new(Deadly { failures: Mutex::new(u32::MAX), ..Deadly::default() }))
        .add_consumer_handler("paper.orders.new", "seen.orders", Deadly::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    while !running.handle.health().troubles.keys().any(|place| place.starts_with("breaker of ")) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    send_orders(&memory, "paper.orders.new", [order("b", 2), order("c", 3)]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(2)).await.expect("somebody else asks");
    running.stop().await.expect("a clean end");
}

/// A handler that fails order 1 three times; after the first of them no commit is taken for a while.
struct Unheard {
    memory: Memory,
    fails: Mutex<u32>,
}

impl Unheard {
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        let mut fails = self.fails.lock().expect("no panic under the lock");
        if order.number != 1 || *fails == 0 {
            return Ok(());
        }
        if *fails == 3 {
            self.memory.fail_commits("seen.orders", 20, CommitFault::Stale);
        }
        *fails -= 1;
        Err(HandlerError::transient("busy"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_awaits_its_note_uses_up_none_of_its_deadline() {
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("b", 2)]).await;
    let killer = Arc::new(Deadly { killer: Some(1), ..Deadly::default() });
    let running = Running::start(deadly(&memory, 1, &killer)).await;
    killer.killed.notified().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.crash().await;
    let retry =
        Retry::exponential(Duration::from_millis(10), Duration::from_millis(20)).attempts(4).within(Duration::from_secs(2));
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .seed(2)
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_state(Unheard { memory: memory.clone(), fails: Mutex::new(3) })
        .add_consumer_handler("paper.orders.new", "seen.orders", Unheard::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(2).await;
    // The other record was noted meanwhile, so its next attempt had to await a note of its own.
    let counts = running.handle.account().total();
    assert_eq!((counts.done, counts.dead_lettered, counts.failures), (2, 0, 3));
    running.stop().await.expect("a clean end");
}

/// The suspect that a group's note names for a partition.
fn suspect(memory: &Memory, partition: u32) -> Option<(u64, u8)> {
    let committed = memory.committed("seen.orders", &topic("paper.orders.new"), partition);
    Note::read(committed.and_then(|committed| committed.metadata).as_deref()).and_then(|note| note.suspect)
}

#[tokio::test(start_paused = true)]
async fn a_record_beside_a_killer_is_not_taken_for_one() {
    let memory = Memory::builder().default_partitions(2).build();
    let at = |partition: u32, n: u64| record("paper.orders.new", &order("a", n)).to_partition(partition);
    send(&memory, vec![at(0, 100), at(0, 101), at(1, 200), at(1, 201)]).await;
    for seed in 1..=6 {
        let state = Arc::new(Deadly { killer: Some(100), ..Deadly::default() });
        let running = Running::start(deadly(&memory, seed, &state)).await;
        tokio::select! {
            () = running.settled(1_000) => unreachable!("there are not that many"),
            () = state.killed.notified() => {
                // Careful or not, what the killer takes along is blamed on it alone.
                if seed > 1 {
                    assert_eq!((suspect(&memory, 0).map(|s| s.0), suspect(&memory, 1)), (Some(0), None), "process {seed}");
                }
                if seed == 1 {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            () = tokio::time::sleep(Duration::from_secs(600)) => {
                running.stop().await.expect("a clean end");
                break;
            }
        }
        running.crash().await;
    }
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(letters.len(), 1);
    let reason = letters[0].headers.iter().find(|(name, _)| name == "millstream-dlq-reason");
    assert_eq!(reason.and_then(|(_, value)| value.as_deref()), Some(&b"crash"[..]));
    assert_eq!(letters[0].partition, Some(0));
    for partition in 0..2 {
        assert_eq!(committed(&memory, "seen.orders", "paper.orders.new", partition), Some(2));
    }
}

/// A handler whose record 2 ends its process if it `kills`, and whose records from 200 take seconds.
#[derive(Default)]
struct Mixed {
    kills: bool,
    killed: Notify,
}

impl Mixed {
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        match order.number {
            2 if self.kills => {
                self.killed.notify_one();
                std::future::pending().await
            }
            seconds @ 200.. => tokio::time::sleep(Duration::from_secs(seconds - 200)).await,
            _ => {}
        }
        Ok(())
    }
}

/// A service whose care after a crash lasts for so many records.
fn mixed(memory: &Memory, seed: u64, settings: HandlerSettings, store: &FlakyDeduplicator, state: &Arc<Mixed>) -> StreamService {
    StreamServiceBuilder::new("seen", memory.clone())
        .seed(seed)
        .with_deduplicator(store.clone())
        .with_shared_state(state.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", Mixed::on_order, settings)
        .build()
        .expect("a valid service")
}

/// A partition whose first record is done and marked, and not committed, when the second one ends the process. The store
/// says then that the first one is claimed elsewhere: it holds the watermark, while those after it run with care.
async fn crashed_behind_a_claim(memory: &Memory, partition: u32, settings: HandlerSettings) -> (FlakyDeduplicator, MarkCall) {
    let store = FlakyDeduplicator::new(WindowDeduplicator::default());
    send(memory, vec![at(partition, "a", 1), at(partition, "b", 2)]).await;
    let state = Arc::new(Mixed { kills: true, ..Mixed::default() });
    let running = Running::start(mixed(memory, 1, settings, &store, &state)).await;
    state.killed.notified().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    running.crash().await;
    assert_eq!(committed(memory, "seen.orders", "paper.orders.new", partition), Some(0));
    let done = store.mark_calls().remove(0);
    store.forget_everything();
    store.claim([done.mark.key]);
    (store, done)
}

fn at(partition: u32, key: &str, n: u64) -> Record {
    record("paper.orders.new", &order(key, n)).to_partition(partition)
}

/// Who claimed the record has done it.
async fn complete(store: &FlakyDeduplicator, done: &MarkCall) {
    let parts: Vec<&str> = done.scope.split([':', '@']).collect();
    let scope = DedupScope::new(parts[0], parts[1], 0, parts[3], parts[4]);
    store.complete(&scope, &[done.mark], &mut Vec::new()).await.expect("nothing fails");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_to_a_partition_whose_care_has_ended_is_passed_on() {
    let memory = Memory::builder().default_partitions(2).build();
    let settings = HandlerSettings::new().in_flight(3, 4 << 20);
    let (store, done) = crashed_behind_a_claim(&memory, 1, settings.clone()).await;
    send(&memory, vec![at(1, "b", 3), at(1, "b", 202), at(1, "b", 5)]).await;
    let running = Running::start(mixed(&memory, 2, settings, &store, &Arc::default())).await;
    running.settled(2).await;
    send(&memory, vec![at(0, "c", 205), at(0, "c", 6)]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // The other partition has the turn, and the last record here queues for it, when care ends.
    assert_eq!((running.handle.account().total().settled(), suspect(&memory, 0)), (3, Some((0, 0))));
    complete(&store, &done).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(7)).await.expect("the turn goes round");
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn care_ends_with_a_record_that_turns_out_to_be_done() {
    let memory = Memory::new();
    let settings = HandlerSettings::new().in_flight(2, 4 << 20);
    let (store, done) = crashed_behind_a_claim(&memory, 0, settings.clone()).await;
    send(&memory, vec![at(0, "b", 3)]).await;
    let running = Running::start(mixed(&memory, 2, settings, &store, &Arc::default())).await;
    running.settled(2).await;
    complete(&store, &done).await;
    running.settled(3).await;
    send(&memory, vec![at(0, "b", 205)]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // The last note may still name the one before it.
    assert_eq!(running.handle.account().total().settled(), 3, "it runs");
    assert_ne!(suspect(&memory, 0), Some((3, 0)), "as others do");
    running.settled(4).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn care_ends_with_a_suspect_that_is_not_wanted_any_more() {
    let memory = Memory::new();
    let store = FlakyDeduplicator::new(WindowDeduplicator::default());
    let settings = || HandlerSettings::new().in_flight(1, 4 << 20);
    send(&memory, vec![at(0, "b", 2)]).await;
    for seed in 1..=2 {
        let state = Arc::new(Mixed { kills: true, ..Mixed::default() });
        let running = Running::start(mixed(&memory, seed, settings(), &store, &state)).await;
        state.killed.notified().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        running.crash().await;
    }
    assert_eq!(suspect(&memory, 0), Some((0, 0)), "the second process ran it with care");
    let others = settings().filter(|record| record.offset() > 0);
    let running = Running::start(mixed(&memory, 3, others, &store, &Arc::default())).await;
    running.settled(1).await;
    send(&memory, vec![at(0, "b", 205)]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((running.handle.account().total().settled(), suspect(&memory, 0)), (1, None), "it runs as others do");
    running.settled(2).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_away_too_long_works_again_after_it_lost_its_partitions() {
    let memory = Memory::new();
    let state = Arc::new(Dependency::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_shared_state(state.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Dependency::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(service).await;
    running.settled(1).await;
    // Longer than its session, and it notices that before it hears from the group.
    let member = memory.group_members("seen.orders")[0].id;
    let stall = memory.stall("seen.orders", member).expect("a member");
    tokio::time::advance(Duration::from_secs(120)).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    drop(stall);
    send_orders(&memory, "paper.orders.new", [order("a", 2)]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(2)).await.expect("it works again");
    running.stop().await.expect("a clean end");
}
