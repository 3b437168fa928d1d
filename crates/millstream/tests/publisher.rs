//! Root events outside handlers: under which id and source, to which partition, and what is said of failures.

mod support;

use millstream::contract::{Applied, ErrorKind, RecordBatch, partition_for_key};
use millstream::memory::{SendFault, TopicConfig};
use millstream::prelude::*;
use std::collections::BTreeSet;
use support::*;

const ORDERS: Topic = Topic::literal("paper.orders.new");

fn with_topic(partitions: u32) -> Memory {
    let memory = Memory::new();
    memory.create_topic(&ORDERS, TopicConfig::new(partitions)).expect("a new topic");
    memory
}

fn events(batches: &[RecordBatch]) -> Vec<EventEnvelope<Order>> {
    let records = batches.iter().flat_map(RecordBatch::iter);
    records.map(|record| EventEnvelope::from_record(record).expect("an event")).collect()
}

#[tokio::test]
async fn a_root_has_a_new_id_its_own_correlation_and_no_cause() {
    let memory = with_topic(1);
    let publisher = Publisher::new("feed", memory.clone()).await.expect("memory can be reached");
    for n in 0..2 {
        let receipt = publisher.publish(&ORDERS, &order("a", n)).await.expect("memory takes records");
        assert_eq!((receipt.partition, receipt.offset), (0, n));
    }
    let events = events(&memory.batches(&ORDERS));
    for (n, event) in (0..).zip(&events) {
        let id = event.id.as_event_id().expect("a UUID");
        assert_eq!((id.version(), &event.correlation_id, &event.causation_id), (7, &event.id, &None));
        assert_eq!((event.source.as_str(), event.event_type.as_str(), event.broker.as_deref()), ("feed", "order", Some("paper")));
        assert_eq!(event.data, order("a", n));
        assert_eq!(id.millis(), u64::try_from(event.timestamp.as_millis()).ok(), "the id's time is the event's");
    }
    assert_ne!(events[0].id, events[1].id);
}

#[tokio::test]
async fn a_draft_says_key_headers_correlation_time_and_fields() {
    let memory = with_topic(8);
    let publisher = Publisher::new("feed", memory.clone()).await.expect("memory can be reached");
    let time: Timestamp = "2026-11-25T09:15:00.25Z".parse().expect("a time");
    let draft = EventEnvelope::root(order("a", 1))
        .correlation_id(id(7))
        .key("NIFTY")
        .header("tenant", "blue")
        .timestamp(time)
        .schema_version(4)
        .field("venue", &"NSE")
        .expect("a free name");
    let receipt = publisher.publish_envelope(&ORDERS, draft).await.expect("memory takes records");
    assert_eq!(receipt.partition, partition_for_key(b"NIFTY", 8));
    let batch = &memory.batches(&ORDERS)[0];
    assert_eq!((batch.view(0).key(), batch.view(0).headers().text("tenant")), (Some(&b"NIFTY"[..]), Some("blue")));
    let event = &events(std::slice::from_ref(batch))[0];
    assert_eq!((&event.correlation_id, event.timestamp, event.schema_version), (&id(7).into(), time, 4));
    assert_eq!(event.extra.get("venue"), Some("\"NSE\""));
}

