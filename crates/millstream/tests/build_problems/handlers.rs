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
    assert_eq!(
        said(builder.add_consumer_handler("paper.orders.new", "desk.orders", speaking)),
        "handler `paper.orders.new` takes `&mut Outputs`, but the service has no producer
     remedy: add it before `build()`: `.add_producer()`; or take the argument out"
    );
}

#[test]
fn returned_outputs_without_a_producer_are_refused() {
    const COPIES: Sibling = Sibling::new("orders", "copied");
    async fn copy(order: Event<Order>) -> Emit<Order> {
        Emit::to(COPIES, order.into_data())
    }
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(
        said(builder.add_consumer_handler("paper.orders.new", "desk.orders", copy)),
        "handler `paper.orders.new` returns outputs, but the service has no producer
     remedy: add it before `build()`: `.add_producer()`; or return no `Emit`"
    );
}

#[test]
fn outputs_taken_twice_are_refused() {
    async fn twice(_one: &mut Outputs, _two: &mut Outputs) {}
    let builder = StreamServiceBuilder::new("desk", Memory::new()).add_producer();
    assert_eq!(
        said(builder.add_consumer_handler("paper.orders.new", "desk.orders", twice)),
        "handler `paper.orders.new` takes `&mut Outputs` 2 times
     remedy: take it once, it is one list: `async fn on_signal(signal: Event<Signal>, out: &mut Outputs)`"
    );
}

#[test]
fn outputs_of_a_groups_dead_letters_are_refused() {
    let builder = StreamServiceBuilder::new("desk", Memory::new())
        .with_error_handling(ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new()))
        .add_producer();
    assert_eq!(said(builder.add_consumer_handler("dlq.desk.orders.paper.orders.new", "desk.letters", speaking)), "handler `dlq.desk.orders.paper.orders.new` takes `&mut Outputs`, but an output of `dlq.desk.orders.paper.orders.new` has no address: its name hides its namespace
     remedy: name dead-letter topics after their topics: `ErrorHandling::new().dead_letters(DeadLetterTopic::PerTopic)`; or take the argument out");
}

#[test]
fn a_namespace_of_a_shared_topic_is_refused() {
    async fn named(_: Namespace, _: Event<Order>) {}
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(
        said(builder.add_consumer_handler(["paper.orders.new", "market.ticks"], "desk.orders", named)),
        "handler `paper.orders.new+market.ticks` takes a `Namespace`, and the shared topic `market.ticks` has none
     remedy: take it where there is one: `namespace: Option<Namespace>`; or read the topic by another handler"
    );
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
    assert_eq!(said(builder.add_consumer_handler("paper.orders.new", "desk.orders", bare)), "handler `paper.orders.new` takes `Json<T>`, a payload without an envelope, but its ids come from envelopes
     remedy: say where they come from: `HandlerSettings::new().id_source(IdSource::Header(\"id\".into()))`, or `IdSource::Position`; or take `Event<T>`");
}

#[test]
fn an_attempt_without_time_is_refused() {
    assert_eq!(
        set(|settings| settings.timeout = Duration::ZERO),
        "handler `paper.orders.new` has no time for an attempt
     remedy: give it some: `HandlerSettings::new().timeout(Duration::from_secs(30))`, the default"
    );
}

#[test]
fn an_attempt_that_takes_as_long_as_kafka_waits_is_refused() {
    assert_eq!(set(|settings| settings.timeout = Duration::from_secs(300)), "an attempt of handler `paper.orders.new` may take 300s, and Kafka's `max.poll.interval` gives its partition away after 300s
     remedy: keep it shorter: `HandlerSettings::new().timeout(Duration::from_secs(30))`, the default");
}

#[test]
fn no_concurrency_is_refused() {
    assert_eq!(
        set(|settings| settings.concurrency = 0),
        "handler `paper.orders.new` may run no attempt
     remedy: allow some: `HandlerSettings::new().concurrency(256)`, the default"
    );
}

#[test]
fn a_window_of_no_records_is_refused() {
    assert_eq!(
        set(|settings| settings.in_flight_records = 0),
        "handler `paper.orders.new` may have no record in flight
     remedy: allow some: `HandlerSettings::new().in_flight(4_096, 32 << 20)`, the default"
    );
}

#[test]
fn a_window_of_no_bytes_is_refused() {
    assert_eq!(
        set(|settings| settings.in_flight_bytes = 0),
        "handler `paper.orders.new` may have no byte in flight, so records would come one at a time
     remedy: allow some: `HandlerSettings::new().in_flight(4_096, 32 << 20)`, the default"
    );
}

#[test]
fn no_room_for_dead_letters_is_refused() {
    assert_eq!(
        set(|settings| settings.max_letters = 0),
        "handler `paper.orders.new` may have no dead letter waiting, and so starts nothing
     remedy: allow some: `HandlerSettings::new().max_letters(1_024)`, the default"
    );
}

#[test]
fn outputs_of_which_none_may_be_are_refused() {
    let mut settings = HandlerSettings::new();
    settings.max_outputs = 0;
    with(settings.clone()).build().expect("it has none to emit");
    let builder = StreamServiceBuilder::new("desk", Memory::new()).add_producer();
    assert_eq!(
        said(builder.add_consumer_handler_with("paper.orders.new", "desk.orders", speaking, settings)),
        "handler `paper.orders.new` sends outputs, but may send none
     remedy: allow some: `settings.max_outputs = 1_000`, the default"
    );
}

#[test]
fn limits_that_make_poison_of_every_value_are_refused() {
    assert_eq!(
        set(|settings| settings.limits.value_bytes = 0),
        "the limits of handler `paper.orders.new` make poison of a value of any size: `value_bytes` is 0
     remedy: start from the defaults: `settings.limits.value_bytes = Limits::DEFAULT.value_bytes`"
    );
}

#[test]
fn limits_that_make_poison_of_every_envelope_are_refused() {
    assert_eq!(
        set(|settings| settings.limits.depth = 0),
        "the limits of handler `paper.orders.new` make poison of any envelope, which is one object deep: `depth` is 0
     remedy: start from the defaults: `settings.limits.depth = Limits::DEFAULT.depth`"
    );
}

#[test]
fn limits_that_make_poison_of_every_key_are_refused() {
    assert_eq!(
        set(|settings| settings.limits.key_bytes = 0),
        "the limits of handler `paper.orders.new` make poison of a key of any size: `key_bytes` is 0
     remedy: start from the defaults: `settings.limits.key_bytes = Limits::DEFAULT.key_bytes`"
    );
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
    assert_eq!(said(with(HandlerSettings::new().only::<Order>().id_source(IdSource::Position))), "handler `paper.orders.new` wants only `order`, but its ids come from elsewhere than the envelope
     remedy: a record's type is read with its envelope: `HandlerSettings::new().id_source(IdSource::Envelope)`; or ask something else: `.filter(|delivery| …)`");
}

#[test]
fn ids_from_a_header_without_a_name_are_refused() {
    assert_eq!(
        said(with(HandlerSettings::new().id_source(IdSource::Header(String::new())))),
        "handler `paper.orders.new` takes its ids from a header without a name
     remedy: name it: `HandlerSettings::new().id_source(IdSource::Header(\"id\".into()))`"
    );
}
