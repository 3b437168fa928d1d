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
    assert_eq!(
        said(sound().with_error_handling(ErrorHandling::new().error_sink(LogLine))),
        "the error sink may lose what it accepted
     remedy: leave it to the dead-letter topic, the default; or say so: `ErrorHandling::allow_loss(\"why\")`"
    );
}

#[test]
fn a_sink_that_may_lose_is_accepted_when_loss_is_allowed_aloud() {
    let errors = ErrorHandling::new().error_sink(LogLine).allow_loss("a demonstration");
    sound().with_error_handling(errors).build().expect("said aloud");
}

#[test]
fn a_reader_of_dead_letters_that_would_feed_itself_is_refused() {
    assert_eq!(said(sound().add_consumer_handler("paper.orders.new.dlq", "desk.letters", quiet)), "handler `paper.orders.new.dlq` reads the dead-letter topic `paper.orders.new.dlq`, and its own dead letters would feed it
     remedy: give the service a sink of its own: `ErrorHandling::new().error_sink(my_sink)`");
}

#[test]
fn a_reader_of_a_groups_dead_letters_that_would_feed_itself_is_refused() {
    let builder = sound().with_error_handling(ErrorHandling::new().dead_letters(DeadLetterTopic::GroupPrefixed));
    assert_eq!(said(builder.add_consumer_handler("dlq.desk.orders.paper.orders.new", "desk.letters", quiet)), "handler `dlq.desk.orders.paper.orders.new` reads the dead-letter topic `dlq.desk.orders.paper.orders.new`, and its own dead letters would feed it
     remedy: give the service a sink of its own: `ErrorHandling::new().error_sink(my_sink)`");
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
    let builder = builder.add_consumer_handler_with(&topic, "desk.orders", quiet, HandlerSettings::new().name("long"));
    assert_eq!(
        said(builder).replace(&topic, "TOPIC"),
        "dead letters of handler `long` have nowhere to go: TOPIC has no dead-letter topic: the topic `TOPIC.dlq` cannot be used: it is longer than 249 bytes, Kafka's limit: shorten it
     remedy: name a topic in its namespace: `DeadLetterTopic::named(|topic, _group| format!(\"{topic}-broken\"))`; or keep the default: `DeadLetterTopic::PerTopic`"
    );
}

#[test]
fn dead_letters_that_go_round_are_refused() {
    let naming = DeadLetterTopic::named(|topic, _| match topic.as_str() {
        "paper.orders.broken" => "paper.orders.new".into(),
        _ => "paper.orders.broken".into(),
    });
    let builder = sound().with_error_handling(ErrorHandling::new().dead_letters(naming));
    assert_eq!(
        said(builder.add_consumer_handler("paper.orders.broken", "desk.broken", quiet)),
        "dead letters go round: `paper.orders.broken` → `paper.orders.new` → `paper.orders.broken`
     remedy: give the service a sink of its own: `ErrorHandling::new().error_sink(my_sink)`"
    );
}

#[test]
fn dead_letters_named_across_namespaces_are_refused() {
    let naming = DeadLetterTopic::named(|_, _| "zerodha.orders.broken".into());
    assert_eq!(said(sound().with_error_handling(ErrorHandling::new().dead_letters(naming))), "dead letters of handler `paper.orders.new` have nowhere to go: paper.orders.new has no dead-letter topic: `zerodha.orders.broken` is of the namespace `zerodha`, `paper.orders.new` of the namespace `paper`
     remedy: name a topic in its namespace: `DeadLetterTopic::named(|topic, _group| format!(\"{topic}-broken\"))`; or keep the default: `DeadLetterTopic::PerTopic`");
}

#[test]
fn error_handling_without_an_attempt_is_refused() {
    let mut retry = Retry::none();
    retry.max_attempts = 0;
    assert_eq!(
        said(retrying(retry)),
        "error handling makes no attempt
     remedy: one is the least: `Retry::none()`; four are the default: `Retry::default()`"
    );
}

#[test]
fn a_handlers_retries_without_an_attempt_are_refused() {
    let mut retry = Retry::none();
    retry.max_attempts = 0;
    assert_eq!(
        said(with(HandlerSettings::new().retry(retry))),
        "handler `paper.orders.new` makes no attempt
     remedy: one is the least: `Retry::none()`; four are the default: `Retry::default()`"
    );
}

#[test]
fn retries_for_which_there_is_no_time_are_refused() {
    let retry = Retry::exponential(2 * SECOND, 8 * SECOND);
    assert_eq!(
        said(retrying(retry.within(SECOND / 2))),
        "error handling makes 4 attempts within 500ms, but the second comes after 1s at the earliest
     remedy: give them time: `Retry::default().within(Duration::from_secs(300))`; or try once: `Retry::none()`"
    );
    retrying(retry.within(SECOND)).build().expect("the jitter may leave time for one");
    retrying(retry.within(SECOND / 2).attempts(1)).build().expect("there are none");
}

#[test]
fn a_breaker_that_opens_after_nothing_is_refused() {
    let mut breaker = Breaker::after(1);
    breaker.after = 0;
    assert_eq!(said(breaking(breaker)), "the breaker opens after no failure at all
     remedy: let it take some: `Breaker::after(20).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5))`, the default");
}

#[test]
fn a_breaker_that_never_opens_is_refused() {
    assert_eq!(said(breaking(Breaker::after(20).within(Duration::ZERO))), "the breaker counts failures that come within no time, so it would never open
     remedy: give them some: `Breaker::after(20).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5))`, the default");
}

#[test]
fn a_breaker_that_holds_nothing_back_is_refused() {
    assert_eq!(
        said(breaking(Breaker::after(20).probe_every(Duration::ZERO))),
        "the breaker waits no time before it probes, so it would never hold anything back
     remedy: give it some: `Breaker::after(20).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5))`, the default"
    );
}

#[test]
fn marks_that_do_not_outlive_retries_are_refused() {
    // Four attempts of 30 s, and 0.7 s between them.
    let forgetful = |ttl| sound().with_deduplicator(WindowDeduplicator::new(Limits::new().with_ttl(ttl)));
    assert_eq!(said(forgetful(Duration::from_millis(120_700))), "the deduplicator forgets after 120.7s, but handler `paper.orders.new` may try a record for 120.7s: what was done behind it comes again after a crash, and would be done twice
     remedy: remember longer: `Limits::new().with_ttl(Duration::from_secs(240))`; or try for less: `HandlerSettings::new().retry(Retry::none())`");
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
    assert_eq!(said(retrying(retry).with_deduplicator(WindowDeduplicator::default())), "the deduplicator forgets after 604800s, but handler `paper.orders.new` may try a record for ever: what was done behind it comes again after a crash, and would be done twice
     remedy: try within a bound: `Retry::default().within(Duration::from_secs(300))`");
}

#[test]
fn marks_that_do_not_outlive_the_retries_of_one_type_of_error_are_refused() {
    let errors = ErrorHandling::new().retry_for::<std::io::Error>(Retry::default().attempts(u32::MAX).without_deadline());
    let text = said(sound().with_error_handling(errors).with_deduplicator(WindowDeduplicator::default()));
    assert!(text.contains("handler `paper.orders.new` may try a record for ever"), "{text}");
}

#[test]
fn the_retries_of_a_handler_are_those_that_its_marks_must_outlive() {
    let retry = Retry::default().attempts(u32::MAX).without_deadline();
    let errors = ErrorHandling::new().retry(retry);
    let builder = with(HandlerSettings::new().retry(Retry::none())).with_error_handling(errors);
    builder.with_deduplicator(WindowDeduplicator::default()).build().expect("this one tries once");
}

#[tokio::test(start_paused = true)]
async fn a_missing_dead_letter_topic_is_found_before_anything_starts() {
    let memory = Memory::builder().auto_create(false).build();
    memory.create_topic(&topic("paper.orders.new"), millstream::memory::TopicConfig::new(1)).expect("a new topic");
    let service = StreamServiceBuilder::new("strict", memory)
        .add_consumer_handler("paper.orders.new", "strict", quiet)
        .build()
        .expect("a valid service");
    let error = service.run().await.expect_err("there is nowhere for dead letters");
    assert!(error.to_string().contains("paper.orders.new.dlq does not exist"), "{error}");
}
