//! What is seen of a call: one span, linked to its records. Not beside the other tests of batches: whether a span is wanted
//! is kept for the whole process, so each test here waits for its turn.

#[path = "batch/desk.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
mod desk;
#[path = "support/seen.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
mod seen;
mod support;
#[path = "invariants/world.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
mod world;

use desk::*;
use millstream::envelope::TraceContext;
use millstream::prelude::*;
use millstream::service::SpanHook;
use millstream_testkit::TestBench;
use seen::Seen;
use std::sync::{Arc, Mutex};
use support::*;
use world::*;

/// Notes which contexts a span was connected to.
#[derive(Clone, Default)]
struct Links(Arc<Mutex<Vec<(u128, bool)>>>);

impl SpanHook for Links {
    fn connect(&self, span: &tracing::Span, to: TraceContext, parent: bool) {
        if span.metadata().is_some_and(|metadata| metadata.name() == "process") {
            self.0.lock().expect("no panic under it").push((to.trace_id(), parent));
        }
    }

    fn context(&self, _: &tracing::Span) -> Option<TraceContext> {
        None
    }
}

fn traced(n: u64) -> Record {
    let trace = format!("00-{:032x}-00f067aa0ba902b7-01", 0x1000 + u128::from(n));
    record(NEW, &order(&n.to_string(), n)).header("traceparent", trace)
}

#[tokio::test(start_paused = true)]
async fn a_call_has_one_span_with_its_number_of_records_and_a_link_to_each() {
    let (seen, _guard) = Seen::all();
    let (links, desk, memory) = (Links::default(), Desk::new().emitting(), Memory::new());
    send(&memory, (0..5).map(traced).collect()).await;
    let service = |memory| {
        let builder = builder(memory, 1).with_span_hook(links.clone()).add_producer().with_state(desk.clone());
        builder.add_batch_handler(NEW, GROUP, Desk::handle).build()
    };
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    let spans = seen.spans("process");
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0]["messaging.batch.message_count"], "5");
    assert_eq!(
        (spans[0]["otel.name"].as_str(), spans[0]["messaging.operation.type"].as_str()),
        ("process paper.orders.new", "process")
    );
    let expected: Vec<_> = (0..5).map(|n| (0x1000 + n, false)).collect();
    assert_eq!(*links.0.lock().expect("no panic under it"), expected, "links, and no parent");
}

#[tokio::test(start_paused = true)]
async fn an_output_stays_in_the_trace_of_its_own_event() {
    let _alone = seen::alone();
    let (desk, memory) = (Desk::new().emitting(), Memory::new());
    send(&memory, (0..5).map(traced).collect()).await;
    let start = |memory| desk.service(memory, BatchSettings::new());
    let bench = TestBench::start_on(memory.clone(), start).await.expect("a valid service");
    bench.settled().await;
    let sent = memory.records(&topic(OUT));
    assert_eq!(sent.len(), 5);
    for record in sent {
        let number = number_of(record.value.as_deref().expect("an event")).expect("an order");
        let trace = header(&record, "traceparent").expect("it is traced");
        assert!(trace.starts_with(&format!("00-{:032x}-", 0x1000 + number)), "{trace}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_as_a_whole_says_so_in_its_span_and_in_one_line() {
    let (seen, _guard) = Seen::all();
    let desk = Desk::new().wholly(|numbers| match numbers.len() {
        1 => Ok(()),
        _ => Err(HandlerError::transient("the store is away")),
    });
    let bench = desk.bench(orders(0..4), BatchSettings::new()).await;
    bench.settled().await;
    let failed: Vec<_> = seen.spans("process").into_iter().map(|span| span.get("error.type").cloned()).collect();
    assert_eq!(failed, [Some("transient".into()), None, None, None, None]);
    let lines = seen.lines("a call failed as a whole, and its records come one by one");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].fields["records"], "4");
}

#[tokio::test(start_paused = true)]
async fn a_handlers_lines_are_in_the_span_of_its_call_also_after_it_waited() {
    let (seen, _guard) = Seen::all();
    let waits = |orders: Batch<Order>| async move {
        tokio::time::sleep(ms(10)).await;
        tracing::info!(orders = orders.len(), "stored");
        Ok::<(), HandlerError>(())
    };
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..3)).await;
    let service = |memory| builder(memory, 1).add_batch_handler(NEW, GROUP, waits).build();
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    let lines = seen.lines("stored");
    assert_eq!(lines[0].process["messaging.batch.message_count"], "3");
}
