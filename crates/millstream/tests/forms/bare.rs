//! Payloads without an envelope, and namespaces that may be missing.

use crate::support::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::sync::{Arc, Mutex};

const DONE: Sibling = Sibling::new("orders", "done");

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn push(&self, line: impl Into<String>) {
        self.0.lock().expect("no panic under the lock").push(line.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic under the lock").clone()
    }
}

/// A record whose value is this text, with an id in a header.
fn bare(id: &str, value: &[u8]) -> Record {
    Record::new(topic("paper.orders.new"), "a", value.to_vec()).header("id", id.to_owned())
}

async fn place(lines: &Lines, Json(order): Json<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    lines.push(format!("{} {}", order.account, order.number));
    out.emit(DONE, &order)?;
    Ok(())
}

async fn change(lines: &Lines, order: Option<Json<Order>>) {
    lines.push(order.map_or_else(|| "gone".to_owned(), |order| order.number.to_string()));
}

async fn whose(lines: &Lines, namespace: Option<Namespace>) {
    lines.push(namespace.map_or_else(|| "nobody's".to_owned(), |namespace| namespace.to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_bare_payload_is_known_by_the_id_in_its_header() {
    let lines = Lines::default();
    let service = |memory| {
        StreamServiceBuilder::new("bare", memory)
            .with_state(lines.clone())
            .with_deduplicator(WindowDeduplicator::default())
            .add_producer()
            .add_consumer_handler_with(
                "paper.orders.new",
                "bare.orders",
                place,
                HandlerSettings::new().id_source(IdSource::Header("id".into())),
            )
            .build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    for id in ["one", "two", "one"] {
        bench.send(bare(id, br#"{"account":"a","number":7}"#)).await;
    }
    bench.settled().await;
    assert_eq!(lines.all(), ["a 7", "a 7"]);
    assert_eq!((bench.account().done, bench.account().duplicates), (2, 1));
    let sent = bench.envelopes::<Order>("paper.orders.done");
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[0].id, sent[1].id, "each has its own cause");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_such_json_is_poison_without_an_attempt() {
    let lines = Lines::default();
    let service = |memory| {
        let builder = StreamServiceBuilder::new("bare", memory).with_state(lines.clone()).add_producer();
        let settings = HandlerSettings::new().id_source(IdSource::Position);
        builder.add_consumer_handler_with("paper.orders.new", "bare.orders", place, settings).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    let mut tombstone = bare("one", b"");
    tombstone.value = None;
    for record in [bare("one", b"{not json"), bare("two", br#"{"account":7}"#), tombstone] {
        bench.send(record).await;
    }
    bench.settled().await;
    let letters = bench.dead_letters("paper.orders.new.dlq");
    let said: Vec<_> = letters.iter().map(|letter| (letter.reason.as_str(), letter.attempts)).collect();
    assert_eq!(said, [("poison", 0); 3]);
    assert!(letters[0].message.starts_with("the record's value is no such JSON"), "{}", letters[0].message);
    assert!(letters[2].message.contains("takes `Option<Json<_>>`"), "{}", letters[2].message);
    assert!(lines.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_optional_bare_payload_is_none_for_a_tombstone() {
    let lines = Lines::default();
    let service = |memory| {
        let builder = StreamServiceBuilder::new("bare", memory).with_state(lines.clone());
        let settings = HandlerSettings::new().id_source(IdSource::Position);
        builder.add_consumer_handler_with("paper.orders.new", "bare.orders", change, settings).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    let mut tombstone = bare("one", b"");
    tombstone.value = None;
    for record in [bare("one", br#"{"account":"a","number":7}"#), tombstone] {
        bench.send(record).await;
    }
    bench.settled().await;
    assert_eq!(lines.all(), ["7", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn an_optional_namespace_is_none_of_a_shared_topic() {
    let lines = Lines::default();
    let service = |memory| {
        let builder = StreamServiceBuilder::new("names", memory).with_state(lines.clone());
        builder.add_consumer_handler(["paper.orders.new", "orders.new"], "names.orders", whose).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.settled().await;
    bench.publish("orders.new", &order("a", 2)).await;
    bench.settled().await;
    assert_eq!(lines.all(), ["paper", "nobody's"]);
}

#[tokio::test(start_paused = true)]
async fn a_bare_sibling_of_a_shared_topic_is_shared_and_one_of_a_namespace_is_not() {
    let copies = async |order: Event<Order>, out: &mut Outputs| {
        out.emit(DONE, &*order)?;
        out.emit(DONE.of(Namespace::literal("paper")), &*order)?;
        Ok::<_, HandlerError>(())
    };
    let service = |memory| {
        let builder = StreamServiceBuilder::new("shared", memory).add_producer();
        builder.add_consumer_handler("orders.new", "shared.orders", copies).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("orders.new", &order("a", 1)).await;
    bench.settled().await;
    assert_eq!(bench.events::<Order>("orders.done"), [order("a", 1)]);
    assert_eq!(bench.events::<Order>("paper.orders.done"), [order("a", 1)]);
}

/// F36: what the decoder would skip is not nested without end either.
#[tokio::test(start_paused = true)]
async fn a_bare_payload_that_is_nested_too_deep_is_poison() {
    let service = |memory| {
        let settings = HandlerSettings::new().id_source(IdSource::Position);
        let handler = async |_: Json<std::collections::BTreeMap<String, serde::de::IgnoredAny>>| {};
        StreamServiceBuilder::new("bare", memory)
            .add_consumer_handler_with("paper.orders.new", "bare.deep", handler, settings)
            .build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    bench.send_raw("paper.orders.new", "a", nested(10).as_bytes()).await;
    bench.send_raw("paper.orders.new", "a", nested(100).as_bytes()).await;
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().dead_lettered), (1, 1));
    assert_eq!(bench.dead_letters("paper.orders.new.dlq")[0].reason, "poison");
}
