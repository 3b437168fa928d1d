//! An open breaker: nothing starts but probes, nothing becomes a dead letter, and nobody spins meanwhile.

mod support;

use millstream::contract::Deduplicator;
use millstream::engine::Breaker;
use millstream::prelude::*;
use millstream_testkit::FlakyDeduplicator;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

/// A dependency that is down for a number of calls.
struct Down {
    calls: AtomicU64,
    until: u64,
}

impl Down {
    async fn on_order(&self, _: Event<Order>) -> Result<(), HandlerError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.until {
            return Err(HandlerError::transient("nobody answers"));
        }
        Ok(())
    }

    /// A service with it whose breaker, once open, asks each second.
    fn service(self: &Arc<Self>, memory: &Memory, retry: Retry, breaker: Breaker) -> StreamService {
        let breaker = breaker.within(Duration::from_secs(10)).probe_every(Duration::from_secs(1));
        StreamServiceBuilder::new("seen", memory.clone())
            .with_error_handling(ErrorHandling::new().retry(retry).breaker(breaker))
            .with_shared_state(self.clone())
            .add_consumer_handler("paper.orders.new", "seen.orders", Down::on_order)
            .build()
            .expect("a valid service")
    }
}

async fn ride_out_an_outage() -> (u64, u64, u64, u64) {
    let memory = Memory::new();
    let down = Arc::new(Down { calls: AtomicU64::new(0), until: 30 });
    let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(5));
    let service = down.service(&memory, retry, Breaker::after(10));
    send_orders(&memory, "paper.orders.new", (0..20).map(|n| order(&n.to_string(), n))).await;
    let running = Running::start(service).await;
    running.settled(20).await;
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    (counts.done, counts.dead_lettered, counts.retries, down.calls.load(Ordering::SeqCst))
}

/// Paused time passes only while everybody sleeps: where a worker spins it stands still for ever, and no time-out of the
/// runtime's would fire. So the runtime has a thread of its own here, and this one looks at a real clock.
#[test]
fn a_worker_sleeps_while_its_breaker_is_open_and_then_does_everything() {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let _ = tell.send(runtime.expect("a runtime").block_on(ride_out_an_outage()));
    });
    let counted = told.recv_timeout(Duration::from_secs(20)).expect("the worker spins, or died");
    // 30 calls failed, and each was followed by another.
    assert_eq!(counted, (20, 0, 30, 50));
}

/// A handler that always fails one account.
#[derive(Default)]
struct Picky(Mutex<Vec<u64>>);

impl Picky {
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        self.0.lock().expect("no panic under the lock").push(order.number);
        match order.account.as_str() {
            "bad" => Err(HandlerError::transient("never this one")),
            _ => Ok(()),
        }
    }

    /// A service with it whose breaker two failures have opened: those of order 1, of which four are enough.
    async fn opened(self: &Arc<Self>, memory: &Memory) -> Running {
        self.opened_beside(memory, WindowDeduplicator::default()).await
    }

    /// The same with this store of ids.
    async fn opened_beside(self: &Arc<Self>, memory: &Memory, store: impl Deduplicator) -> Running {
        let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(5)).attempts(4);
        let breaker = Breaker::after(2).within(Duration::from_secs(10)).probe_every(Duration::from_secs(1));
        let service = StreamServiceBuilder::new("seen", memory.clone())
            .with_error_handling(ErrorHandling::new().retry(retry).breaker(breaker))
            .with_deduplicator(store)
            .with_shared_state(self.clone())
            .add_consumer_handler("paper.orders.new", "seen.orders", Picky::on_order)
            .build()
            .expect("a valid service");
        send_orders(memory, "paper.orders.new", [order("bad", 1)]).await;
        let running = Running::start(service).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(running.handle.health().is_degraded());
        running
    }

    fn calls(&self) -> Vec<u64> {
        self.0.lock().expect("no panic under the lock").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_always_fails_is_not_every_probe_of_a_breaker_behind_which_others_wait() {
    let (memory, picky) = (Memory::new(), Arc::new(Picky::default()));
    let running = picky.opened(&memory).await;
    send_orders(&memory, "paper.orders.new", [order("bad", 2), order("also bad", 3), order("good", 4)]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(3)).await.expect("somebody else asks");
    let counts = running.handle.account().total();
    assert_eq!((counts.done, counts.dead_lettered), (2, 1));
    // Its probe counted no attempt, and the next was another's.
    assert_eq!(picky.calls()[..7], [1, 1, 1, 3, 4, 1, 1]);
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn who_failed_as_a_probe_is_none_again_while_others_are_looked_up() {
    let (memory, picky) = (Memory::new(), Arc::new(Picky::default()));
    let store = FlakyDeduplicator::new(WindowDeduplicator::default());
    let running = picky.opened_beside(&memory, store.clone()).await;
    store.checks().slow(Duration::from_secs(5));
    send_orders(&memory, "paper.orders.new", [order("good", 2)]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(1)).await.expect("it is looked up, and closes the breaker");
    assert_eq!(picky.calls()[..4], [1, 1, 1, 2], "a probe was due all the time, and order 1 had been one");
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_record_alone_behind_an_open_breaker_stays_its_probe_and_health_says_so() {
    let (memory, picky) = (Memory::new(), Arc::new(Picky::default()));
    let running = picky.opened(&memory).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((picky.calls(), running.handle.account().total().settled()), (vec![1; 62], 0));
    let health = running.handle.health();
    let trouble = health.troubles.iter().find(|(place, _)| place.starts_with("breaker of ")).map(|(_, text)| text.as_str());
    assert_eq!(trouble, Some("open: the probe with offset 0 failed: never this one"));
    send_orders(&memory, "paper.orders.new", [order("good", 2)]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(2)).await.expect("the next record closes it");
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_while_no_probe_is_due_is_the_next_one() {
    let (memory, picky) = (Memory::new(), Arc::new(Picky::default()));
    let running = picky.opened(&memory).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(picky.calls(), [1, 1, 1], "it has been the first one");
    send_orders(&memory, "paper.orders.new", [order("good", 2)]).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(1)).await.expect("it closes the breaker");
    assert_eq!(picky.calls()[..4], [1, 1, 1, 2]);
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_holds_new_records_back_though_nobody_waits_behind_it() {
    let memory = Memory::new();
    let down = Arc::new(Down { calls: AtomicU64::new(0), until: 2 });
    let service = down.service(&memory, Retry::none(), Breaker::after(2));
    send_orders(&memory, "paper.orders.new", (0..2).map(|n| order(&n.to_string(), n))).await;
    let running = Running::start(service).await;
    running.settled(2).await;
    assert_eq!(running.handle.account().total().dead_lettered, 2);
    send_orders(&memory, "paper.orders.new", (2..7).map(|n| order(&n.to_string(), n))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(down.calls.load(Ordering::SeqCst), 2, "no probe is due");
    running.settled(7).await;
    assert_eq!(down.calls.load(Ordering::SeqCst), 7);
    running.stop().await.expect("a clean end");
}
