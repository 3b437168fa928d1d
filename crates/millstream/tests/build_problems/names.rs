//! Problems of topics, groups and handlers' names.

use super::*;

/// A service that reads this topic as this group.
fn reading(topic: &str, group: &str) -> StreamServiceBuilder {
    StreamServiceBuilder::new("desk", Memory::new()).add_consumer_handler(topic, group, quiet)
}

#[test]
fn a_wildcard_is_refused() {
    assert_eq!(said(reading("paper.orders.*", "desk.orders")), "");
}

#[test]
fn a_topic_with_an_empty_segment_is_refused() {
    assert_eq!(said(reading("paper..orders", "desk.orders")), "");
}

#[test]
fn a_topic_named_twice_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    let builder = builder.add_consumer_handler(["market.ticks", "market.ticks"], "desk.ticks", quiet);
    assert_eq!(said(builder), "");
}

#[test]
fn a_handler_without_a_topic_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(said(builder.add_consumer_handler(Vec::<&str>::new(), "desk.ticks", quiet)), "");
}

#[test]
fn a_group_without_a_name_is_refused() {
    assert_eq!(said(reading("market.ticks", "")), "");
}

#[test]
fn a_group_that_kafka_refuses_is_refused() {
    assert_eq!(said(reading("market.ticks", "desk/ticks")), "");
}

#[test]
fn an_empty_name_of_a_handler_is_refused() {
    assert_eq!(said(with(HandlerSettings::new().name(""))), "");
}

#[test]
fn two_handlers_of_one_topic_and_group_are_refused() {
    assert_eq!(said(sound().add_consumer_handler(["paper.orders.old", "paper.orders.new"], "desk.orders", quiet)), "");
}

#[test]
fn two_handlers_of_one_name_in_a_group_are_refused() {
    let settings = || HandlerSettings::new().name("fills");
    let builder = StreamServiceBuilder::new("desk", Memory::new())
        .add_consumer_handler_with("paper.orders.new", "desk.orders", quiet, settings())
        .add_consumer_handler_with("paper.orders.old", "desk.orders", quiet, settings());
    assert_eq!(said(builder), "");
}

#[test]
fn a_topic_may_be_read_by_two_groups() {
    sound().add_consumer_handler("paper.orders.new", "desk.audit", quiet).build().expect("two groups read it");
}
