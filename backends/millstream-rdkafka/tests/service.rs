//! A whole service on librdkafka and its mock cluster: publishing, handling, committing, stopping, going on.

mod common;

use common::orders::{ORDERS, Order, publish};
use common::{Mock, Short, Wait};
use millstream::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const FILLED: Sibling = Sibling::new("orders", "filled");
const GROUP: &str = "billing.orders";

#[derive(Default)]
struct Handled(AtomicU64);

impl Handled {
    async fn on_order(self: &Arc<Self>, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        out.emit(FILLED, &*order)?;
        Ok(())
    }
}

/// Runs a service until it has settled so many records; answers how many its handler saw.
async fn settle(mock: &Mock, records: u64) -> u64 {
    let handled = Arc::new(Handled::default());
    let service = StreamServiceBuilder::new("billing", Short(mock.transport()))
        .with_state(handled.clone())
        .add_producer()
        .add_consumer_handler(ORDERS, GROUP, Handled::on_order)
        .build()
        .expect("nothing is wrong with it");
    let handle = service.handle();
    let running = tokio::spawn(service.run());
    // One that has ended by itself says why below.
    let settled = async || handle.account().total().settled() >= records || running.is_finished();
    Wait::until("all to be settled", settled).await;
    handle.stop();
    running.await.expect("it does not panic").expect("it ends well");
    handled.0.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_goes_on_where_the_one_before_it_stopped() {
    let mock = Mock::new();
    for topic in ["paper.orders.new", "paper.orders.new.dlq", "paper.orders.filled"] {
        mock.cluster.create_topic(topic, 2, 1).expect("it is new");
    }
    let shop = Publisher::new("shop", mock.transport()).await.expect("a publisher");
    publish(&shop, 0..50).await;
    assert_eq!(settle(&mock, 50).await, 50);
    publish(&shop, 50..70).await;
    assert_eq!(settle(&mock, 20).await, 20, "what an earlier one settled does not come again");
}
