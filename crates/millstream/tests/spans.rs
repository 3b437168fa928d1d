//! Spans and trace contexts: names and fields as the conventions say, lines inside them, and traces that go on.

#[path = "support/seen.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
mod seen;
mod support;

use millstream::envelope::TraceContext;
use millstream::memory::Memory;
use millstream::prelude::*;
use seen::Seen;
use std::collections::BTreeSet;
use std::time::Duration;
use support::*;

const IN: &str = "paper.orders.new";
const OUT: &str = "paper.orders.done";
const DONE: Sibling = Sibling::new("orders", "done");
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn builder(memory: &Memory) -> StreamServiceBuilder {
    let errors = ErrorHandling::new().retry(Retry::exponential(Duration::from_millis(10), Duration::from_millis(10)).attempts(3));
    StreamServiceBuilder::new("desk", memory.clone()).add_producer().with_error_handling(errors)
}

async fn run(service: StreamService, records: u64) {
    let running = Running::start(service).await;
    running.settled(records).await;
    running.stop().await.expect("a clean end");
}

async fn done(order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit(DONE, &*order)?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handlers_lines_are_in_the_span_of_their_attempt_also_after_it_waited() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let handler = async |order: Event<Order>| {
        tracing::info!(number = order.number, "before");
        // The later, the shorter: they end in another order than they began.
        tokio::time::sleep(Duration::from_millis(100 - 10 * order.number)).await;
        tracing::info!(number = order.number, "after");
    };
    let service = builder(&memory).add_consumer_handler(IN, "desk.orders", handler).build().expect("a valid service");
    memory.create_topic(&topic(IN), millstream::memory::TopicConfig::new(1)).expect("a new topic");
    send_orders(&memory, IN, (0..5).map(|n| order(&format!("account-{n}"), n))).await;
    run(service, 5).await;
    for text in ["before", "after"] {
        let lines = seen.lines(text);
        assert_eq!(lines.len(), 5);
        for line in lines {
            let number: u64 = line.fields["number"].parse().expect("a number");
            let (offset, id) = (&line.process["messaging.kafka.offset"], id(number).to_string());
            assert_eq!(*offset, number.to_string(), "they were sent in the order of their numbers");
            assert_eq!(line.process["messaging.destination.partition.id"], "0");
            assert_eq!(line.process["messaging.message.conversation_id"], id);
            assert_eq!(line.process["messaging.destination.name"], IN);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_span_of_its_own_with_the_conventions_fields() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let handler = async |d: Position| {
        let _ = d;
        Err::<(), _>(HandlerError::transient("not now"))
    };
    let service = builder(&memory).add_consumer_handler(IN, "desk.orders", handler).build().expect("a valid service");
    let wire = record(IN, &order("a", 1)).header("traceparent", PARENT);
    memory.create_topic(&topic(IN), millstream::memory::TopicConfig::new(1)).expect("a new topic");
    send(&memory, vec![wire]).await;
    run(service, 1).await;
    let spans = seen.spans("process");
    let attempts: Vec<&str> = spans.iter().map(|span| span["millstream.attempt"].as_str()).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    let id = id(1).to_string();
    let expected = [
        ("otel.name", "process paper.orders.new"),
        ("otel.kind", "consumer"),
        ("otel.status_code", "ERROR"),
        ("messaging.system", "memory"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", IN),
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "0"),
        ("messaging.consumer.group.name", "desk.orders"),
        ("messaging.client.id", "desk"),
        ("messaging.message.id", &id),
        ("messaging.message.conversation_id", &id),
        ("error.type", "transient"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("millstream.handler", IN),
        ("millstream.attempt", "1"),
    ];
    let expected: seen::Fields = expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(spans[0], expected);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_or_panics_says_so_in_its_span() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let handler = async |order: Event<Order>| {
        assert!(order.number != 2, "a panic");
        std::future::pending::<()>().await;
    };
    let settings = HandlerSettings::new().timeout(Duration::from_secs(1)).retry(Retry::none());
    let service =
        builder(&memory).add_consumer_handler_with(IN, "desk.orders", handler, settings).build().expect("a valid service");
    send_orders(&memory, IN, [order("a", 1), order("b", 2)]).await;
    run(service, 2).await;
    let ends: BTreeSet<String> = seen.spans("process").iter().map(|span| span["error.type"].clone()).collect();
    assert_eq!(ends, BTreeSet::from(["panic".to_owned(), "timeout".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_dropped_at_the_end_says_so_in_its_span() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let never = async |_: Event<Order>| std::future::pending::<()>().await;
    let service = builder(&memory).with_shutdown(Shutdown::within(Duration::from_secs(5)));
    send_orders(&memory, IN, [order("a", 1)]).await;
    let running = Running::start(service.add_consumer_handler(IN, "desk.orders", never).build().expect("a valid service")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop().await.expect("a clean end");
    assert_eq!(seen.spans("process")[0]["error.type"], "abandoned");
}

#[tokio::test(start_paused = true)]
async fn sending_polling_and_committing_have_spans_with_the_conventions_names() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let service = builder(&memory).add_consumer_handler(IN, "desk.orders", done).build().expect("a valid service");
    send_orders(&memory, IN, [order("a", 1)]).await;
    run(service, 1).await;
    for (operation, kind, topic) in [("send", "send", OUT), ("poll", "receive", IN), ("commit", "settle", IN)] {
        let spans = seen.spans(operation);
        let span = spans.first().unwrap_or_else(|| panic!("no {operation} span"));
        assert_eq!(span["otel.name"], format!("{operation} {topic}"));
        assert_eq!((span["messaging.operation.name"].as_str(), span["messaging.operation.type"].as_str()), (operation, kind));
        assert_eq!((span["messaging.system"].as_str(), span["messaging.client.id"].as_str()), ("memory", "desk"));
        assert!(!span.contains_key("error.type"), "{span:?}");
    }
}

/// The headers of a trace that the outputs of one input carry, which has these.
async fn carried(headers: &[(&str, &str)], with_spans: bool) -> Vec<(String, String)> {
    let memory = Memory::new();
    let _seen = with_spans.then(Seen::all);
    let _alone = (!with_spans).then(seen::alone);
    let service = builder(&memory).add_consumer_handler(IN, "desk.orders", done).build().expect("a valid service");
    let mut wire = record(IN, &order("a", 1));
    for (name, value) in headers {
        wire = wire.header(*name, value.to_string());
    }
    send(&memory, vec![wire]).await;
    run(service, 1).await;
    let [output] = &memory.records(&topic(OUT))[..] else { panic!("one output") };
    let text = |value: &Option<_>| {
        String::from_utf8(Vec::from(AsRef::<[u8]>::as_ref(Option::as_ref(value).expect("a value")))).expect("text")
    };
    output.headers.iter().map(|(name, value): &(String, Option<bytes::Bytes>)| (name.clone(), text(value))).collect()
}

#[tokio::test(start_paused = true)]
async fn outputs_carry_the_trace_of_their_input_under_a_span_that_repeats() {
    let headers = [("traceparent", PARENT), ("tracestate", "vendor=1"), ("baggage", "tenant=blue")];
    // On the fast path, and off it.
    for with_spans in [false, true] {
        let out = carried(&headers, with_spans).await;
        let names: Vec<&str> = out.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["traceparent", "tracestate", "baggage"]);
        let (parent, own) = (PARENT.as_bytes(), out[0].1.as_bytes());
        let (parent, own) = (TraceContext::parse(parent).expect("well-formed"), TraceContext::parse(own).expect("well-formed"));
        assert_eq!((own.trace_id(), own.flags()), (parent.trace_id(), parent.flags()));
        assert_ne!(own.span_id(), parent.span_id());
        assert_eq!((out[1].1.as_str(), out[2].1.as_str()), ("vendor=1", "tenant=blue"));
        assert_eq!(carried(&headers, with_spans).await, out, "the same input has the same span");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_well_formed_trace_outputs_carry_none() {
    assert_eq!(carried(&[("tenant", "blue")], false).await, []);
    let malformed = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"), ("tracestate", "vendor=1")];
    assert_eq!(carried(&malformed, false).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_keeps_the_trace_as_it_came() {
    let (memory, _alone) = (Memory::new(), seen::alone());
    let handler = async |_: Position| Err::<(), _>(HandlerError::permanent("no"));
    let service = builder(&memory).add_consumer_handler(IN, "desk.orders", handler).build().expect("a valid service");
    send(&memory, vec![record(IN, &order("a", 1)).header("traceparent", PARENT).header("tracestate", "vendor=1")]).await;
    run(service, 1).await;
    let [letter] = &memory.records(&topic("paper.orders.new.dlq"))[..] else { panic!("one letter") };
    for (name, value) in [("traceparent", PARENT), ("tracestate", "vendor=1")] {
        let found: Vec<_> = letter.headers.iter().filter(|(own, _)| own == name).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.as_deref(), Some(value.as_bytes()));
    }
}
