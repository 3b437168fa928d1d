//! Spans as an exporter sees them: tied to the sender's, and to the next service's.

use millstream::contract::{Producer, ProducerExt};
use millstream::envelope::TraceContext;
use millstream::prelude::*;
use millstream_opentelemetry::WithOpenTelemetry;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

const IN: &str = "paper.orders.new";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const DONE: Sibling = Sibling::new("orders", "done");

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    number: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order";

    fn key(&self) -> Key<'_> {
        "account".into()
    }
}

async fn done(order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    tracing::info_span!("the handler's own").in_scope(|| tracing::info!("a line"));
    match order.number {
        0 => drop(out.emit(DONE, &*order)?),
        _ => return Err(HandlerError::permanent("no")),
    }
    Ok(())
}

/// What is exported of a service that handles one order with these headers, and the trace of its output.
async fn exported(number: u64, headers: &[(&str, &str)]) -> (Vec<SpanData>, Option<TraceContext>) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("desk", memory.clone())
        .add_producer()
        .add_consumer_handler(IN, "desk.orders", done)
        .with_opentelemetry()
        .build()
        .expect("a valid service");
    let envelope = EventEnvelope::new(EventId::v7(1, 1), Order::TYPE, Timestamp::from_millis(1), "test", Order { number });
    let mut record = Record::new(IN.parse().expect("a topic"), "account", envelope.to_json().expect("JSON"));
    for (name, value) in headers {
        record = record.header(*name, value.to_string());
    }
    let producer = Transport::producer(&memory).await.expect("a producer");
    producer.send_all(vec![record]).await.expect("topics are known");
    producer.flush(Duration::from_secs(1)).await.expect("all is there");
    let handle = service.handle();
    let running = tokio::spawn(service.run());
    while handle.account().total().settled() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    handle.stop();
    running.await.expect("no panic").expect("a clean end");
    let outputs = memory.records(&"paper.orders.done".parse().expect("a topic"));
    let header = outputs.first().and_then(|output| output.headers.iter().find(|(name, _)| name == "traceparent").cloned());
    let context = header.and_then(|(_, value)| TraceContext::parse(&value?));
    (exporter.get_finished_spans().expect("spans"), context)
}

fn named<'s>(spans: &'s [SpanData], name: &str) -> &'s SpanData {
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

#[tokio::test(start_paused = true)]
async fn the_process_span_is_linked_to_its_sender_and_its_outputs_carry_it() {
    let (spans, output) = exported(0, &[("traceparent", PARENT), ("tracestate", "vendor=1")]).await;
    let process = named(&spans, "process paper.orders.new");
    let parent = TraceContext::parse(PARENT.as_bytes()).expect("well-formed");
    let (trace, span) =
        (TraceId::from_bytes(parent.trace_id().to_be_bytes()), SpanId::from_bytes(parent.span_id().to_be_bytes()));
    assert_eq!((process.span_context.trace_id(), process.parent_span_id), (trace, span), "a single record's is a child");
    let links: Vec<_> = process.links.iter().map(|link| (link.span_context.trace_id(), link.span_context.span_id())).collect();
    assert_eq!(links, [(trace, span)], "and linked in every case");
    assert_eq!(process.span_kind, SpanKind::Consumer);
    let output = output.expect("outputs carry a trace");
    assert_eq!(SpanId::from_bytes(output.span_id().to_be_bytes()), process.span_context.span_id());
    assert_eq!(output.trace_id(), parent.trace_id());
    let own = named(&spans, "the handler's own");
    assert_eq!(own.parent_span_id, process.span_context.span_id(), "what the handler does is inside");
    let send = named(&spans, "send paper.orders.done");
    assert_eq!(send.links.iter().map(|link| link.span_context.span_id()).collect::<Vec<_>>(), [process.span_context.span_id()]);
}

#[tokio::test(start_paused = true)]
async fn without_a_sender_a_trace_begins_here_and_goes_on() {
    let (spans, output) = exported(0, &[]).await;
    let process = named(&spans, "process paper.orders.new");
    assert_eq!((process.parent_span_id, process.links.len()), (SpanId::INVALID, 0));
    let output = output.expect("outputs carry a trace");
    assert_eq!(TraceId::from_bytes(output.trace_id().to_be_bytes()), process.span_context.trace_id());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_failed_is_an_error() {
    let (spans, _) = exported(1, &[]).await;
    let process = named(&spans, "process paper.orders.new");
    assert!(matches!(process.status, Status::Error { .. }), "{:?}", process.status);
    let error = process.attributes.iter().find(|attribute| attribute.key.as_str() == "error.type").expect("its type");
    assert_eq!(error.value.as_str(), "permanent");
}
