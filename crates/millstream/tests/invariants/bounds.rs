//! I11: what is in flight never passes its caps, and fetching stops before. F62, F69, F95; B14, B54.

use super::support::*;
use super::world::*;
use millstream::prelude::*;
use millstream_testkit::FlakyTransport;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Counts who is inside, and lets nobody out before the gate opens.
struct Gate {
    inside: AtomicU64,
    most: AtomicU64,
    gate: Semaphore,
}

/// Leaves when dropped, so that a dropped attempt counts as gone.
struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn closed() -> Arc<Self> {
        Arc::new(Gate { inside: AtomicU64::new(0), most: AtomicU64::new(0), gate: Semaphore::new(0) })
    }

    async fn on_order(&self, _order: Event<Order>) -> Result<(), HandlerError> {
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let _inside = Inside(self);
        self.gate.acquire().await?.forget();
        Ok(())
    }
}

fn long() -> HandlerSettings {
    HandlerSettings::new().timeout(Duration::from_secs(290))
}

#[tokio::test(start_paused = true)]
async fn records_in_flight_never_pass_their_cap_and_fetching_stops() {
    let (memory, gate) = (log(1), Gate::closed());
    send_orders(&memory, NEW, (0..500).map(|n| order(&format!("account-{n}"), n))).await;
    let service = builder(memory.clone(), 1)
        .with_shared_state(gate.clone())
        .add_consumer_handler_with(NEW, GROUP, Gate::on_order, long().in_flight(40, 32 << 20).concurrency(1_000))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    for opened in [0, 1, 7, 100] {
        gate.gate.add_permits(opened);
        tokio::time::sleep(Duration::from_secs(20)).await;
        let account = running.handle.account().total();
        assert_eq!(account.delivered - account.settled(), 40, "the window is full, and no fuller");
    }
    gate.gate.add_permits(1_000);
    running.settled(500).await;
    running.stop().await.expect("a clean end");
    assert!(gate.most.load(Ordering::SeqCst) <= 40, "{:?}", gate.most);
}

#[tokio::test(start_paused = true)]
async fn bytes_in_flight_never_pass_their_cap() {
    let (memory, gate) = (log(1), Gate::closed());
    let large = |n| record(NEW, &order(&format!("account-{n}"), n)).header("filling", vec![0; 10_000]);
    send(&memory, (0..300).map(large).collect()).await;
    // Room for one record of the largest size is kept back: what is above it is used.
    let cap = (1 << 20) + (20 << 10) + 500_000;
    let service = builder(memory.clone(), 1)
        .with_shared_state(gate.clone())
        .add_consumer_handler_with(NEW, GROUP, Gate::on_order, long().in_flight(4_096, cap).concurrency(1_000))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let delivered = running.handle.account().total().delivered;
    assert!((40..cap / 10_000).contains(&delivered), "{delivered} records of 10 kB under a cap of {cap} bytes");
    gate.gate.add_permits(usize::try_from(delivered).expect("a few"));
    running.settled(delivered).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let account = running.handle.account().total();
    assert_eq!(account.delivered - account.settled(), delivered, "what is settled makes room for as many");
    gate.gate.add_permits(1_000);
    running.settled(300).await;
    running.stop().await.expect("a clean end");
}

