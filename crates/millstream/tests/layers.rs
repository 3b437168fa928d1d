//! Layers: code around each attempt, in the order in which it was named, whose answer is the attempt's.

mod support;

use millstream::engine::Failure;
use millstream::prelude::*;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

const NEW: &str = "paper.orders.new";
const DONE: Sibling = Sibling::new("orders", "done");

type Lines = Arc<Mutex<Vec<String>>>;

fn note(lines: &Lines, line: impl Into<String>) {
    lines.lock().expect("no panic under the lock").push(line.into());
}

fn noted(lines: &Lines) -> Vec<String> {
    lines.lock().expect("no panic under the lock").clone()
}

/// Notes when it is entered and left.
struct Trace(&'static str, Lines);

impl Layer for Trace {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        note(&self.1, format!("{}>", self.0));
        let answer = next.run().await;
        note(&self.1, format!("<{}", self.0));
        answer
    }
}

/// Answers by a function of what was answered inside.
struct Changing(fn(Result<Outcome, HandlerError>) -> Result<Outcome, HandlerError>);

impl Layer for Changing {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        (self.0)(next.run().await)
    }
}

/// Emits, waits a moment, and fails for odd numbers.
async fn emitting(order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    out.emit(DONE, &*order)?;
    tokio::task::yield_now().await;
    if order.number % 2 == 1 { Err(HandlerError::permanent("odd")) } else { Ok(()) }
}

fn service(memory: &Memory, layer: impl Layer) -> StreamService {
    let settings = HandlerSettings::new().layer(layer);
    let builder = StreamServiceBuilder::new("layers", memory.clone()).add_producer();
    builder.add_consumer_handler_with(NEW, "layers", emitting, settings).build().expect("a valid service")
}

/// Runs a service over some orders until each is settled; what became of them.
async fn run(memory: &Memory, service: StreamService, orders: impl IntoIterator<Item = Order>) -> millstream::service::Counts {
    let orders: Vec<_> = orders.into_iter().collect();
    let count = orders.len() as u64;
    send_orders(memory, NEW, orders).await;
    let running = Running::start(service).await;
    running.settled(count).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    total
}

fn header(record: &Record, name: &str) -> Option<String> {
    let found = record.headers.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| value.as_deref()).map(|value| String::from_utf8_lossy(value).into_owned())
}

#[tokio::test(start_paused = true)]
async fn the_first_layer_named_is_the_outermost_and_the_builders_are_outside_the_handlers() {
    let (memory, lines) = (Memory::new(), Lines::default());
    let trace = |name| Trace(name, lines.clone());
    let service = StreamServiceBuilder::new("order", memory.clone())
        .with_state(lines.clone())
        .add_consumer_handler("paper.orders.old", "order.before", async |lines: &Lines| note(lines, "before any layer"))
        .layer(trace("a"))
        .layer(trace("b"))
        .with_state(lines.clone())
        .add_consumer_handler_with(
            NEW,
            "order",
            async |lines: &Lines| note(lines, "handler"),
            HandlerSettings::new().layer(trace("c")).layer(trace("d")),
        )
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.old", [order("a", 0)]).await;
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service).await;
    running.settled(2).await;
    running.stop().await.expect("a clean end");
    let mut lines = noted(&lines);
    let before = lines.iter().position(|line| line == "before any layer").expect("it ran");
    lines.remove(before);
    assert_eq!(lines, ["a>", "b>", "c>", "d>", "handler", "<d", "<c", "<b", "<a"]);
}

struct MarketHours;

