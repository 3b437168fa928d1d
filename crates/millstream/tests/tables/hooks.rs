//! State that is no table: what a user runs before a partition starts and before it is given up.

use super::support::*;
use super::world::*;
use millstream::contract::{Assigned, Operation};
use millstream::memory::{CommitFault, Memory};
use millstream::prelude::*;
use millstream::service::{Restored, Revoked, TableSettings};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A store of numbers that outlives its service, with what was done to it in order.
#[derive(Default)]
struct Book(Mutex<(Vec<u64>, Vec<String>)>);

impl Book {
    fn inside(&self) -> MutexGuard<'_, (Vec<u64>, Vec<String>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: impl Into<String>) {
        self.inside().1.push(what.into());
    }

    async fn on_order(&self, order: Event<Order>) {
        self.inside().0.push(order.number);
        self.note(format!("order {}", order.number));
    }

    async fn restore(&self, now: Assigned) -> Result<Restored, HandlerError> {
        self.note(format!("assigned {}", now.partition));
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.note("restored");
        Ok(Restored::nothing())
    }

    async fn save(&self, gone: Revoked) -> Result<(), HandlerError> {
        self.note(format!("revoked {} at {}", gone.partition, gone.committed));
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.note("saved");
        Ok(())
    }
}

fn built(
    memory: &Memory,
    book: &Arc<Book>,
    hooked: impl FnOnce(StreamServiceBuilder<Book>) -> StreamServiceBuilder<Book>,
) -> StreamService {
    let base = StreamServiceBuilder::new("ledger", memory.clone()).with_deduplicator(WindowDeduplicator::default());
    hooked(base.with_shared_state(book.clone())).add_consumer_handler(INPUT, GROUP, Book::on_order).build().expect("valid")
}

