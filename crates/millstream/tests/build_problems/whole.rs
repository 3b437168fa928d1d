//! Problems of the service as a whole, and of what its transport can do.

use super::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_service_without_a_name_is_refused() {
    let builder = StreamServiceBuilder::new(" ", Memory::new()).add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(
        said(builder),
        "the service has no name
     remedy: name it, since its events say where they come from: `StreamServiceBuilder::new(\"trading-engine\", …)`"
    );
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    let name = "n".repeat(256);
    let builder = StreamServiceBuilder::new(&name, Memory::new()).add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(
        said(builder),
        "the service's name has 256 bytes
     remedy: shorten it to 255 at most: it stands in every event it publishes"
    );
}

#[test]
fn a_name_with_a_control_character_is_refused() {
    let builder = StreamServiceBuilder::new("de\nsk", Memory::new()).add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(
        said(builder),
        "the service's name \"de\\nsk\" has a control character
     remedy: take it out: the name stands in headers, logs and metrics"
    );
}

#[test]
fn a_service_without_a_handler_is_refused() {
    assert_eq!(
        said(StreamServiceBuilder::new("desk", Memory::new())),
        "the service has no handler
     remedy: add one: `.add_consumer_handler(\"market.ticks\", \"trading.ticks\", on_tick)`"
    );
}

#[test]
fn a_shutdown_without_time_is_refused() {
    assert_eq!(
        said(sound().with_shutdown(Shutdown::within(Duration::ZERO))),
        "the shutdown has no time, so nothing could be finished
     remedy: give it some: `.with_shutdown(Shutdown::within(Duration::from_secs(25)))`, the default"
    );
}

#[test]
fn a_session_shorter_than_the_transport_takes_is_refused() {
    assert_eq!(
        said(sound().membership(Duration::from_millis(9), Duration::from_millis(9))),
        "a member's session is 9ms, and the transport `memory` takes none below 10ms
     remedy: lengthen it: `.membership(Duration::from_secs(45), Duration::from_secs(30))`, the default"
    );
}

#[test]
fn a_session_longer_than_the_transport_takes_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Poor::new(|_| {}));
    let builder = builder.add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(
        said(builder.membership(1801 * SECOND, 30 * SECOND)),
        "a member's session is 1801s, and the transport `pigeons` takes none above 1800s
     remedy: shorten it: `.membership(Duration::from_secs(45), Duration::from_secs(30))`, the default"
    );
}

#[test]
fn a_revocation_without_time_is_refused() {
    assert_eq!(
        said(sound().membership(45 * SECOND, Duration::ZERO)),
        "a revocation has no time, so what is in flight would be dropped at each rebalance
     remedy: give it some: `.membership(Duration::from_secs(45), Duration::from_secs(30))`, the default"
    );
}

#[test]
fn a_revocation_of_ten_sessions_is_refused() {
    assert_eq!(said(sound().membership(6 * SECOND, 60 * SECOND)), "a revocation may take 60s, ten sessions of 6s
     remedy: shorten the budget, or lengthen the session: `.membership(Duration::from_secs(45), Duration::from_secs(30))`, the default");
}

#[test]
fn a_revocation_that_takes_longer_than_a_rebalance_is_refused() {
    assert_eq!(
        said(sound().membership(45 * SECOND, 300 * SECOND)),
        "a revocation may take 300s, and Kafka gives the partitions away after 300s
     remedy: shorten the budget: `.membership(Duration::from_secs(45), Duration::from_secs(30))`, the default"
    );
}

#[test]
fn commits_without_time_between_them_are_refused() {
    assert_eq!(
        said(sound().commit_every(Duration::ZERO)),
        "there is no time between commits, so one would follow the other
     remedy: give some: `.commit_every(Duration::from_millis(100))`, the default"
    );
}

#[test]
fn commits_that_hardly_ever_come_are_refused() {
    assert_eq!(
        said(sound().commit_every(3601 * SECOND)),
        "offsets are committed every 3601s, and all since comes again after a crash
     remedy: commit at least once an hour: `.commit_every(Duration::from_millis(100))`, the default"
    );
}

#[test]
fn a_batch_of_no_record_is_refused() {
    assert_eq!(
        said(sound().max_batch(0)),
        "a batch may have no record
     remedy: give it some: `.max_batch(512)`, the default"
    );
}

#[test]
fn a_transport_without_groups_is_refused() {
    let pigeons = Poor::new(|can| can.groups = Support::No("pigeons fly alone"));
    let builder = StreamServiceBuilder::new("desk", pigeons);
    assert_eq!(
        said(builder.add_consumer_handler("market.ticks", "desk.ticks", quiet)),
        "the transport `pigeons` has no consumer groups: pigeons fly alone
     remedy: use one that has: `StreamServiceBuilder::new(\"trading-engine\", Memory::new())`"
    );
}

#[test]
fn a_dead_letter_topic_without_headers_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Poor::without_headers());
    assert_eq!(
        said(builder.add_consumer_handler("market.ticks", "desk.ticks", quiet)),
        "dead letters need headers, which the transport `pigeons` does not keep: a pigeon carries one leaf
     remedy: keep them elsewhere: `.with_error_handling(ErrorHandling::new().error_sink(my_sink))`"
    );
}

#[test]
fn binary_cloud_events_without_headers_are_refused() {
    let errors = ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new());
    let builder = StreamServiceBuilder::new("desk", Poor::without_headers())
        .with_error_handling(errors)
        .add_producer_with(ProducerSettings::new().content_mode(ContentMode::CloudEventsBinary))
        .add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(said(builder), "CloudEvents in binary mode need headers, which the transport `pigeons` does not keep: a pigeon carries one leaf
     remedy: write them in one piece: `.add_producer_with(ProducerSettings::new().content_mode(ContentMode::CloudEventsStructured))`");
}

#[test]
fn ids_from_headers_that_the_transport_does_not_keep_are_refused() {
    let errors = ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new());
    let settings = HandlerSettings::new().id_source(millstream::service::IdSource::Header("id".into()));
    let builder = StreamServiceBuilder::new("desk", Poor::without_headers())
        .with_error_handling(errors)
        .add_consumer_handler_with("market.ticks", "desk.ticks", quiet, settings);
    assert_eq!(
        said(builder),
        "handler `market.ticks` takes its ids from a header, and the transport `pigeons` keeps none: a pigeon carries one leaf
     remedy: take them from elsewhere: `HandlerSettings::new().id_source(IdSource::Envelope)`"
    );
}
