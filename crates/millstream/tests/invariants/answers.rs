//! I3, I4: what the answers to a record's outputs make of it, and that nothing is waited for when all are there. B43, B67.

use super::support::*;
use super::world::*;
use millstream::prelude::*;
use millstream_testkit::{FlakyDeduplicator, FlakyTransport};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// A service that emits so many outputs for each record, and then skips the accounts called "skip".
fn emitting(transport: impl Transport, outputs: u64, store: &FlakyDeduplicator) -> StreamServiceBuilder {
    builder(transport, 1).with_deduplicator(store.clone()).add_producer().add_consumer_handler(
        NEW,
        GROUP,
        move |order: Event<Order>, out: &mut Outputs| {
            let emitted = (0..outputs).try_for_each(|n| out.emit_named(DONE, &format!("part-{n}"), &*order).map(drop));
            let skips = order.account == "skip";
            std::future::ready(emitted.map(|()| if skips { Outcome::skip("nothing to do") } else { Outcome::Done }))
        },
    )
}

/// Runs it over these accounts; what it counted, and how long it took to stop.
async fn run(memory: &Memory, service: StreamServiceBuilder, accounts: &[&str]) -> (millstream::service::Counts, Duration) {
    send_orders(memory, NEW, accounts.iter().zip(0..).map(|(account, n)| order(account, n))).await;
    let running = Running::start(service.build().expect("a valid service")).await;
    running.settled(accounts.len() as u64).await;
    let (handle, began) = (running.handle.clone(), Instant::now());
    running.stop().await.expect("a clean end");
    (handle.account().total(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_nothing_when_all_outputs_are_acknowledged() {
    let memory = log(1);
    let (counts, took) = run(&memory, emitting(memory.clone(), 600, &store()), &["a", "b", "c"]).await;
    assert_eq!((counts.done, counts.outputs), (3, 1_800));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_nothing_when_all_outputs_are_acknowledged_or_refused() {
    let memory = log(1);
    let flaky = FlakyTransport::new(memory.clone());
    flaky.to(&topic(OUT)).refuse(true);
    let (counts, took) = run(&memory, emitting(flaky, 1, &store()), &["a", "b", "c"]).await;
    assert_eq!((counts.done, counts.dead_lettered), (0, 3));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_record_counts_as_skipped_with_and_without_outputs() {
    for outputs in [0, 1, 600] {
        let memory = log(1);
        let (counts, _) = run(&memory, emitting(memory.clone(), outputs, &store()), &["a", "skip", "skip", "b", "skip"]).await;
        assert_eq!((counts.done, counts.skipped), (2, 3), "{outputs} outputs");
    }
}

#[tokio::test(start_paused = true)]
async fn a_skipped_record_whose_mark_fails_at_first_counts_as_skipped() {
    let (memory, store) = (log(1), store());
    store.marks().fail_next(2);
    let (counts, _) = run(&memory, emitting(memory.clone(), 0, &store), &["a", "skip", "skip", "b", "skip"]).await;
    assert_eq!((counts.done, counts.skipped), (2, 3));
}

/// Much text.
#[derive(Serialize, Deserialize)]
struct Book(String);

impl EventData for Book {
    const TYPE: &'static str = "book";

    fn key(&self) -> Key<'_> {
        "books".into()
    }
}

/// F62, B14: the bytes of outputs that are owed are bounded as their number is.
#[tokio::test(start_paused = true)]
async fn the_bytes_of_outputs_that_are_owed_are_bounded() {
    let memory = log(1);
    let (flaky, history) = (FlakyTransport::new(memory.clone()), History::watch(&memory, false));
    let seen = history.clone();
    flaky.to(&topic(OUT)).hang(true);
    send_orders(&memory, NEW, (0..200).map(|n| order(&format!("account-{n}"), n))).await;
    let service = builder(flaky.clone(), 1)
        .add_producer()
        .add_consumer_handler(NEW, GROUP, move |order: Event<Order>, out: &mut Outputs| {
            seen.effect(order.number);
            std::future::ready(out.emit(DONE, &Book("x".repeat(200_000))).map(drop))
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let started = history.done().len();
    assert!((80..=85).contains(&started), "{started} outputs of 200 kB are owed, of 16 MiB that may be");
    flaky.to(&topic(OUT)).hang(false);
    running.settled(200).await;
    running.stop().await.expect("a clean end");
}
