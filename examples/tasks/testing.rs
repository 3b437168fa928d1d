//! Tests of a service: the handler called as the function it is, the whole service on memory, and code that takes a producer.

use millstream::prelude::*;
use millstream::testkit::{RecordingProducer, TestBench, TestEvent, assert_published};
use serde::{Deserialize, Serialize};

const ALERTS: Sibling = Sibling::new("orders", "alerts");

#[derive(Serialize, Deserialize)]
struct Order {
    account: String,
    amount: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order_placed";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Alert {
    account: String,
}

impl EventData for Alert {
    const TYPE: &'static str = "order_alert";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

async fn on_order(order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    if order.amount > 1_000 {
        out.emit(ALERTS, &Alert { account: order.account.clone() })?;
    }
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("watch", transport)
        .add_producer()
        .add_consumer_handler("paper.orders.placed", "risk.watch.orders", on_order)
        .build()
}

fn order(account: &str, amount: u64) -> Order {
    Order { account: account.to_owned(), amount }
}

fn alert(account: &str) -> Alert {
    Alert { account: account.to_owned() }
}

/// What `#[tokio::test] async fn a_big_order_is_an_alert()` would hold.
async fn a_big_order_is_an_alert() -> Result<(), HandlerError> {
    let mut out = Outputs::of(&Topic::literal("paper.orders.placed"));
    on_order(Event::example(order("ann", 2_000)), &mut out).await?;
    assert_published(&out, "paper.orders.alerts").exactly([alert("ann")]);
    Ok(())
}

/// What `#[tokio::test(start_paused = true)] async fn a_poison_record_does_not_stop_the_others()` would hold.
async fn a_poison_record_does_not_stop_the_others() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    let big = TestEvent::of(order("ann", 2_000)).header("tenant", "blue");
    bench.send_raw("paper.orders.placed", "ann", b"{not json").await;
    bench.feed([big.to("paper.orders.placed")]).await;
    assert_published(&bench, "paper.orders.alerts").exactly([TestEvent::of(alert("ann")).caused_by(&big)]);
    assert_eq!(bench.dead_letters("paper.orders.placed.dlq")[0].reason, "poison");
    bench.stop().await
}

/// What `#[tokio::test] async fn an_archive_that_refuses_is_an_error()` would hold: code that takes a producer.
async fn an_archive_that_refuses_is_an_error() -> Result<(), Error> {
    let producer = RecordingProducer::new();
    producer.send_one(TestEvent::of(order("ann", 1)).to("archive.orders")).await?;
    assert_published(&producer, "archive.orders").exactly([order("ann", 1)]);
    producer.to("archive.orders").refuse(true);
    assert!(producer.send_one(TestEvent::of(order("bob", 1)).to("archive.orders")).await.is_err());
    Ok(())
}

pub(crate) async fn run() -> Result<(), Error> {
    a_big_order_is_an_alert().await.expect("a handler is a function");
    a_poison_record_does_not_stop_the_others().await?;
    an_archive_that_refuses_is_an_error().await
}
