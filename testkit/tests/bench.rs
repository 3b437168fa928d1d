//! Owns the proof that the bench feeds a service, lets time pass, and hands on how it ended.

mod support;

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Error, Transport};
use millstream_core::handler::{Event, HandlerError, Outcome, Outputs};
use millstream_core::service::StreamService;
use millstream_core::topic::Sibling;
use millstream_testkit::{TestBench, TestEvent, assert_no_dead_letters, assert_nothing_published, assert_published};
use std::time::Duration;
use support::{Alert, alert, words};

const ORDERS: &str = "paper.orders.placed";
const ALERTS: &str = "paper.orders.alerts";

async fn on_order(order: Event<Alert>, out: &mut Outputs) -> Result<(), HandlerError> {
    match order.amount {
        0 => Err(HandlerError::permanent("an order of nothing")),
        amount => {
            out.emit(Sibling::new("orders", "alerts"), &alert(&order.account, amount))?;
            Ok(())
        }
    }
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("watch", transport).add_producer().add_consumer_handler(ORDERS, "watch.orders", on_order).build()
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_is_settled_when_feeding_ends() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    let order = TestEvent::of(alert("ann", 7)).header("tenant", "blue");
    bench.feed([order.to(ORDERS), TestEvent::of(alert("bob", 8)).to(ORDERS)]).await;
    let expected = [TestEvent::of(alert("ann", 7)).source("watch").broker("paper").caused_by(&order), alert("bob", 8).into()];
    assert_published(&bench, ALERTS).exactly(expected);
    assert_no_dead_letters(&bench);
    bench.stop().await
}

#[tokio::test(start_paused = true)]
async fn a_missing_output_is_explained_by_the_dead_letter() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    bench.feed([TestEvent::of(alert("ann", 0)).to(ORDERS)]).await;
    assert_nothing_published(&bench, ALERTS);
    let said = words(|| assert_published(&bench, ALERTS).exactly([alert("ann", 0)]));
    let why = "paper.orders.placed at 0@0, permanent after 1 attempt: an order of nothing";
    assert_eq!(
        said,
        format!(
            "paper.orders.alerts: 1 event is missing\n  \
             missing: `order_alert` with key `ann`, {{\"account\":\"ann\",\"amount\":0}}\n  \
             there is nothing in this topic, and records in paper.orders.placed (1), paper.orders.placed.dlq (1)\n  \
             dead letter: {why}"
        )
    );
    assert_eq!(words(|| assert_no_dead_letters(&bench)), format!("there is a dead letter\n  {why}"));
    bench.stop().await
}

#[tokio::test(start_paused = true)]
async fn time_passes_as_the_test_says() -> Result<(), Error> {
    let later = async |_: Event<Alert>| Outcome::defer_for(Duration::from_secs(3_600), "before the market opens");
    let bench = TestBench::start(move |memory| {
        StreamServiceBuilder::new("watch", memory).add_consumer_handler(ORDERS, "watch.orders", later).build()
    })
    .await?;
    bench.send(TestEvent::of(alert("ann", 1)).to(ORDERS)).await;
    bench.advance(Duration::from_secs(3_590)).await;
    assert_eq!(bench.account().deferred, 1);
    bench.advance(Duration::from_secs(20)).await;
    assert_eq!(bench.account().deferred, 2);
    drop(bench.crash().await);
    Ok(())
}
