//! Duplicates that lie near each other: whatever delays the later one, its id is looked up after the earlier one's mark.

mod support;

use millstream::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

/// Notes what it handles; numbers from 100 on fail once.
#[derive(Default)]
struct Seen {
    handled: Mutex<Vec<u64>>,
    failed: Mutex<Vec<u64>>,
}

impl Seen {
    fn note(&self, number: u64) {
        self.handled.lock().expect("no panic under the lock").push(number);
    }

    async fn flaky(&self, order: Event<Order>) -> Result<(), HandlerError> {
        let mut failed = self.failed.lock().expect("no panic under the lock");
        if order.number >= 100 && !failed.contains(&order.number) {
            failed.push(order.number);
            return Err(HandlerError::transient("not yet"));
        }
        self.note(order.number);
        Ok(())
    }

    async fn slow(&self, order: Event<Order>) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.note(order.number);
    }

    fn count(&self, number: u64) -> usize {
        self.handled.lock().expect("no panic under the lock").iter().filter(|&&other| other == number).count()
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_behind_a_busy_key_is_dropped_though_its_twin_was_marked_meanwhile() {
    let memory = Memory::new();
    let seen = Arc::new(Seen::default());
    let retry = Retry::exponential(Duration::from_millis(50), Duration::from_millis(50));
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(WindowDeduplicator::default())
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_shared_state(seen.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Seen::flaky)
        .build()
        .expect("a valid service");
    // All wait for 100. Then 1 is done, and its twin waits for 101, while 1 is marked.
    send_orders(&memory, "paper.orders.new", [100, 1, 101, 1, 2].map(|number| order("a", number))).await;
    let running = Running::start(service).await;
    running.settled(5).await;
    assert_eq!(running.handle.account().total().duplicates, 1);
    running.stop().await.expect("a clean end");
    assert_eq!(*seen.handled.lock().expect("no panic under the lock"), [100, 1, 101, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_that_had_to_wait_for_a_free_place_is_dropped_though_its_twin_was_marked_meanwhile() {
    let memory = Memory::new();
    let seen = Arc::new(Seen::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(WindowDeduplicator::default())
        .with_shared_state(seen.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", Seen::slow, HandlerSettings::new().concurrency(1))
        .build()
        .expect("a valid service");
    // One batch, looked up at once; one attempt at a time, so 1 is marked long before its twin's turn comes.
    let orders = [order("a", 1), order("b", 2), order("c", 3), order("a", 1), order("d", 4)];
    send_orders(&memory, "paper.orders.new", orders).await;
    let running = Running::start(service).await;
    running.settled(5).await;
    assert_eq!(running.handle.account().total().duplicates, 1);
    running.stop().await.expect("a clean end");
    assert_eq!((seen.count(1), seen.count(4)), (1, 1));
}
