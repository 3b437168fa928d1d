//! Filters: records that a handler does not want settle without a call, and are counted.

mod support;

use millstream::contract::{DedupScope, Deduplicator, Mark, Marked, Scope, Seen};
use millstream::envelope::ContentMode;
use millstream::prelude::*;
use millstream::service::{Counts, ProducerSettings, Publisher};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};
use support::*;

const NEW: &str = "paper.orders.new";

type Numbers = Arc<Mutex<Vec<u64>>>;

#[derive(Serialize, Deserialize)]
struct Cancel {
    account: String,
    number: u64,
}

impl EventData for Cancel {
    const TYPE: &'static str = "cancel";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

async fn on_order(order: Event<Order>, numbers: &Numbers) {
    numbers.lock().expect("no panic under the lock").push(order.number);
}

/// A record of another type whose data is no order.
fn other(number: u64) -> Record {
    let envelope = EventEnvelope::new(id(number), "heartbeat", Timestamp::UNIX_EPOCH, "test", "alive");
    Record::new(topic(NEW), "a", envelope.to_json().expect("JSON"))
}

fn an_order(number: u64) -> Record {
    record(NEW, &order("a", number))
}

fn builder(memory: &Memory, numbers: &Numbers, settings: HandlerSettings) -> StreamServiceBuilder<Numbers> {
    let builder = StreamServiceBuilder::new("filters", memory.clone()).with_state(numbers.clone());
    builder.add_consumer_handler_with(NEW, "filters", on_order, settings)
}

/// Runs until all records are settled; what became of them, and which orders were handled.
async fn run(settings: HandlerSettings, records: Vec<Record>) -> (Counts, Vec<u64>) {
    let (memory, numbers) = (Memory::new(), Numbers::default());
    let count = records.len() as u64;
    send(&memory, records).await;
    let running = Running::start(builder(&memory, &numbers, settings).build().expect("a valid service")).await;
    running.settled(count).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, "filters", NEW, 0), Some(count), "all are committed");
    let numbers = numbers.lock().expect("no panic under the lock").clone();
    (total, numbers)
}

fn only_orders() -> HandlerSettings {
    HandlerSettings::new().only::<Order>()
}

#[tokio::test(start_paused = true)]
async fn events_of_another_type_are_settled_without_a_call_and_counted() {
    // Runs of all lengths, over more than one batch.
    let mut records = Vec::new();
    for n in 0..2_000 {
        records.push(if n % 7 < 3 || n / 100 % 2 == 1 { other(n) } else { an_order(n) });
    }
    let wanted: Vec<_> = (0..2_000).filter(|n| n % 7 >= 3 && n / 100 % 2 == 0).collect();
    let (total, numbers) = run(only_orders(), records).await;
    assert_eq!((total.done, total.filtered), (wanted.len() as u64, 2_000 - wanted.len() as u64));
    assert_eq!((total.dead_lettered, total.failures, total.skipped), (0, 0, 0));
    assert_eq!(numbers, wanted);
}

#[tokio::test(start_paused = true)]
async fn several_types_may_be_wanted() {
    let cancel = |n| {
        let data = Cancel { account: "a".into(), number: n };
        let envelope = EventEnvelope::new(id(n), Cancel::TYPE, Timestamp::UNIX_EPOCH, "test", data);
        Record::new(topic(NEW), "a", envelope.to_json().expect("JSON"))
    };
    let records = vec![an_order(1), other(2), cancel(3), an_order(4)];
    let (total, numbers) = run(only_orders().only::<Cancel>(), records.clone()).await;
    assert_eq!((total.filtered, numbers), (1, vec![1, 3, 4]));
    let (total, numbers) = run(only_orders(), records).await;
    assert_eq!((total.filtered, numbers), (2, vec![1, 4]));
}

