//! Problems of batch handlers, beside those of every handler.

use super::*;
use std::time::Duration;

async fn store(_: Batch<Order>) -> Outcomes {
    Outcomes::new()
}

fn desk() -> StreamServiceBuilder {
    StreamServiceBuilder::new("desk", Memory::new())
}

fn with_batches(settings: BatchSettings) -> StreamServiceBuilder {
    desk().add_batch_handler_with("paper.orders.new", "desk.orders", store, settings)
}

#[test]
fn a_batch_handler_without_a_batch_is_refused() {
    let builder = desk().add_batch_handler("paper.orders.new", "desk.orders", async |_: Topic| Outcomes::new());
    assert_eq!(
        said(builder),
        "batch handler `paper.orders.new` takes no `Batch<T>`
     remedy: take one: `async fn store(ticks: Batch<Tick>)`; or add it by `.add_consumer_handler(…)`"
    );
}

#[test]
fn a_batch_handler_of_two_batches_is_refused() {
    async fn twice(_one: Batch<Order>, _two: Batch<Order>) -> Outcomes {
        Outcomes::new()
    }
    assert_eq!(
        said(desk().add_batch_handler("paper.orders.new", "desk.orders", twice)),
        "batch handler `paper.orders.new` takes 2 batches
     remedy: take one, it has all records: `async fn store(ticks: Batch<Tick>)`"
    );
}

#[test]
fn a_batch_handler_behind_layers_is_refused() {
    struct Quiet;
    impl Layer for Quiet {
        async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
            next.run().await
        }
    }
    assert_eq!(
        said(desk().layer(Quiet).add_batch_handler("paper.orders.new", "desk.orders", store)),
        "batch handler `paper.orders.new` is added behind layers, which go around single records
     remedy: add it before `.layer(…)`, and do in the handler what they would do"
    );
}

#[test]
fn a_batch_handlers_outputs_without_a_producer_are_refused() {
    async fn speaking(_: Batch<Order>, _out: &mut BatchOutputs) -> Outcomes {
        Outcomes::new()
    }
    assert_eq!(
        said(desk().add_batch_handler("paper.orders.new", "desk.orders", speaking)),
        "handler `paper.orders.new` takes `&mut BatchOutputs`, but the service has no producer
     remedy: add it before `build()`: `.add_producer()`; or take the argument out"
    );
}

#[test]
fn a_batch_handlers_namespace_of_a_shared_topic_is_refused() {
    async fn named(_: Batch<Order>, _: Namespace) -> Outcomes {
        Outcomes::new()
    }
    assert_eq!(
        said(desk().add_batch_handler("orders.new", "desk.orders", named)),
        "handler `orders.new` takes a `Namespace`, and the shared topic `orders.new` has none
     remedy: take it where there is one: `namespace: Option<Namespace>`; or read the topic by another handler"
    );
}

#[test]
fn a_batch_handlers_settings_are_told_by_their_own_name() {
    assert_eq!(
        said(with_batches(BatchSettings::new().timeout(Duration::ZERO))),
        "handler `paper.orders.new` has no time for an attempt
     remedy: give it some: `BatchSettings::new().timeout(Duration::from_secs(30))`, the default"
    );
}

#[test]
fn a_record_that_waits_long_for_company_is_refused() {
    assert_eq!(said(with_batches(BatchSettings::new().linger(Duration::from_secs(11)))), "a record of batch handler `paper.orders.new` may wait 11s for company
     remedy: keep it at 10 s or less, since what was looked up of a record counts for 30 s: `BatchSettings::new().linger(Duration::from_millis(20))`");
}

#[test]
fn a_batch_that_would_never_be_full_is_refused() {
    assert_eq!(said(with_batches(BatchSettings::new().records(500).in_flight(100, 32 << 20))), "a batch of handler `paper.orders.new` may have 500 records, but only 100 may be in flight: it would never be full
     remedy: take fewer: `BatchSettings::new().records(100)`; or let more be in flight: `BatchSettings::new().in_flight(500, 32 << 20)`");
}
