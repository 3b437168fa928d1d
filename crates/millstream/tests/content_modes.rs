//! Content modes: a service reads all three beside each other, and writes the one it was told to.

mod support;

use millstream::prelude::*;
use std::sync::{Arc, Mutex};
use support::*;

const DONE: Sibling = Sibling::new("orders", "done");
const MODES: [ContentMode; 3] = [ContentMode::Envelope, ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured];

/// What a handler saw of each event.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Seen {
    async fn on_order(&self, order: Event<Order>, raw: RawEvent<'_>, out: &mut Outputs) -> Result<(), HandlerError> {
        assert_eq!(raw.decode::<Order>().expect("it decodes twice"), *order);
        self.0.lock().expect("no panic").push(format!(
            "{} {} {} {} {} {}",
            order.id(),
            order.event_type(),
            order.source(),
            order.timestamp(),
            order.correlation_id(),
            order.number
        ));
        out.emit(DONE, &*order)?;
        Ok(())
    }
}

/// An order as a record in a mode.
fn in_mode(mode: ContentMode, source: &str, order: &Order) -> Record {
    let event = EventEnvelope::new(id(order.number), "order", Timestamp::from_millis(1_700_000_000_000), source, order)
        .correlation_id(id(900));
    let mut builder = millstream::contract::RecordSetBuilder::new(0);
    event.push_to(&mut builder, Some(order.account.as_bytes()), mode).expect("it can be written");
    let set = builder.build();
    let view = set.view(0);
    let record = Record::new(topic("paper.orders.new"), order.account.clone(), view.value().expect("a value").to_vec());
    view.headers().fold(record, |record, (name, value)| record.header(name, value.unwrap_or_default().to_vec()))
}

