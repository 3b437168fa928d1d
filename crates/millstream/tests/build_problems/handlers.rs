//! Problems of single handlers: what they take and return, their time, their numbers, their identities.

use super::*;
use millstream::envelope::Limits;
use millstream::service::IdSource;
use std::time::Duration;

/// The problem of a handler with such settings.
fn set(change: impl FnOnce(&mut HandlerSettings)) -> String {
    let mut settings = HandlerSettings::new();
    change(&mut settings);
    said(with(settings))
}

#[test]
fn outputs_without_a_producer_are_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(said(builder.add_consumer_handler("paper.orders.new", "desk.orders", speaking)), "");
}

#[test]
fn returned_outputs_without_a_producer_are_refused() {
    const COPIES: Sibling = Sibling::new("orders", "copied");
    async fn copy(order: Event<Order>) -> Emit<Order> {
        Emit::to(COPIES, order.into_data())
    }
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(said(builder.add_consumer_handler("paper.orders.new", "desk.orders", copy)), "");
}

#[test]
fn outputs_taken_twice_are_refused() {
    async fn twice(_one: &mut Outputs, _two: &mut Outputs) {}
    let builder = StreamServiceBuilder::new("desk", Memory::new()).add_producer();
    assert_eq!(said(builder.add_consumer_handler("paper.orders.new", "desk.orders", twice)), "");
}

#[test]
fn outputs_of_a_groups_dead_letters_are_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new())
        .with_error_handling(ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new()))
        .add_producer();
    assert_eq!(said(builder.add_consumer_handler("dlq.desk.orders.paper.orders.new", "desk.letters", speaking)), "");
}

#[test]
fn a_namespace_of_a_shared_topic_is_refused() {
    async fn named(_: Namespace, _: Event<Order>) {}
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(said(builder.add_consumer_handler(["paper.orders.new", "market.ticks"], "desk.orders", named)), "");
}

#[test]
fn a_namespace_may_be_asked_for_where_there_may_be_none() {
    async fn perhaps(_: Option<Namespace>, _: Event<Order>) {}
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    builder.add_consumer_handler(["paper.orders.new", "market.ticks"], "desk.orders", perhaps).build().expect("it asks");
}

#[test]
fn bare_json_whose_ids_come_from_envelopes_is_refused() {
    async fn bare(_: Json<Order>) {}
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(said(builder.add_consumer_handler("paper.orders.new", "desk.orders", bare)), "");
}

#[test]
fn an_attempt_without_time_is_refused() {
    assert_eq!(set(|settings| settings.timeout = Duration::ZERO), "");
}

#[test]
fn an_attempt_that_takes_as_long_as_kafka_waits_is_refused() {
    assert_eq!(set(|settings| settings.timeout = Duration::from_secs(300)), "");
}

#[test]
fn no_concurrency_is_refused() {
    assert_eq!(set(|settings| settings.concurrency = 0), "");
}

#[test]
fn a_window_of_no_records_is_refused() {
    assert_eq!(set(|settings| settings.in_flight_records = 0), "");
}

#[test]
fn a_window_of_no_bytes_is_refused() {
    assert_eq!(set(|settings| settings.in_flight_bytes = 0), "");
}

#[test]
fn no_room_for_dead_letters_is_refused() {
    assert_eq!(set(|settings| settings.max_letters = 0), "");
}

#[test]
fn outputs_of_which_none_may_be_are_refused() {
    let mut settings = HandlerSettings::new();
    settings.max_outputs = 0;
    with(settings.clone()).build().expect("it has none to emit");
    let builder = StreamServiceBuilder::new("desk", Memory::new()).add_producer();
    assert_eq!(said(builder.add_consumer_handler_with("paper.orders.new", "desk.orders", speaking, settings)), "");
}

#[test]
fn limits_that_make_poison_of_every_value_are_refused() {
    assert_eq!(set(|settings| settings.limits.value_bytes = 0), "");
}

#[test]
fn limits_that_make_poison_of_every_envelope_are_refused() {
    assert_eq!(set(|settings| settings.limits.depth = 0), "");
}

#[test]
fn limits_that_make_poison_of_every_key_are_refused() {
    assert_eq!(set(|settings| settings.limits.key_bytes = 0), "");
}

#[test]
fn limits_may_be_narrow() {
    let mut settings = HandlerSettings::new();
    settings.limits = Limits::DEFAULT;
    (settings.limits.headers, settings.limits.header_bytes) = (0, 0);
    with(settings).build().expect("records without headers may be all it wants");
}

#[test]
fn a_type_asked_for_where_no_envelope_is_read_is_refused() {
    assert_eq!(said(with(HandlerSettings::new().only::<Order>().id_source(IdSource::Position))), "");
}

#[test]
fn ids_from_a_header_without_a_name_are_refused() {
    assert_eq!(said(with(HandlerSettings::new().id_source(IdSource::Header(String::new())))), "");
}
