//! Every form a handler has today, called without any framework and run by a service.

mod support;

use millstream::contract::{Headers, Position};
use millstream::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use support::*;

const DONE: Sibling = Sibling::new("orders", "done");

#[derive(Default)]
struct Desk {
    sum: AtomicU64,
    pool: Pool,
}

#[derive(Default)]
struct Pool {
    taken: AtomicU64,
}

impl Provide<Pool> for Desk {
    fn provide(&self) -> &Pool {
        &self.pool
    }
}

impl Desk {
    async fn on_order(&self, order: Event<Order>, broker: Namespace, out: &mut Outputs) -> Result<(), HandlerError> {
        self.sum.fetch_add(order.number, Ordering::Relaxed);
        out.emit(DONE, &Order { account: format!("{broker}-{}", order.account), number: order.number })?;
        Ok(())
    }
}

/// The seed's form.
async fn seed(message: Event<serde_json::Value>, topic: Topic) -> Result<(), HandlerError> {
    let _ = (message["number"].as_u64().or_permanent("no number")?, topic.as_str());
    Ok(())
}

async fn standard_error(order: Event<Order>) -> Result<(), std::num::ParseIntError> {
    order.account.trim_start_matches(char::is_alphabetic).parse::<u32>().map(drop).or(Ok(()))
}

async fn skipping(_: Event<Order>) -> Outcome {
    Outcome::skip("the market is closed")
}

#[expect(clippy::too_many_arguments, reason = "as many as a handler may have")]
async fn eight(
    desk: &Desk,
    pool: &Pool,
    order: Event<Order>,
    topic: Topic,
    broker: Namespace,
    position: Position,
    headers: Headers<'_>,
    out: &mut Outputs,
) -> Result<(), HandlerError> {
    tokio::task::yield_now().await;
    desk.sum.fetch_add(order.number, Ordering::Relaxed);
    pool.taken.fetch_add(u64::from(headers.text("tenant") == Some("blue")), Ordering::Relaxed);
    assert!(topic.as_str().starts_with(broker.as_str()), "the namespace is the topic's");
    assert_eq!(position.partition, 0);
    out.emit(DONE, &*order)?;
    Ok(())
}

/// A user's own extractor: borrows from the state and may fail.
struct PoolOf<'d>(&'d Pool);

impl Extract<Desk> for PoolOf<'_> {
    type Item<'d> = PoolOf<'d>;

    fn extract<'d>(delivery: &mut Delivery<'d, Desk>) -> Result<PoolOf<'d>, Rejection> {
        delivery.namespace().ok_or_else(|| Rejection::poison("not a broker's topic"))?;
        Ok(PoolOf(delivery.state().provide()))
    }
}

async fn extracted(pool: PoolOf<'_>, raw: RawEvent<'_>) -> Result<(), HandlerError> {
    assert!(!raw.value().is_empty());
    pool.0.taken.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

#[tokio::test]
async fn a_handler_is_called_in_a_unit_test_without_any_framework() -> Result<(), HandlerError> {
    let desk = Desk::default();
    let mut out = Outputs::of(&Topic::literal("paper.orders.new"));
    desk.on_order(Event::example(order("a", 7)), Namespace::literal("paper"), &mut out).await?;
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].topic().as_str(), "paper.orders.done");
    assert_eq!(out[0].data::<Order>(), order("paper-a", 7));
    assert_eq!(out[0].key(), b"paper-a");
    assert_eq!(desk.sum.load(Ordering::Relaxed), 7);
    Ok(())
}

#[tokio::test]
async fn an_output_that_cannot_go_out_is_refused_where_the_handler_can_answer() {
    let mut out = Outputs::of(&Topic::literal("paper.orders.new"));
    let nameless = out.emit(DONE, &order("", 1)).expect_err("a key is needed");
    assert!(matches!(nameless, EmitError::EmptyKey));
    let across = out.emit(DONE.of(Namespace::literal("zerodha")), &order("a", 1)).expect_err("namespaces never mix");
    assert!(matches!(across, EmitError::Address(_)));
    let huge = out.emit(DONE, &order(&"a".repeat(5_000), 1)).expect_err("keys are bounded");
    assert!(matches!(huge, EmitError::KeyTooLong(4_096)));
    out.emit_named(DONE, "first", &order("a", 1)).expect("fits");
    let again = out.emit_named(DONE, "first", &order("b", 1)).expect_err("both would have one id");
    assert!(matches!(again, EmitError::NamedTwice(_)));
    assert_eq!(out.len(), 1, "nothing of a refused output stays");
    // It will be the same the next time, so it is not tried again.
    assert_eq!(HandlerError::from(huge).failure(), millstream::engine::Failure::Permanent);
}

