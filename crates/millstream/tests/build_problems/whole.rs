//! Problems of the service as a whole, and of what its transport can do.

use super::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_service_without_a_name_is_refused() {
    let builder = StreamServiceBuilder::new(" ", Memory::new()).add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(said(builder), "");
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    let name = "n".repeat(256);
    let builder = StreamServiceBuilder::new(&name, Memory::new()).add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(said(builder), "");
}

#[test]
fn a_name_with_a_control_character_is_refused() {
    let builder = StreamServiceBuilder::new("de\nsk", Memory::new()).add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(said(builder), "");
}

#[test]
fn a_service_without_a_handler_is_refused() {
    assert_eq!(said(StreamServiceBuilder::new("desk", Memory::new())), "");
}

#[test]
fn a_shutdown_without_time_is_refused() {
    assert_eq!(said(sound().with_shutdown(Shutdown::within(Duration::ZERO))), "");
}

#[test]
fn a_session_shorter_than_the_transport_takes_is_refused() {
    assert_eq!(said(sound().membership(Duration::from_millis(9), Duration::from_millis(9))), "");
}

#[test]
fn a_session_longer_than_the_transport_takes_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Poor::new(|_| {}));
    let builder = builder.add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(said(builder.membership(1801 * SECOND, 30 * SECOND)), "");
}

#[test]
fn a_revocation_without_time_is_refused() {
    assert_eq!(said(sound().membership(45 * SECOND, Duration::ZERO)), "");
}

#[test]
fn a_revocation_of_ten_sessions_is_refused() {
    assert_eq!(said(sound().membership(6 * SECOND, 60 * SECOND)), "");
}

#[test]
fn a_revocation_that_takes_longer_than_a_rebalance_is_refused() {
    assert_eq!(said(sound().membership(45 * SECOND, 300 * SECOND)), "");
}

#[test]
fn commits_without_time_between_them_are_refused() {
    assert_eq!(said(sound().commit_every(Duration::ZERO)), "");
}

#[test]
fn commits_that_hardly_ever_come_are_refused() {
    assert_eq!(said(sound().commit_every(3601 * SECOND)), "");
}

#[test]
fn a_batch_of_no_record_is_refused() {
    assert_eq!(said(sound().max_batch(0)), "");
}

#[test]
fn a_transport_without_groups_is_refused() {
    let pigeons = Poor::new(|can| can.groups = Support::No("pigeons fly alone"));
    let builder = StreamServiceBuilder::new("desk", pigeons);
    assert_eq!(said(builder.add_consumer_handler("market.ticks", "desk.ticks", quiet)), "");
}

#[test]
fn a_dead_letter_topic_without_headers_is_refused() {
    let builder = StreamServiceBuilder::new("desk", Poor::without_headers());
    assert_eq!(said(builder.add_consumer_handler("market.ticks", "desk.ticks", quiet)), "");
}

#[test]
fn binary_cloud_events_without_headers_are_refused() {
    let errors = ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new());
    let builder = StreamServiceBuilder::new("desk", Poor::without_headers())
        .with_error_handling(errors)
        .add_producer_with(ProducerSettings::new().content_mode(ContentMode::CloudEventsBinary))
        .add_consumer_handler("market.ticks", "desk.ticks", quiet);
    assert_eq!(said(builder), "");
}

#[test]
fn ids_from_headers_that_the_transport_does_not_keep_are_refused() {
    let errors = ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new());
    let settings = HandlerSettings::new().id_source(millstream::service::IdSource::Header("id".into()));
    let builder = StreamServiceBuilder::new("desk", Poor::without_headers())
        .with_error_handling(errors)
        .add_consumer_handler_with("market.ticks", "desk.ticks", quiet, settings);
    assert_eq!(said(builder), "");
}