impl Layer for MarketHours {
    async fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        match delivery.headers().text("session") {
            Some("closed") => Ok(Outcome::skip("the market is closed")),
            Some("halted") => Err(HandlerError::permanent("trading is halted")),
            _ => next.run().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_does_not_run_what_is_inside_answers_in_its_place() {
    let memory = Memory::new();
    let calls = Arc::new(AtomicU32::new(0));
    let service = StreamServiceBuilder::new("hours", memory.clone())
        .layer(MarketHours)
        .with_shared_state(calls.clone())
        .add_consumer_handler(NEW, "hours", async |_: Event<Order>, calls: &AtomicU32| {
            calls.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .expect("a valid service");
    let plain = |n| record(NEW, &order("a", n));
    // Its data is no order: nobody decodes it.
    let envelope = EventEnvelope::new(id(9), "order", Timestamp::UNIX_EPOCH, "test", "not an order");
    let closed = Record::new(topic(NEW), "a", envelope.to_json().expect("JSON")).header("session", "closed");
    send(&memory, vec![plain(1), closed, plain(2).header("session", "halted"), plain(3)]).await;
    let running = Running::start(service).await;
    running.settled(4).await;
    let total = running.handle.account().total();
    assert_eq!((total.done, total.skipped, total.dead_lettered, total.failures), (2, 1, 1, 1));
    running.stop().await.expect("a clean end");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(header(&letters[0], "millstream-dlq-reason").as_deref(), Some("permanent"));
    assert_eq!(header(&letters[0], "millstream-dlq-attempts").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn outputs_of_an_attempt_that_a_layer_fails_do_not_go_out() {
    let memory = Memory::new();
    let layer = Changing(|answer| answer.and(Err(HandlerError::permanent("vetoed"))));
    let total = run(&memory, service(&memory, layer), [order("a", 2)]).await;
    assert_eq!((total.done, total.dead_lettered, total.outputs), (0, 1, 0));
    assert_eq!(orders_in(&memory, "paper.orders.done"), []);
}

#[tokio::test(start_paused = true)]
async fn outputs_of_a_failure_that_a_layer_forgives_go_out() {
    let memory = Memory::new();
    let layer = Changing(|answer| answer.or_else(|error| Ok(Outcome::skip(error.to_string()))));
    let total = run(&memory, service(&memory, layer), [order("a", 1), order("a", 2)]).await;
    assert_eq!((total.done, total.skipped, total.dead_lettered), (1, 1, 0));
    assert_eq!(orders_in(&memory, "paper.orders.done"), [order("a", 1), order("a", 2)]);
}

/// Gives what is inside no time at all.
struct Impatient;

impl Layer for Impatient {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        let at_once = tokio::time::timeout(Duration::ZERO, next.run()).await;
        at_once.unwrap_or_else(|_| Ok(Outcome::skip("it takes too long")))
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_of_a_handler_that_a_layer_dropped_half_way_do_not_go_out() {
    let memory = Memory::new();
    let settings = HandlerSettings::new().layer(Impatient);
    let service = StreamServiceBuilder::new("impatient", memory.clone())
        .add_producer()
        .add_consumer_handler_with(
            NEW,
            "impatient",
            async |order: Event<Order>, out: &mut Outputs| {
                out.emit(DONE, &*order)?;
                if order.number == 1 {
                    pending::<()>().await;
                }
                Ok::<_, EmitError>(())
            },
            settings,
        )
        .build()
        .expect("a valid service");
    let total = run(&memory, service, [order("a", 1), order("a", 2)]).await;
    assert_eq!((total.done, total.skipped), (1, 1));
    assert_eq!(orders_in(&memory, "paper.orders.done"), [order("a", 2)]);
}

/// Notes what failed inside.
struct Failures(Lines);

impl Layer for Failures {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        let answer = next.run().await;
        if let Err(error) = &answer {
            note(&self.0, format!("{:?}", error.failure()));
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_argument_passes_through_layers_and_stays_a_dead_letter_without_attempts() {
    let (memory, lines) = (Memory::new(), Lines::default());
    let service = service(&memory, Failures(lines.clone()));
    let envelope = EventEnvelope::new(id(1), "order", Timestamp::UNIX_EPOCH, "test", "not an order");
    let no_order = Record::new(topic(NEW), "a", envelope.to_json().expect("JSON"));
    let no_event = Record::new(topic(NEW), "a", "{not json");
    send(&memory, vec![no_order, no_event]).await;
    let running = Running::start(service).await;
    running.settled(2).await;
    running.stop().await.expect("a clean end");
    assert_eq!(noted(&lines), [format!("{:?}", Failure::Poison)], "what is poison by itself reaches no layer");
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert_eq!(header(&letter, "millstream-dlq-reason").as_deref(), Some("poison"));
        assert_eq!(header(&letter, "millstream-dlq-attempts").as_deref(), Some("0"));
    }
}

/// Notes what it knows, and fails the first two attempts.
struct Knowing(Lines);

impl Layer for Knowing {
    async fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        let text = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or("-".into()).into_owned();
        let key = delivery.record().key().map(String::from_utf8_lossy);
        let place = format!("{} {} {}", delivery.service(), delivery.group(), delivery.handler());
        let namespace = delivery.namespace().map_or("-", |namespace| namespace.as_str());
        let record = format!("{} {namespace} {} {}", delivery.topic(), delivery.partition(), delivery.offset());
        let event = format!("{} {} {}", text(delivery.event_type()), text(delivery.event_id()), text(delivery.correlation_id()));
        let rest = format!("{} {}", text(key), delivery.headers().text("tenant").unwrap_or("-"));
        note(&self.0, format!("{} | {place} | {record} | {event} | {rest}", delivery.attempt()));
        if delivery.attempt() < 3 { Err(HandlerError::transient("not yet")) } else { next.run().await }
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_knows_its_delivery_and_sees_each_attempt() {
    let (memory, lines) = (Memory::new(), Lines::default());
    let settings = HandlerSettings::new().name("orders").layer(Knowing(lines.clone()));
    let service = StreamServiceBuilder::new("knowing", memory.clone())
        .add_consumer_handler_with(NEW, "knowing.orders", async |_: Event<Order>| {}, settings)
        .build()
        .expect("a valid service");
    let envelope = EventEnvelope::new(id(1), "order", Timestamp::UNIX_EPOCH, "test", order("a", 1)).correlation_id(id(99));
    let record = Record::new(topic(NEW), "a", envelope.to_json().expect("JSON")).header("tenant", "blue");
    send(&memory, vec![record]).await;
    let running = Running::start(service).await;
    running.settled(1).await;
    let total = running.handle.account().total();
    assert_eq!((total.done, total.retries, total.failures), (1, 2, 2));
    running.stop().await.expect("a clean end");
    let says = format!("knowing knowing.orders orders | {NEW} paper 0 0 | order {} {} | a blue", id(1), id(99));
    assert_eq!(noted(&lines), [1, 2, 3].map(|attempt| format!("{attempt} | {says}")));
}

/// Hangs, panics, or hands on, by the event's key.
struct Unruly;

impl Layer for Unruly {
    async fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        match delivery.record().key() {
            Some(b"hangs") if delivery.attempt() == 1 => pending().await,
            Some(b"panics") => panic!("no such tenant"),
            _ => next.run().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_hangs_or_panics_fails_its_attempt_and_nothing_else() {
    let memory = Memory::new();
    let service = service(&memory, Unruly);
    let total = run(&memory, service, [order("hangs", 2), order("panics", 4), order("a", 6), order("a", 8)]).await;
    assert_eq!((total.done, total.dead_lettered, total.timeouts), (3, 1, 1));
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(header(&letters[0], "millstream-dlq-reason").as_deref(), Some("panic"));
    assert!(header(&letters[0], "__dlq.errors.message").expect("a message").contains("no such tenant"));
    assert_eq!(orders_in(&memory, "paper.orders.done").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_be_shared_and_looked_at() {
    #[derive(Default)]
    struct Calls(AtomicU32);

    impl Layer for Calls {
        async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            next.run().await
        }
    }

    let (memory, calls) = (Memory::new(), Arc::new(Calls::default()));
    let total = run(&memory, service(&memory, calls.clone()), (0..100).map(|n| order("a", 2 * n))).await;
    assert_eq!((total.done, calls.0.load(Ordering::Relaxed)), (100, 100));
}