#[tokio::test]
async fn equal_causes_emit_equal_ids_and_different_slots_different_ones() {
    let ids = async || {
        let mut out = Outputs::of(&Topic::literal("paper.orders.new"));
        let mut ids = vec![
            out.emit(DONE, &order("a", 1)).expect("fits"),
            out.emit(DONE, &order("a", 1)).expect("fits"),
            out.emit(DONE, &order("b", 1)).expect("fits"),
            out.emit_named(DONE, "first", &order("a", 1)).expect("fits"),
        ];
        out.publish_now(DONE, &order("a", 1)).await.expect("recorded");
        ids.push(out[4].id());
        ids
    };
    let first = ids().await;
    assert_eq!(first, ids().await, "a second attempt says the same");
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), first.len(), "no two slots share an id");
}

#[tokio::test(start_paused = true)]
async fn every_form_runs_in_a_service() {
    let memory = Memory::new();
    let desk = Arc::new(Desk::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let service = StreamServiceBuilder::new("forms", memory.clone())
        .add_producer()
        .add_consumer_handler("paper.orders.new", "forms.seed", seed)
        .add_consumer_handler("paper.orders.new", "forms.error", standard_error)
        .add_consumer_handler("paper.orders.new", "forms.skip", skipping)
        .add_consumer_handler("paper.orders.new", "forms.closure", async |order: Event<Order>, out: &mut Outputs| {
            let _ = (order.number, out.len());
        })
        .add_consumer_handler("paper.orders.new", "forms.move", move |order: Event<Order>| {
            let noted = noted.clone();
            async move { noted.lock().expect("no panic under the lock").push(order.number) }
        })
        .with_shared_state(desk.clone())
        .add_consumer_handler("paper.orders.new", "forms.method", Desk::on_order)
        .add_consumer_handler("paper.orders.new", "forms.eight", eight)
        .add_consumer_handler("paper.orders.new", "forms.extracted", extracted)
        .build()
        .expect("a valid service");
    let orders = (0..10).map(|n| record("paper.orders.new", &order("a", n)).header("tenant", "blue"));
    send(&memory, orders.collect()).await;
    let running = Running::start(service).await;
    running.settled(80).await;
    let total = running.handle.account().total();
    assert_eq!((total.done, total.skipped, total.dead_lettered), (70, 10, 0));
    running.stop().await.expect("a clean end");
    assert_eq!(desk.sum.load(Ordering::Relaxed), 90);
    assert_eq!(desk.pool.taken.load(Ordering::Relaxed), 20);
    assert_eq!(*seen.lock().expect("no panic under the lock"), (0..10).collect::<Vec<_>>());
    assert_eq!(orders_in(&memory, "paper.orders.done").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_output_carries_correlation_causation_namespace_and_source() {
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("copier", memory.clone())
        .add_producer()
        .add_consumer_handler("paper.orders.new", "copier.orders", async |order: Event<Order>, out: &mut Outputs| {
            out.emit(DONE, &*order).map(drop)
        })
        .build()
        .expect("a valid service");
    let envelope = EventEnvelope::new(id(1), "order", Timestamp::UNIX_EPOCH, "test", order("a", 1)).correlation_id(id(99));
    send(&memory, vec![Record::new(topic("paper.orders.new"), "a", envelope.to_json().expect("JSON"))]).await;
    let running = Running::start(service).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    let records = memory.records(&topic("paper.orders.done"));
    let out: EventEnvelope<Order> = EventEnvelope::from_json(records[0].value.as_deref().expect("a value")).expect("an envelope");
    assert_eq!(out.correlation_id.as_event_id(), Some(id(99)));
    assert_eq!(out.causation_id.and_then(|cause| cause.as_event_id()), Some(id(1)));
    assert_eq!((out.source.as_str(), out.broker.as_deref()), ("copier", Some("paper")));
    assert_eq!(out.id.as_event_id().and_then(|id| id.millis()), id(1).millis(), "its time is its cause's");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_given_nothing_is_ready_too() {
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let service = |name: &str| {
        let builder = StreamServiceBuilder::new(name, memory.clone());
        builder.add_consumer_handler("paper.orders.new", "spare", skipping).build().expect("a valid service")
    };
    let (one, two) = (Running::start(service("one")).await, Running::start(service("two")).await);
    assert!(one.handle.health().is_ready() && two.handle.health().is_ready());
    one.stop().await.expect("a clean end");
    two.stop().await.expect("a clean end");
}