#[tokio::test]
async fn many_are_sent_at_once_each_to_the_partition_of_its_key_and_answered_in_order() {
    let memory = with_topic(4);
    let publisher = Publisher::new("feed", memory.clone()).await.expect("memory can be reached");
    let orders: Vec<Order> = (0..200).map(|n| order(&format!("account-{}", n % 20), n)).collect();
    let answers = publisher.publish_all(&ORDERS, &orders).await.expect("the topic is known");
    assert_eq!(answers.len(), 200);
    for (order, answer) in orders.iter().zip(&answers) {
        let receipt = answer.as_ref().expect("memory takes records");
        assert_eq!(receipt.partition, partition_for_key(order.account.as_bytes(), 4));
        let batch = &memory.read(&ORDERS, receipt.partition, receipt.offset, 1)[0];
        assert_eq!(events(std::slice::from_ref(batch))[0].data, *order);
    }
    let ids: BTreeSet<String> = events(&memory.batches(&ORDERS)).iter().map(|event| event.id.to_string()).collect();
    assert_eq!(ids.len(), 200);
    assert!(publisher.publish_all(&ORDERS, Vec::<Order>::new()).await.expect("nothing to do").is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome_and_a_derived_id_makes_it_safe_to_repeat() {
    let memory = with_topic(1);
    let publisher = Publisher::new("feed", memory.clone()).await.expect("memory can be reached");
    memory.fail_sends(&ORDERS, 1, SendFault::UnknownApplied).expect("it exists");
    let draft = || EventEnvelope::root(order("a", 1)).derived_id("close", &[b"2026-11-25", b"a"]);
    let error = publisher.publish_envelope(&ORDERS, draft()).await.expect_err("the answer is lost");
    assert_eq!((error.is_retriable(), error.applied()), (true, Applied::Unknown));
    publisher.publish_envelope(&ORDERS, draft()).await.expect("memory takes records");
    let events = events(&memory.batches(&ORDERS));
    assert_eq!(events.len(), 2, "it had landed");
    assert_eq!(events[0].id, EventId::derive("close", &[b"2026-11-25", b"a"]));
    assert_eq!(events[0].id, events[1].id);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_does_not_answer_is_not_waited_for_for_ever() {
    use millstream::contract::{Capabilities, ConsumerRequest, Produce, Producer, Receipt, Transport};
    use std::time::Duration;
    struct Silent;
    struct Mute;
    impl Producer for Mute {
        async fn send(&self, _: &Produce) -> Vec<Result<Receipt, Error>> {
            std::future::pending().await
        }

        async fn flush(&self, _: Duration) -> Result<(), Error> {
            Ok(())
        }

        async fn partitions(&self, _: &Topic) -> Result<u32, Error> {
            Ok(1)
        }
    }
    impl Transport for Silent {
        type Producer = Mute;
        type Consumer = <Memory as Transport>::Consumer;

        fn capabilities(&self) -> Capabilities {
            Capabilities::all("silent")
        }

        async fn producer(&self) -> Result<Mute, Error> {
            Ok(Mute)
        }

        async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
            Memory::new().consumer(request).await
        }
    }
    let publisher = Publisher::new("feed", Silent).await.expect("it has a producer");
    let error = publisher.publish(&ORDERS, &order("a", 1)).await.expect_err("no answer");
    assert_eq!((error.kind(), error.applied()), (ErrorKind::TimedOut, Applied::Unknown));
}

#[tokio::test]
async fn what_cannot_be_an_event_is_refused_and_nothing_of_its_batch_is_sent() {
    let memory = with_topic(1);
    let publisher = Publisher::new("feed", memory.clone()).await.expect("memory can be reached");
    let root = || EventEnvelope::root(order("a", 1));
    for (draft, kind, words) in [
        (EventEnvelope::root(order("", 1)), ErrorKind::Invalid, "key is empty"),
        (root().key("k".repeat(5_000).as_str()), ErrorKind::TooLarge, "longer than 4096 bytes"),
        (root().header("ce_id", "mine"), ErrorKind::Invalid, "`ce_id` says how an event lies"),
        (root().header("Content-Type", "text/plain"), ErrorKind::Invalid, "`Content-Type` says how"),
        (root().header("big", "x".repeat(20_000)), ErrorKind::TooLarge, "larger than 16384 bytes"),
        ((0..65).fold(root(), |draft, n| draft.header(format!("h{n}"), "")), ErrorKind::TooLarge, "more than 64 headers"),
        (EventEnvelope::root(order("a".repeat(4_000).as_str(), 1)).named("first"), ErrorKind::Invalid, "use `derived_id`"),
    ] {
        let batch = vec![root(), draft];
        let error = publisher.publish_envelopes(&ORDERS, batch).await.expect_err(words);
        assert!(error.kind() == kind && error.to_string().contains(words), "{error}");
    }
    let large = EventEnvelope::root(order("a", 1)).field("x", &"x".repeat(1 << 20)).expect("a free name");
    assert_eq!(publisher.publish_envelope(&ORDERS, large).await.expect_err("too large").kind(), ErrorKind::TooLarge);
    assert_eq!(memory.records(&ORDERS).len(), 0);
    assert!(Publisher::new(" ", memory).await.expect_err("no name").to_string().contains("1 to 255 bytes"));
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_an_error_that_says_so() {
    let memory = Memory::builder().auto_create(false).build();
    let publisher = Publisher::new("feed", memory).await.expect("memory can be reached");
    let error = publisher.publish(&ORDERS, &order("a", 1)).await.expect_err("no such topic");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::UnknownTopic, false));
}

#[tokio::test(start_paused = true)]
async fn a_service_with_a_producer_publishes_roots_before_while_and_after_it_runs() {
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("feed", memory.clone())
        .add_producer_with(ProducerSettings::new().content_mode(ContentMode::CloudEventsBinary))
        .seed(7)
        .add_consumer_handler(ORDERS, "feed.orders", async |_: Event<Order>| {})
        .build()
        .expect("a valid service");
    let publisher = service.publisher().expect("it has a producer");
    publisher.publish(&ORDERS, &order("a", 1)).await.expect("before");
    let running = Running::start(service).await;
    let from_handle = running.handle.publisher().expect("it has a producer");
    from_handle.publish(&ORDERS, &order("a", 2)).await.expect("while");
    running.settled(2).await;
    assert_eq!(running.handle.account().total().done, 2);
    running.stop().await.expect("a clean end");
    publisher.publish(&ORDERS, &order("a", 3)).await.expect("after");
    let batches = memory.batches(&ORDERS);
    assert!(batches.iter().flat_map(RecordBatch::iter).all(|record| record.headers().text("ce_source") == Some("feed")));
    let ids: BTreeSet<String> = events(&batches).iter().map(|event| event.id.to_string()).collect();
    assert_eq!(ids.len(), 3, "clones share one sequence of ids");
}

#[test]
fn a_service_without_a_producer_says_what_to_add() {
    let service = StreamServiceBuilder::new("quiet", Memory::new())
        .add_consumer_handler(ORDERS, "quiet.orders", async |_: Event<Order>| {})
        .build()
        .expect("a valid service");
    for error in [service.publisher().expect_err("none"), service.handle().publisher().expect_err("none")] {
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`.add_producer()`"), "{error}");
    }
}
