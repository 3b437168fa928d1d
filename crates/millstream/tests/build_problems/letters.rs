//! Problems of failures: retries, the breaker, dead letters, and marks that do not outlive retries.

use super::*;
use millstream::contract::{DeadLetter, Durability, ErrorSink};
use millstream::moka::Limits;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

struct LogLine;

impl ErrorSink for LogLine {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        letters.iter().map(|_| Ok(())).collect()
    }

    fn durability(&self) -> Durability {
        Durability::Lossy
    }
}

fn retrying(retry: Retry) -> StreamServiceBuilder {
    sound().with_error_handling(ErrorHandling::new().retry(retry))
}

fn breaking(breaker: Breaker) -> StreamServiceBuilder {
    sound().with_error_handling(ErrorHandling::new().breaker(breaker))
}

#[test]
fn a_sink_that_may_lose_is_refused() {
    assert_eq!(said(sound().with_error_handling(ErrorHandling::new().error_sink(LogLine))), "");
}

#[test]
fn a_sink_that_may_lose_is_accepted_when_loss_is_allowed_aloud() {
    let errors = ErrorHandling::new().error_sink(LogLine).allow_loss("a demonstration");
    sound().with_error_handling(errors).build().expect("said aloud");
}

#[test]
fn a_reader_of_dead_letters_that_would_feed_itself_is_refused() {
    assert_eq!(said(sound().add_consumer_handler("paper.orders.new.dlq", "desk.letters", quiet)), "");
}

#[test]
fn a_reader_of_a_groups_dead_letters_that_would_feed_itself_is_refused() {
    let builder = sound().with_error_handling(ErrorHandling::new().dead_letters(DeadLetterTopic::GroupPrefixed));
    assert_eq!(said(builder.add_consumer_handler("dlq.desk.orders.paper.orders.new", "desk.letters", quiet)), "");
}

#[test]
fn a_reader_of_dead_letters_with_a_sink_of_its_own_is_accepted() {
    let errors = ErrorHandling::new().error_sink(millstream_testkit::FlakySink::new());
    let builder = sound().with_error_handling(errors);
    builder.add_consumer_handler("paper.orders.new.dlq", "desk.letters", quiet).build().expect("its letters go elsewhere");
}

#[test]
fn a_topic_whose_dead_letter_topic_has_too_long_a_name_is_refused() {
    let topic = format!("paper.orders.{}", "n".repeat(234));
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    assert_eq!(said(builder.add_consumer_handler(&topic, "desk.orders", quiet)), "");
}

#[test]
fn error_handling_without_an_attempt_is_refused() {
    let mut retry = Retry::none();
    retry.max_attempts = 0;
    assert_eq!(said(retrying(retry)), "");
}

#[test]
fn a_handlers_retries_without_an_attempt_are_refused() {
    let mut retry = Retry::none();
    retry.max_attempts = 0;
    assert_eq!(said(with(HandlerSettings::new().retry(retry))), "");
}

#[test]
fn retries_for_which_there_is_no_time_are_refused() {
    let retry = Retry::exponential(2 * SECOND, 8 * SECOND);
    assert_eq!(said(retrying(retry.within(SECOND / 2))), "");
    retrying(retry.within(SECOND)).build().expect("the jitter may leave time for one");
    retrying(retry.within(SECOND / 2).attempts(1)).build().expect("there are none");
}

#[test]
fn a_breaker_that_opens_after_nothing_is_refused() {
    let mut breaker = Breaker::after(1);
    breaker.after = 0;
    assert_eq!(said(breaking(breaker)), "");
}

#[test]
fn a_breaker_that_never_opens_is_refused() {
    assert_eq!(said(breaking(Breaker::after(20).within(Duration::ZERO))), "");
}

#[test]
fn a_breaker_that_holds_nothing_back_is_refused() {
    assert_eq!(said(breaking(Breaker::after(20).probe_every(Duration::ZERO))), "");
}

#[test]
fn marks_that_do_not_outlive_retries_are_refused() {
    // Four attempts of 30 s, and 0.7 s between them.
    let forgetful = |ttl| sound().with_deduplicator(WindowDeduplicator::new(Limits::new().with_ttl(ttl)));
    assert_eq!(said(forgetful(Duration::from_millis(120_700))), "");
    forgetful(Duration::from_millis(120_701)).build().expect("they outlive them");
}

#[test]
fn marks_in_a_cache_that_do_not_outlive_retries_are_refused() {
    let cache = MokaDeduplicator::new(Limits::new().with_ttl(SECOND));
    assert!(said(sound().with_deduplicator(cache)).starts_with("the deduplicator forgets after 1s"));
}

#[test]
fn marks_that_do_not_outlive_retries_without_an_end_are_refused() {
    let retry = Retry::default().attempts(u32::MAX).without_deadline();
    assert_eq!(said(retrying(retry).with_deduplicator(WindowDeduplicator::default())), "");
}

#[test]
fn the_retries_of_a_handler_are_those_that_its_marks_must_outlive() {
    let retry = Retry::default().attempts(u32::MAX).without_deadline();
    let errors = ErrorHandling::new().retry(retry);
    let builder = with(HandlerSettings::new().retry(Retry::none())).with_error_handling(errors);
    builder.with_deduplicator(WindowDeduplicator::default()).build().expect("this one tries once");
}
