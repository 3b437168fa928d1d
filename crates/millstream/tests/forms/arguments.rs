//! What a handler may take: parts of the state, the attempt's number, a user's own extractor, and closures of every kind.

use crate::support::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a test would replace by a mock.
trait Broker: Send + Sync {
    fn place(&self, order: &Order) -> u64;
}

/// Takes every order, and counts them.
#[derive(Default)]
struct Paper {
    placed: AtomicU64,
}

impl Broker for Paper {
    fn place(&self, order: &Order) -> u64 {
        self.placed.fetch_add(order.number, Ordering::Relaxed)
    }
}

#[derive(Default)]
struct App {
    paper: Paper,
    traders: AtomicU64,
}

impl Provide<dyn Broker> for App {
    fn provide(&self) -> &(dyn Broker + 'static) {
        &self.paper
    }
}

async fn place(broker: &(dyn Broker + 'static), order: Event<Order>) {
    tokio::task::yield_now().await;
    broker.place(&order);
}

async fn attempts(order: Event<Order>, attempt: Attempt) -> Result<(), HandlerError> {
    (u64::from(attempt.number()) > order.number).then_some(()).or_transient("not often enough")
}

/// Of a broker's topic, and only once there is a trader.
struct TraderOf<'d>(&'d App);

impl Extract<App> for TraderOf<'_> {
    type Item<'d> = TraderOf<'d>;

    fn extract<'d>(delivery: &mut Delivery<'d, App>) -> Result<TraderOf<'d>, Rejection> {
        delivery.namespace().ok_or_else(|| Rejection::poison("not a broker's topic"))?;
        let traders = &delivery.state().traders;
        let ready = traders.fetch_add(1, Ordering::Relaxed) > 1;
        Ok(TraderOf(ready.then_some(delivery.state()).or_transient("no trader yet")?))
    }
}

async fn trade(trader: TraderOf<'_>, order: Event<Order>) {
    trader.0.paper.place(&order);
}

/// A service with the state `App` and one handler.
macro_rules! bench {
    ($app:expr, $topic:expr, $handler:expr) => {{
        let service = |memory| {
            let builder = StreamServiceBuilder::new("forms", memory).add_producer().with_shared_state($app.clone());
            builder.add_consumer_handler($topic, "forms.arguments", $handler).build()
        };
        TestBench::start(service).await.expect("a valid service")
    }};
}

#[tokio::test(start_paused = true)]
async fn a_handler_takes_a_trait_object_that_the_state_provides() {
    let app = Arc::new(App::default());
    let bench = bench!(app, "paper.orders.new", place);
    for number in [3, 4] {
        bench.publish("paper.orders.new", &order("a", number)).await;
    }
    bench.settled().await;
    assert_eq!(app.paper.placed.load(Ordering::Relaxed), 7);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_which_attempt_it_is() {
    let app = Arc::new(App::default());
    let bench = bench!(app, "paper.orders.new", attempts);
    for number in [0, 2] {
        bench.publish("paper.orders.new", &order("a", number)).await;
    }
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().failures), (2, 2));
    assert!(Attempt::FIRST.is_first() && Attempt::new(0).is_first() && !Attempt::new(2).is_first());
}

#[tokio::test(start_paused = true)]
async fn an_extractor_that_fails_is_a_failed_attempt_and_one_that_rejects_is_poison() {
    let app = Arc::new(App::default());
    let bench = bench!(app, ["paper.orders.new", "orders.new"], trade);
    bench.publish("paper.orders.new", &order("a", 5)).await;
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().failures), (1, 2), "the first two find no trader");
    bench.publish("orders.new", &order("a", 6)).await;
    bench.settled().await;
    let letters = bench.dead_letters("orders.new.dlq");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("poison", 0));
    assert_eq!(letters[0].message, "not a broker's topic");
    assert_eq!(app.paper.placed.load(Ordering::Relaxed), 5);
}

const DONE: Sibling = Sibling::new("orders", "done");

#[tokio::test(start_paused = true)]
async fn an_async_closure_borrows_state_and_outputs_over_an_await() {
    let app = Arc::new(App::default());
    let bench = bench!(app, "paper.orders.new", async |app: &App, order: Event<Order>, out: &mut Outputs| {
        tokio::task::yield_now().await;
        app.paper.place(&order);
        out.emit(DONE, &*order)?;
        Ok::<_, HandlerError>(())
    });
    bench.publish("paper.orders.new", &order("a", 8)).await;
    bench.settled().await;
    assert_eq!(app.paper.placed.load(Ordering::Relaxed), 8);
    assert_eq!(bench.events::<Order>("paper.orders.done"), [order("a", 8)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_knows_its_position_its_headers_and_what_it_belongs_to() {
    let app = Arc::new(App::default());
    let bench =
        bench!(app, "paper.orders.new", async |event: Event<Order>, raw: RawEvent<'_>, topic: Topic, position: Position| {
            assert_eq!((event.position(), raw.position(), raw.topic()), (position, position, &topic));
            assert_eq!(event.headers().text("tenant"), Some("blue"));
            assert_eq!(event.correlation_id(), event.id());
            assert_eq!(event.extra().get("desk"), Some("7"));
        });
    let mut envelope = EventEnvelope::new(id(1), "order", Timestamp::UNIX_EPOCH, "test", order("a", 1));
    envelope.extra.set("desk", &7).expect("a field of its own");
    let value = envelope.to_json().expect("JSON");
    bench.send(Record::new(topic("paper.orders.new"), "a", value).header("tenant", "blue")).await;
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().failures), (1, 0));
}

#[derive(serde::Deserialize)]
struct Numbered {
    #[serde(rename = "number")]
    _number: u64,
}

async fn decodes_in_its_body(raw: RawEvent<'_>) -> Result<(), HandlerError> {
    let _: Numbered = raw.decode()?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_cannot_decode_in_its_body_is_poison_at_once() {
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory);
        builder.add_consumer_handler("paper.orders.new", "forms.decodes", decodes_in_its_body).build()
    };
    let bench = millstream_testkit::TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    let envelope = EventEnvelope::new(EventId::v7(9, 9), "order", Timestamp::UNIX_EPOCH, "test", "no order");
    bench.send_raw("paper.orders.new", "b", &envelope.to_json().expect("JSON")).await;
    bench.settled().await;
    let letters = bench.dead_letters("paper.orders.new.dlq");
    assert_eq!((letters.len(), letters[0].reason.as_str(), letters[0].attempts), (1, "poison", 0));
    assert_eq!((bench.account().done, bench.account().retries), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_state_in_an_arc_is_taken_by_reference_like_any_other() {
    let paper = Arc::new(Paper::default());
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory).with_state(paper.clone());
        let place = async |paper: &Paper, order: Event<Order>| {
            paper.place(&order);
        };
        builder.add_consumer_handler("paper.orders.new", "forms.arc", place).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.settled().await;
    assert_eq!(paper.placed.load(Ordering::SeqCst), 1);
}