/// F95, B54: a record larger than the whole cap is admitted, alone.
#[tokio::test(start_paused = true)]
async fn one_record_above_the_cap_is_admitted_alone() {
    let (memory, gate) = (log(1), Gate::closed());
    let large = |n| record(NEW, &order(&format!("account-{n}"), n)).header("filling", vec![0; 10_000]);
    send(&memory, (0..20).map(large).collect()).await;
    let service = builder(memory.clone(), 1)
        .with_shared_state(gate.clone())
        .add_consumer_handler_with(NEW, GROUP, Gate::on_order, long().in_flight(4_096, 100))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(running.handle.account().total().delivered, 1);
    gate.gate.add_permits(1_000);
    running.settled(20).await;
    running.stop().await.expect("a clean end");
    assert_eq!(gate.most.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn pending_attempts_never_pass_the_concurrency() {
    let (memory, gate) = (log(1), Gate::closed());
    send_orders(&memory, NEW, (0..300).map(|n| order(&format!("account-{n}"), n))).await;
    let service = builder(memory.clone(), 1)
        .with_shared_state(gate.clone())
        .add_consumer_handler_with(NEW, GROUP, Gate::on_order, long().concurrency(17))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(gate.inside.load(Ordering::SeqCst), 17);
    gate.gate.add_permits(1_000);
    running.settled(300).await;
    running.stop().await.expect("a clean end");
    assert_eq!(gate.most.load(Ordering::SeqCst), 17);
}

/// tokio lets a task do so much at a time; who was woken and not polled for that goes on in the next turn.
#[tokio::test(start_paused = true)]
async fn handlers_that_are_woken_by_the_hundred_at_once_all_go_on() {
    let (memory, gate) = (log(1), Gate::closed());
    send_orders(&memory, NEW, (0..600).map(|n| order(&format!("account-{n}"), n))).await;
    let service = builder(memory.clone(), 1)
        .with_shared_state(gate.clone())
        .add_consumer_handler_with(NEW, GROUP, Gate::on_order, long().concurrency(1_000))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(gate.inside.load(Ordering::SeqCst), 600);
    gate.gate.add_permits(600);
    // Long before a commit is answered, which would wake the worker too.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(gate.inside.load(Ordering::SeqCst), 0);
    running.settled(600).await;
    running.stop().await.expect("a clean end");
}

/// A turn ends after so many records, so that handlers that never wait let others run; the next one follows at once.
#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_a_turn_is_worked_off_without_a_pause() {
    let memory = log(1);
    let service = builder(memory.clone(), 1)
        .max_batch(10_000)
        .add_consumer_handler_with(NEW, GROUP, async |_: Event<Order>| {}, long().in_flight(20_000, 1 << 30))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    send_orders(&memory, NEW, (0..10_000).map(|n| order(&format!("account-{n}"), n))).await;
    // A commit, a tenth of a second later, would wake the worker too.
    tokio::time::timeout(Duration::from_millis(50), running.settled(10_000)).await.expect("all in one go");
    running.stop().await.expect("a clean end");
}

/// F62, B14: while a destination hangs, a worker owes a bounded number of outputs and starts nothing more.
#[tokio::test(start_paused = true)]
async fn outputs_that_are_owed_are_bounded() {
    let memory = log(1);
    let (flaky, history) = (FlakyTransport::new(memory.clone()), History::watch(&memory, false));
    let seen = history.clone();
    flaky.to(&topic(OUT)).hang(true);
    send_orders(&memory, NEW, (0..400).map(|n| order(&format!("account-{n}"), n))).await;
    let service = builder(flaky.clone(), 1)
        .add_producer()
        .add_consumer_handler(NEW, GROUP, move |order: Event<Order>, out: &mut Outputs| {
            let emitted = (0..100).try_for_each(|n| out.emit_named(DONE, &format!("part-{n}"), &*order).map(drop));
            seen.effect(order.number);
            std::future::ready(emitted)
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let emitted = history.done().len() * 100;
    assert!((8_000..=8_192 + 100).contains(&emitted), "{emitted} outputs are owed");
    flaky.to(&topic(OUT)).hang(false);
    running.settled(400).await;
    assert_eq!(running.handle.account().total().outputs, 40_000);
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn outputs_of_one_attempt_are_bounded() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    let seen = history.clone();
    let mut settings = HandlerSettings::new();
    settings.max_outputs = 3;
    send_orders(&memory, NEW, (1..=5).map(|n| order("a", n))).await;
    let service = builder(memory.clone(), 1)
        .add_producer()
        .add_consumer_handler_with(
            NEW,
            GROUP,
            move |order: Event<Order>, out: &mut Outputs| {
                let emitted = (0..order.number).take_while(|_| out.emit(DONE, &*order).is_ok()).count();
                (0..emitted).for_each(|_| seen.effect(order.number));
                std::future::ready(())
            },
            settings,
        )
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(5).await;
    running.stop().await.expect("a clean end");
    assert_eq!((1..=5).map(|n| history.effects(n)).collect::<Vec<_>>(), [1, 2, 3, 3, 3]);
}