fn service(memory: &Memory, mode: ContentMode, seen: &Arc<Seen>) -> StreamService {
    StreamServiceBuilder::new("modes", memory.clone())
        .add_producer_with(ProducerSettings::new().content_mode(mode))
        .with_deduplicator(WindowDeduplicator::default())
        .with_shared_state(seen.clone())
        .add_consumer_handler("paper.orders.new", "modes.orders", Seen::on_order)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_the_same_in_every_mode() {
    let (memory, seen) = (Memory::new(), Arc::new(Seen::default()));
    let running = Running::start(service(&memory, ContentMode::Envelope, &seen)).await;
    send(&memory, MODES.iter().zip(1..).map(|(mode, n)| in_mode(*mode, "feed", &order("a", n))).collect()).await;
    running.settled(3).await;
    running.stop().await.expect("a clean end");
    let expected: Vec<String> = (1..=3).map(|n| format!("{} order feed 2023-11-14T22:13:20Z {} {n}", id(n), id(900))).collect();
    let mut seen = seen.0.lock().expect("no panic").clone();
    seen.sort();
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn outputs_follow_from_their_inputs_from_any_mode_into_any_other() {
    for from in MODES {
        for to in MODES {
            let (memory, seen) = (Memory::new(), Arc::new(Seen::default()));
            let running = Running::start(service(&memory, to, &seen)).await;
            send(&memory, vec![in_mode(from, "feed", &order("a", 7))]).await;
            running.settled(1).await;
            running.stop().await.expect("a clean end");
            let mut outputs = memory.batches(&topic("paper.orders.done"));
            let batch = outputs.pop().expect("an output");
            let event: EventEnvelope<Order> = EventEnvelope::from_record(batch.view(0)).expect("an event");
            let case = format!("{from:?} to {to:?}");
            assert_eq!(event.data, order("a", 7), "{case}");
            assert_eq!((event.source.as_str(), event.broker.as_deref()), ("modes", Some("paper")), "{case}");
            assert_eq!((event.correlation_id, event.causation_id), (id(900).into(), Some(id(7).into())), "{case}");
            let of_its_cause = event.id.as_event_id().and_then(EventId::millis);
            assert_eq!(of_its_cause, id(7).millis(), "the time is that of the cause's id: {case}");
            let binary = batch.view(0).headers().find("ce_id").is_some();
            assert_eq!(binary, to == ContentMode::CloudEventsBinary, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cloud_event_is_a_duplicate_only_with_source_and_id_together() {
    for mode in [ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured] {
        let (memory, seen) = (Memory::new(), Arc::new(Seen::default()));
        let running = Running::start(service(&memory, ContentMode::Envelope, &seen)).await;
        let sources = ["feed", "other", "feed"];
        send(&memory, sources.iter().map(|source| in_mode(mode, source, &order("a", 7))).collect()).await;
        running.settled(3).await;
        let total = running.handle.account().total();
        running.stop().await.expect("a clean end");
        assert_eq!((total.done, total.duplicates), (2, 1), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn data_that_look_like_an_envelope_do_not_hide_the_event_that_carries_them() {
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("carried", memory.clone())
        .with_deduplicator(WindowDeduplicator::default())
        .add_consumer_handler("paper.orders.new", "carried", async |event: Event<EventEnvelope<Order>>| {
            assert!(event.id().starts_with("outer-"));
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    let outer = |id: &str| {
        let record = record("paper.orders.new", &order("a", 1));
        record
            .header("ce_specversion", "1.0")
            .header("ce_id", id.to_owned())
            .header("ce_source", "/s")
            .header("ce_type", "carried")
    };
    send(&memory, vec![outer("outer-1"), outer("outer-2")]).await;
    running.settled(2).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.done, total.duplicates), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_alphabet_is_handled_and_its_outputs_have_an_id_for_it() {
    let (memory, seen) = (Memory::new(), Arc::new(Seen::default()));
    let running = Running::start(service(&memory, ContentMode::Envelope, &seen)).await;
    let record = Record::new(topic("paper.orders.new"), "a", serde_json::to_vec(&order("a", 1)).expect("JSON"))
        .header("ce_specversion", "1.0")
        .header("ce_id", "order/7+é")
        .header("ce_source", "https://example.com/a?b#c")
        .header("ce_type", "order");
    send(&memory, vec![record.clone()]).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    assert!(seen.0.lock().expect("no panic")[0].starts_with("order/7+é order https://example.com/a?b#c "));
    let batch = memory.batches(&topic("paper.orders.done")).pop().expect("an output");
    let event: EventEnvelope<Order> = EventEnvelope::from_record(batch.view(0)).expect("an event");
    let key = millstream::envelope::EventKey::of_cloud_event("https://example.com/a?b#c", "order/7+é").as_event_id();
    assert_eq!((event.causation_id, event.correlation_id), (Some(key.into()), key.into()));
}

#[tokio::test(start_paused = true)]
async fn a_broken_cloud_event_is_a_dead_letter_that_says_what_is_missing() {
    let (memory, seen) = (Memory::new(), Arc::new(Seen::default()));
    let running = Running::start(service(&memory, ContentMode::Envelope, &seen)).await;
    let part = |record: Record| record.header("ce_specversion", "1.0").header("ce_id", "1").header("ce_type", "order");
    let new = || Record::new(topic("paper.orders.new"), "a", serde_json::to_vec(&order("a", 1)).expect("JSON"));
    send(&memory, vec![part(new()), part(new()).header("ce_id", "2").header("ce_source", "feed")]).await;
    running.settled(2).await;
    running.stop().await.expect("a clean end");
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    let messages: Vec<String> = letters
        .iter()
        .map(|letter| {
            let message = letter.headers.iter().find(|(name, _)| name == "__dlq.errors.message");
            String::from_utf8(message.and_then(|(_, value)| value.clone()).unwrap_or_default().to_vec()).expect("text")
        })
        .collect();
    assert!(messages[0].contains("the CloudEvent has no `source`"), "{messages:?}");
    assert!(messages[1].contains("`id` stands twice"), "{messages:?}");
    assert!(letters[0].headers.iter().any(|(name, _)| name == "ce_id"), "the original's headers are kept");
}

#[test]
fn binary_mode_needs_a_transport_with_headers() {
    use millstream::contract::{Capabilities, ConsumerRequest, Support, Transport};
    struct Old(Memory);
    impl Transport for Old {
        type Producer = <Memory as Transport>::Producer;
        type Consumer = <Memory as Transport>::Consumer;

        fn capabilities(&self) -> Capabilities {
            let mut can = self.0.capabilities();
            can.headers = Support::No("it is older than Kafka 0.11");
            can
        }

        async fn producer(&self) -> Result<Self::Producer, Error> {
            self.0.producer().await
        }

        async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
            self.0.consumer(request).await
        }
    }
    let settings = ProducerSettings::new().content_mode(ContentMode::CloudEventsBinary);
    let built = StreamServiceBuilder::new("old", Old(Memory::new()))
        .add_producer_with(settings)
        .add_consumer_handler("paper.orders.new", "old", async |_: Event<Order>| {})
        .build();
    let text = built.expect_err("it has no headers").to_string();
    assert!(text.contains("CloudEvents in binary mode need headers") && text.contains("CloudEventsStructured"), "{text}");
}
