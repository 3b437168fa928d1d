//! Owns the proof that the bench feeds a service, lets time pass, and hands on how it ended.

mod support;

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Error, Transport};
use millstream_core::handler::{Event, HandlerError, Outcome, Outputs};
use millstream_core::service::StreamService;
use millstream_core::topic::{Sibling, Topic};
use millstream_testkit::{TestBench, TestEvent, assert_no_dead_letters, assert_nothing_published, assert_published};
use std::time::Duration;
use support::{Alert, alert, words, words_of};

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
async fn what_never_settles_is_named_with_what_is_wrong() {
    let waited = tokio::spawn(async {
        let bench = TestBench::start(service).await.expect("it starts");
        let letters = Topic::literal("paper.orders.placed.dlq");
        bench.memory().set_writable(&letters, false).expect("it exists");
        bench.feed([TestEvent::of(alert("ann", 0)).to(ORDERS)]).await;
    });
    let said = words_of(waited.await.expect_err("it does not settle").into_panic());
    assert_eq!(
        said,
        "not settled within 600s\n  \
         not settled: paper.orders.placed-0 from 0 to 1 by group watch.orders\n  \
         trouble: dead letters of paper.orders.placed on paper.orders.placed-0: send failed: topic paper.orders.placed.dlq is closed to writes"
    );
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

/// What lies in all topics after two orders, a refused one, and a restart.
async fn a_run() -> Result<Vec<String>, Error> {
    let bench = TestBench::start(service).await?;
    bench.publish(ORDERS, &alert("ann", 1)).await;
    bench.publish(ORDERS, &alert("bob", 0)).await;
    bench.settled().await;
    bench.advance(Duration::from_secs(3_600)).await;
    let bench = TestBench::start_on(bench.crash().await, service).await?;
    bench.publish(ORDERS, &alert("cid", 3)).await;
    bench.settled().await;
    let memory = bench.memory().clone();
    bench.stop().await?;
    Ok(memory.topics().iter().flat_map(|topic| memory.records(topic)).map(|record| format!("{record:?}")).collect())
}

#[tokio::test(start_paused = true)]
async fn two_runs_write_the_same_bytes() -> Result<(), Error> {
    let (one, other) = (a_run().await?, a_run().await?);
    assert_eq!(one.len(), 6);
    assert_eq!(one, other);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_follows_time_and_goes_on_through_a_restart() -> Result<(), Error> {
    let hour = Duration::from_secs(3_600);
    let bench = TestBench::start(service).await?;
    bench.feed([TestEvent::of(alert("ann", 1)).to(ORDERS)]).await;
    assert!(stamp_of_last_alert(&bench).starts_with("2026-01-01T00:00:0"));
    bench.advance(hour).await;
    let memory = bench.crash().await;
    tokio::time::sleep(hour).await;
    let bench = TestBench::start_on(memory, service).await?;
    bench.feed([TestEvent::of(alert("bob", 1)).to(ORDERS)]).await;
    assert!(stamp_of_last_alert(&bench).starts_with("2026-01-01T02:00:"));
    bench.stop().await
}

#[tokio::test(start_paused = true)]
async fn a_restart_publishes_under_other_ids() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    bench.publish(ORDERS, &alert("ann", 1)).await;
    let bench = TestBench::start_on(bench.crash().await, service).await?;
    bench.publish(ORDERS, &alert("ann", 1)).await;
    let all = assert_published(&bench, ORDERS).all::<Alert>();
    assert_ne!(all[0].id, all[1].id);
    bench.stop().await
}

fn stamp_of_last_alert(bench: &TestBench) -> String {
    let alerts = assert_published(bench, ALERTS).all::<Alert>();
    alerts.last().expect("there is an alert").timestamp.to_string()
}