#[tokio::test(start_paused = true)]
async fn a_partition_starts_behind_its_hook_and_is_given_up_behind_the_other() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    let running = Running::start(built(&memory, &book, |b| b.on_assigned(Book::restore).on_revoked(Book::save))).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    let wanted = ["assigned paper.orders.new-0", "restored", "order 7", "revoked paper.orders.new-0 at 1", "saved"];
    assert_eq!(book.inside().1, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_hook_saves_nothing_that_the_group_refuses_to_commit() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    memory.fail_commits(GROUP, 1_000, CommitFault::Refused);
    let running = Running::start(built(&memory, &book, |b| b.on_revoked(Book::save))).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    assert_eq!(book.inside().1, ["order 7"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_state_lacks_runs_again_though_it_is_done() {
    let (memory, dedup) = (log(1), WindowDeduplicator::default());
    send_orders(&memory, INPUT, (0..10).map(|n| order("a", n))).await;
    send_orders(&memory, INPUT, [order("a", 8)]).await;
    for (restored, wanted) in [(Restored::nothing(), 0..10), (Restored::through(3), 4..10), (Restored::none_of_it(), 0..10)] {
        let book = Arc::new(Book::default());
        let running = Running::start(restoring(&memory, &dedup, &book, restored)).await;
        running.settled(11 - wanted.start).await;
        through(&memory).await;
        running.stop().await.expect("a clean end");
        assert_eq!(book.inside().0, wanted.collect::<Vec<_>>(), "{restored:?}: each once, and the duplicate never");
    }
}

/// A service whose hook has restored this much, and which stops for ever at order 50.
fn restoring(memory: &Memory, dedup: &WindowDeduplicator, book: &Arc<Book>, restored: Restored) -> StreamService {
    let handler = async |order: Event<Order>, book: &Book| match order.number {
        50 => std::future::pending().await,
        _ => book.on_order(order).await,
    };
    StreamServiceBuilder::new("ledger", memory.clone())
        .with_deduplicator(dedup.clone())
        .with_shared_state(book.clone())
        .on_assigned(move |_: &Book, _: Assigned| async move { Ok(restored) })
        .add_consumer_handler(INPUT, GROUP, handler)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn what_ran_ahead_of_the_commit_runs_again_if_the_state_lacks_it() {
    for (restored, wanted) in
        [(Restored::nothing(), vec![]), (Restored::through(3), vec![4, 5, 6, 7]), (Restored::through(5), vec![6, 7])]
    {
        let (memory, dedup) = (log(1), WindowDeduplicator::default());
        send_orders(&memory, INPUT, (0..8).map(|n| order("a", n))).await;
        let first = Running::start(restoring(&memory, &dedup, &Arc::default(), Restored::nothing())).await;
        through(&memory).await;
        first.stop().await.expect("a clean end");
        memory.set_committed(GROUP, &topic(INPUT), 0, Some(4));
        let book = Arc::new(Book::default());
        let running = Running::start(restoring(&memory, &dedup, &book, restored)).await;
        through(&memory).await;
        running.stop().await.expect("a clean end");
        assert_eq!(book.inside().0, wanted, "{restored:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_for_a_hook_that_is_interrupted_goes_on_with_the_next_owner() {
    let (memory, dedup) = (log(1), WindowDeduplicator::default());
    send_orders(&memory, INPUT, (45..55).map(|n| order("a", n))).await;
    // All of it is done, and committed.
    let done = StreamServiceBuilder::new("ledger", memory.clone()).with_deduplicator(dedup.clone());
    let done = done.add_consumer_handler(INPUT, GROUP, async |_: Event<Order>| {}).build().expect("a valid service");
    let done = Running::start(done).await;
    through(&memory).await;
    done.stop().await.expect("a clean end");
    for (restored, wanted) in [(Restored::none_of_it(), 45..50), (Restored::through(3), 49..50)] {
        let book = Arc::new(Book::default());
        let stuck = Running::start(restoring(&memory, &dedup, &book, restored)).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        stuck.crash().await;
        assert_eq!(book.inside().0, wanted.collect::<Vec<_>>(), "{restored:?}");
        assert_eq!(committed(&memory, GROUP, INPUT, 0), Some(10), "the group has done what is done");
    }
    let book = Arc::new(Book::default());
    let running = Running::start(restoring(&memory, &dedup, &book, Restored::through(5))).await;
    running.settled(4).await;
    running.stop().await.expect("a clean end");
    assert_eq!(book.inside().0, [51, 52, 53, 54]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_in_passing_is_called_again() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    let running = Running::start(built(&memory, &book, |b| {
        b.on_assigned(async |book: &Book, _: Assigned| {
            book.note("try");
            if book.inside().1.len() < 3 { Err(HandlerError::transient("not yet")) } else { Ok(Restored::nothing()) }
        })
    }))
    .await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(book.inside().1, ["try", "try", "try", "order 7"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_says_when_to_call_it_again_is_not_called_before() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    let running = Running::spawn(built(&memory, &book, |b| {
        b.on_assigned(async |book: &Book, _: Assigned| {
            book.note("try");
            let busy = HandlerError::after(Duration::from_secs(60), "busy");
            if book.inside().1.len() < 2 { Err(busy) } else { Ok(Restored::nothing()) }
        })
    }));
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(book.inside().1, ["try"]);
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(book.inside().1, ["try", "try", "order 7"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_ends_the_run_with_its_words_and_nothing_has_started() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    async fn torn(_: &Book, _: Assigned) -> Result<Restored, HandlerError> {
        panic!("the file is torn")
    }
    let error = Running::spawn(built(&memory, &book, |b| b.on_assigned(torn))).end().await.expect_err("it cannot run");
    assert_eq!(error.operation(), Operation::Restore);
    assert!(error.to_string().contains("the hook for paper.orders.new-0 failed: it panicked: the file is torn"), "{error}");
    assert!(book.inside().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_does_not_keep_a_revoked_partition() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    async fn torn(_: &Book, _: Revoked) -> Result<(), HandlerError> {
        panic!("the file is torn")
    }
    let running = Running::start(built(&memory, &book, |b| b.on_revoked(torn))).await;
    through(&memory).await;
    let before = tokio::time::Instant::now();
    running.stop().await.expect("a clean end");
    assert!(before.elapsed() < Duration::from_secs(1), "nothing is waited for");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_for_good_ends_the_run_and_nothing_has_started() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    let service = built(&memory, &book, |b| {
        b.on_assigned(|_: &Book, _: Assigned| async { Err(HandlerError::permanent("the disk is gone")) })
    });
    let error = Running::spawn(service).end().await.expect_err("it cannot run");
    assert_eq!(error.operation(), Operation::Restore);
    assert!(error.to_string().contains("the hook for paper.orders.new-0 failed: the disk is gone"), "{error}");
    assert!(book.inside().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hook_past_its_deadline_ends_the_run_and_nothing_has_started() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    let settings = HandlerSettings::new().table(TableSettings::new().restore_within(Duration::from_secs(3)));
    let service = StreamServiceBuilder::new("ledger", memory.clone())
        .with_shared_state(book.clone())
        .on_assigned(|_: &Book, _: Assigned| std::future::pending())
        .add_consumer_handler_with(INPUT, GROUP, Book::on_order, settings)
        .build()
        .expect("a valid service");
    let error = Running::spawn(service).end().await.expect_err("it cannot run");
    assert!(error.to_string().contains("did not restore it within 3s; nothing was started"), "{error}");
    assert!(book.inside().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_waits_for_ever_does_not_keep_a_revoked_partition() {
    let (memory, book) = (log(1), Arc::new(Book::default()));
    send_orders(&memory, INPUT, [order("a", 7)]).await;
    let service = built(&memory, &book, |b| b.on_revoked(|_: &Book, _: Revoked| std::future::pending()));
    let running = Running::start(service).await;
    through(&memory).await;
    running.stop().await.expect("it ends by its deadline");
    assert_eq!(committed(&memory, GROUP, INPUT, 0), Some(1));
}