#[tokio::test(start_paused = true)]
async fn the_type_of_a_cloud_event_counts_like_an_envelopes() {
    for mode in [ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured] {
        let (memory, numbers) = (Memory::new(), Numbers::default());
        let settings = ProducerSettings::new().content_mode(mode);
        let publisher = Publisher::with("test", memory.clone(), settings).await.expect("a publisher");
        let data = Cancel { account: "a".into(), number: 1 };
        publisher.publish(&topic(NEW), &data).await.expect("published");
        publisher.publish(&topic(NEW), &order("a", 2)).await.expect("published");
        let running = Running::start(builder(&memory, &numbers, only_orders()).build().expect("a valid service")).await;
        running.settled(2).await;
        assert_eq!(running.handle.account().total().filtered, 1, "{mode:?}");
        running.stop().await.expect("a clean end");
        assert_eq!(*numbers.lock().expect("no panic under the lock"), [2], "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_has_no_type_and_reaches_the_handler() {
    let (memory, numbers) = (Memory::new(), Numbers::default());
    send(&memory, vec![Record::tombstone(topic(NEW), "a"), other(1)]).await;
    let service = StreamServiceBuilder::new("filters", memory.clone())
        .with_state(numbers.clone())
        .add_consumer_handler_with(
            NEW,
            "filters",
            async |raw: RawEvent<'_>, numbers: &Numbers| {
                numbers.lock().expect("no panic under the lock").push(raw.record().offset());
            },
            only_orders(),
        )
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(2).await;
    running.stop().await.expect("a clean end");
    assert_eq!(*numbers.lock().expect("no panic under the lock"), [0]);
}

#[tokio::test(start_paused = true)]
async fn poison_is_not_filtered() {
    let poison = || Record::new(topic(NEW), "a", "{not json");
    let records = vec![other(1), poison(), an_order(2), poison(), other(3)];
    let (total, numbers) = run(only_orders().filter(|_| true), records).await;
    assert_eq!((total.filtered, total.dead_lettered, total.done), (2, 2, 1));
    assert_eq!(numbers, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_filter_sees_the_delivery_and_must_be_passed_by_all() {
    let blue = |delivery: &DeliveryInfo<'_>| delivery.headers().text("tenant") == Some("blue");
    let settings = HandlerSettings::new().filter(blue).filter(|delivery| {
        assert_eq!((delivery.handler(), delivery.group(), delivery.service()), (NEW, "filters", "filters"));
        assert_eq!((delivery.event_type().as_deref(), delivery.attempt()), (Some("order"), 1));
        assert_eq!(delivery.event_id(), Some(id(delivery.offset()).to_string().into()));
        assert_eq!(delivery.event_key(), id(delivery.offset()).key());
        delivery.offset() != 3
    });
    let records = (0..6).map(|n| an_order(n).header("tenant", if n < 2 { "red" } else { "blue" }));
    let (total, numbers) = run(settings, records.collect()).await;
    assert_eq!((total.filtered, total.dead_lettered), (3, 0));
    assert_eq!(numbers, [2, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_filter_panics_is_a_dead_letter_and_the_rest_goes_on() {
    let settings = HandlerSettings::new().filter(|delivery| match delivery.offset() {
        1 => panic!("no such tenant"),
        offset => offset != 2,
    });
    let (total, numbers) = run(settings, (0..4).map(an_order).collect()).await;
    assert_eq!((total.done, total.filtered, total.dead_lettered), (2, 1, 1));
    assert_eq!(numbers, [0, 3]);
}

/// Remembers which ids were marked.
#[derive(Clone)]
struct Marks(WindowDeduplicator, Arc<Mutex<Vec<u128>>>);

impl Deduplicator for Marks {
    async fn check(&self, scope: &DedupScope, keys: &[u128], seen: &mut Vec<Seen>) -> Result<(), Error> {
        self.0.check(scope, keys, seen).await
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        self.1.lock().expect("no panic under the lock").extend(marks.iter().map(|mark| mark.key));
        self.0.complete(scope, marks, met).await
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        self.0.forget(scope, keys).await
    }

    fn scope(&self) -> Scope {
        self.0.scope()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_filtered_is_not_marked_and_is_nobodys_twin() {
    let (memory, numbers) = (Memory::new(), Numbers::default());
    let marks = Marks(WindowDeduplicator::default(), Arc::default());
    let builder = builder(&memory, &numbers, only_orders()).with_deduplicator(marks.clone());
    // The order has the id of a record that was filtered before it, in its batch and in the batch before.
    send(&memory, vec![other(1), an_order(1), other(2)]).await;
    let running = Running::start(builder.build().expect("a valid service")).await;
    running.settled(3).await;
    send(&memory, vec![an_order(2), other(1)]).await;
    running.settled(5).await;
    let total = running.handle.account().total();
    assert_eq!((total.done, total.filtered, total.duplicates, total.conflicts), (2, 3, 0, 0));
    running.stop().await.expect("a clean end");
    assert_eq!(*numbers.lock().expect("no panic under the lock"), [1, 2]);
    let marked = marks.1.lock().expect("no panic under the lock").clone();
    assert_eq!(marked, [1, 2].map(|n| id(n).key().as_u128()));
}

#[tokio::test(start_paused = true)]
async fn a_commit_does_not_pass_a_record_that_runs_behind_filtered_ones() {
    let memory = Memory::new();
    let settings = only_orders();
    let service = StreamServiceBuilder::new("filters", memory.clone())
        .add_consumer_handler_with(
            NEW,
            "filters",
            async |order: Event<Order>| {
                if order.number == 2 {
                    std::future::pending::<()>().await;
                }
            },
            settings,
        )
        .with_shutdown(Shutdown::within(std::time::Duration::from_secs(5)))
        .build()
        .expect("a valid service");
    send(&memory, vec![other(0), other(1), an_order(2), other(3), other(4)]).await;
    let running = Running::start(service).await;
    running.settled(4).await;
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, "filters", NEW, 0), Some(2));
}
