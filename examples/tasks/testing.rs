//! Two tests of a service: the handler called as the function it is, and the whole service on memory.

use millstream::prelude::*;
use millstream::testkit::TestBench;
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

/// What `#[tokio::test] async fn a_big_order_is_an_alert()` would hold.
async fn a_big_order_is_an_alert() -> Result<(), HandlerError> {
    let mut out = Outputs::of(&Topic::literal("paper.orders.placed"));
    on_order(Event::example(Order { account: "ann".into(), amount: 2_000 }), &mut out).await?;
    assert_eq!(out[0].topic().as_str(), "paper.orders.alerts");
    Ok(())
}

/// What `#[tokio::test(start_paused = true)] async fn a_poison_record_does_not_stop_the_others()` would hold.
async fn a_poison_record_does_not_stop_the_others() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    bench.send_raw("paper.orders.placed", "ann", b"{not json").await;
    bench.publish("paper.orders.placed", &Order { account: "ann".into(), amount: 2_000 }).await;
    bench.settled().await;
    assert_eq!((bench.account().dead_lettered, bench.account().done), (1, 1));
    assert_eq!(bench.dead_letters("paper.orders.placed.dlq")[0].reason, "poison");
    assert_eq!(bench.events::<Alert>("paper.orders.alerts"), [Alert { account: "ann".into() }]);
    bench.stop().await
}

pub(crate) async fn run() -> Result<(), Error> {
    a_big_order_is_an_alert().await.expect("a handler is a function");
    a_poison_record_does_not_stop_the_others().await
}
