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
    assert_eq!(said(builder), "");
}

#[test]
fn a_batch_handler_of_two_batches_is_refused() {
    async fn twice(_one: Batch<Order>, _two: Batch<Order>) -> Outcomes {
        Outcomes::new()
    }
    assert_eq!(said(desk().add_batch_handler("paper.orders.new", "desk.orders", twice)), "");
}

#[test]
fn a_batch_handler_behind_layers_is_refused() {
    struct Quiet;
    impl Layer for Quiet {
        async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
            next.run().await
        }
    }
    assert_eq!(said(desk().layer(Quiet).add_batch_handler("paper.orders.new", "desk.orders", store)), "");
}

#[test]
fn a_batch_handlers_outputs_without_a_producer_are_refused() {
    async fn speaking(_: Batch<Order>, _out: &mut BatchOutputs) -> Outcomes {
        Outcomes::new()
    }
    assert_eq!(said(desk().add_batch_handler("paper.orders.new", "desk.orders", speaking)), "");
}

#[test]
fn a_batch_handlers_namespace_of_a_shared_topic_is_refused() {
    async fn named(_: Batch<Order>, _: Namespace) -> Outcomes {
        Outcomes::new()
    }
    assert_eq!(said(desk().add_batch_handler("orders.new", "desk.orders", named)), "");
}

#[test]
fn a_batch_handlers_settings_are_told_by_their_own_name() {
    assert_eq!(said(with_batches(BatchSettings::new().timeout(Duration::ZERO))), "");
}

#[test]
fn a_record_that_waits_long_for_company_is_refused() {
    assert_eq!(said(with_batches(BatchSettings::new().linger(Duration::from_secs(11)))), "");
}

#[test]
fn a_batch_that_would_never_be_full_is_refused() {
    assert_eq!(said(with_batches(BatchSettings::new().records(500).in_flight(100, 32 << 20))), "");
}
