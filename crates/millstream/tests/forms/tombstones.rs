//! A tombstone, a record without a value, reaches a handler that asks for it, and is poison to one that does not.

use crate::support::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::sync::{Arc, Mutex};

fn tombstone(key: &str) -> Record {
    let mut record = Record::new(topic("paper.orders.new"), key.to_owned(), Vec::new());
    record.value = None;
    record
}

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<String>>>);

impl Book {
    async fn on_change(&self, change: Option<Event<Order>>, raw: RawEvent<'_>) {
        let key = String::from_utf8_lossy(raw.record().key().unwrap_or_default()).into_owned();
        let line = match change {
            Some(order) => format!("{key} = {}", order.number),
            None => format!("{key} is gone"),
        };
        self.0.lock().expect("no panic under the lock").push(line);
    }
}

#[tokio::test(start_paused = true)]
async fn an_optional_event_is_none_for_a_tombstone_and_poison_stays_poison() {
    let book = Book::default();
    let service = |memory| {
        let dedup = WindowDeduplicator::default();
        let builder = StreamServiceBuilder::new("book", memory).with_deduplicator(dedup).with_state(book.clone());
        builder.add_consumer_handler("paper.orders.new", "book.orders", Book::on_change).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.send(tombstone("a")).await;
    // Another tombstone of the same key is another record: nothing but its position tells them apart.
    bench.send(tombstone("a")).await;
    bench.send_raw("paper.orders.new", "b", b"{not json").await;
    bench.publish("paper.orders.new", &order("a", 2)).await;
    bench.settled().await;
    assert_eq!(*book.0.lock().expect("no panic under the lock"), ["a = 1", "a is gone", "a is gone", "a = 2"]);
    let counts = bench.account();
    assert_eq!((counts.done, counts.dead_lettered, counts.duplicates), (4, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_events_only_is_not_called_and_the_letter_names_the_remedy() {
    let service = |memory| {
        let builder = StreamServiceBuilder::new("book", memory);
        builder.add_consumer_handler("paper.orders.new", "book.orders", async |_: Event<Order>| {}).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.send(tombstone("a")).await;
    bench.settled().await;
    let letters = bench.dead_letters("paper.orders.new.dlq");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("poison", 0));
    assert!(letters[0].message.contains("takes `Option<Event<_>>`"), "{}", letters[0].message);
    assert_eq!(letters[0].record.value, None, "null stays null");
}

const DONE: Sibling = Sibling::new("orders", "done");

#[tokio::test(start_paused = true)]
async fn what_follows_from_a_tombstone_has_an_id_that_a_redelivery_repeats() {
    let answering = async |gone: Option<Event<Order>>| match gone {
        Some(_) => None,
        None => Some(Emit::to(DONE, order("gone", 0))),
    };
    let service = |memory| {
        let builder = StreamServiceBuilder::new("book", memory).add_producer();
        builder.add_consumer_handler("paper.orders.new", "book.orders", answering).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.send(tombstone("a")).await;
    bench.send(tombstone("a")).await;
    bench.settled().await;
    // Read once more by a service that never committed: the same ids.
    let memory = bench.crash().await;
    memory.set_committed("book.orders", &topic("paper.orders.new"), 0, None);
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    let ids: Vec<_> = bench.envelopes::<Order>("paper.orders.done").into_iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!((&ids[0], &ids[1]), (&ids[2], &ids[3]));
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_sends_a_tombstone_that_the_next_one_is_told_of() {
    let book = Book::default();
    let service = |memory| {
        let closing = async |closed: Event<Order>, out: &mut Outputs| {
            out.emit(DONE, &*closed)?;
            out.tombstone(DONE, &closed.account)?;
            Ok::<_, HandlerError>(())
        };
        let builder = StreamServiceBuilder::new("book", memory).add_producer().with_state(book.clone());
        builder
            .add_consumer_handler("paper.orders.new", "book.closing", closing)
            .add_consumer_handler("paper.orders.done", "book.orders", Book::on_change)
            .build()
    };
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.done", []).await;
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.publish("paper.orders.new", &order("b", 2)).await;
    bench.settled().await;
    // What the first handler sent is the second one's input.
    bench.settled().await;
    assert_eq!(*book.0.lock().expect("no panic under the lock"), ["a = 1", "a is gone", "b = 2", "b is gone"]);
    assert_eq!(bench.account().outputs, 4);
}
