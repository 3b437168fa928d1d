//! Problems of topics, groups and handlers' names.

use super::*;

/// A service that reads this topic as this group.
fn reading(topic: &str, group: &str) -> StreamServiceBuilder {
    StreamServiceBuilder::new("desk", Memory::new()).add_consumer_handler(topic, group, quiet)
}

#[test]
fn a_wildcard_is_refused() {
    assert_eq!(
        said(reading("paper.orders.*", "desk.orders")),
        "handler 1: the topic `paper.orders.*` cannot be used: topics are named one by one: wildcard subscriptions are not supported
     remedy: name each of them: `[\"paper.signals.raw\", \"zerodha.signals.raw\"]`"
    );
}

#[test]
fn a_topic_with_an_empty_segment_is_refused() {
    assert_eq!(
        said(reading("paper..orders", "desk.orders")),
        "handler 1: the topic `paper..orders` cannot be used: it has an empty segment: no dot at an end, no two dots in a row
     remedy: a topic's name is like `\"paper.signals.raw\"`, and of shared topics like `\"market.ticks\"`"
    );
}

#[test]
fn a_topic_named_twice_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    let builder = builder.add_consumer_handler(["market.ticks", "market.ticks"], "desk.ticks", quiet);
    assert_eq!(
        said(builder),
        "handler 1 names the topic `market.ticks` twice
     remedy: name it once"
    );
}

#[test]
fn a_handler_without_a_topic_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(
        said(builder.add_consumer_handler(Vec::<&str>::new(), "desk.ticks", quiet)),
        "handler 1 has no topic
     remedy: name at least one: `\"market.ticks\"`"
    );
}

#[test]
fn a_group_without_a_name_is_refused() {
    assert_eq!(
        said(reading("market.ticks", "")),
        "handler `market.ticks`: the group `` cannot be used: it is empty: give it a name
     remedy: a group's name is like `\"alpha-panda.trading-engine.signals\"`"
    );
}

#[test]
fn a_group_that_kafka_refuses_is_refused() {
    assert_eq!(
        said(reading("market.ticks", "desk/ticks")),
        "handler `market.ticks`: the group `desk/ticks` cannot be used: only the characters a-z, A-Z, 0-9, `.`, `_` and `-` are allowed
     remedy: a group's name is like `\"alpha-panda.trading-engine.signals\"`"
    );
}

#[test]
fn an_empty_name_of_a_handler_is_refused() {
    assert_eq!(
        said(with(HandlerSettings::new().name(""))),
        "handler 1 has an empty name
     remedy: name it, or leave the name to its topics: `HandlerSettings::new().name(\"fills\")`"
    );
}

#[test]
fn two_handlers_of_one_topic_and_group_are_refused() {
    assert_eq!(
        said(sound().add_consumer_handler(["paper.orders.old", "paper.orders.new"], "desk.orders", quiet)),
        "handlers `paper.orders.new` and `paper.orders.old+paper.orders.new` both read `paper.orders.new` as `desk.orders`
     remedy: a group reads a topic once: give one of them a group of its own, `\"desk.orders-2\"`"
    );
}

#[test]
fn two_handlers_of_one_name_in_a_group_are_refused() {
    let settings = || HandlerSettings::new().name("fills");
    let builder = StreamServiceBuilder::new("desk", Memory::new())
        .add_consumer_handler_with("paper.orders.new", "desk.orders", quiet, settings())
        .add_consumer_handler_with("paper.orders.old", "desk.orders", quiet, settings());
    assert_eq!(
        said(builder),
        "two handlers of `desk.orders` are called `fills`
     remedy: ids of outputs and marks depend on the name: `HandlerSettings::new().name(\"another\")`"
    );
}

#[test]
fn a_topic_may_be_read_by_two_groups() {
    sound().add_consumer_handler("paper.orders.new", "desk.audit", quiet).build().expect("two groups read it");
}
