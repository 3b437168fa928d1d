//! `build()` reports all problems at once, each with its remedy, before anything starts.

mod support;

use millstream::contract::{DeadLetter, Durability, ErrorKind, ErrorSink};
use millstream::prelude::*;
use millstream::service::IdSource;
use std::time::Duration;
use support::*;

async fn quiet(_: Event<Order>) {}

async fn speaking(_: Event<Order>, _out: &mut Outputs) {}

async fn twice(_one: &mut Outputs, _two: &mut Outputs) {}

struct LogLine;

impl ErrorSink for LogLine {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        letters.iter().map(|_| Ok(())).collect()
    }

    fn durability(&self) -> Durability {
        Durability::Lossy
    }
}

fn problems(builder: StreamServiceBuilder) -> String {
    let error = builder.build().expect_err("it has problems");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    error.to_string()
}

#[test]
fn all_problems_are_reported_at_once_with_their_remedies() {
    let text = problems(
        StreamServiceBuilder::new("", Memory::new())
            .with_error_handling(ErrorHandling::new().error_sink(LogLine))
            .with_shutdown(Shutdown::within(Duration::ZERO))
            .add_consumer_handler("paper.signals.*", "group", quiet)
            .add_consumer_handler("paper.orders.new", "", quiet)
            .add_consumer_handler("paper.orders.new", "group", speaking)
            .add_consumer_handler("paper.orders.new", "group", twice)
            .add_consumer_handler(Vec::<&str>::new(), "group", quiet)
            .add_consumer_handler_with(
                "paper.orders.old",
                "slow",
                quiet,
                HandlerSettings::new().timeout(Duration::from_secs(600)),
            ),
    );
    for part in [
        "the service has no name",
        "the shutdown has no time",
        "paper.signals.*",
        "wildcard",
        "takes `&mut Outputs`, but the service has no producer",
        "takes `&mut Outputs` 2 times",
        "both read `paper.orders.new` as `group`",
        "has no topic",
        "may take 600s",
        "the error sink may lose what it accepted",
        "allow_loss",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let count = text.matches("remedy:").count();
    assert!(count >= 11, "{count} remedies in:\n{text}");
}

#[test]
fn a_service_without_handlers_is_refused() {
    assert!(problems(StreamServiceBuilder::new("empty", Memory::new())).contains("the service has no handler"));
}

#[test]
fn a_consumer_of_dead_letters_must_not_feed_itself() {
    let text =
        problems(StreamServiceBuilder::new("loop", Memory::new()).add_consumer_handler("paper.orders.new.dlq", "loop", quiet));
    assert!(text.contains("its own dead letters would feed it"), "{text}");
}

#[test]
fn two_handlers_of_one_name_in_a_group_are_refused() {
    let settings = || HandlerSettings::new().name("same");
    let text = problems(
        StreamServiceBuilder::new("names", Memory::new())
            .add_consumer_handler_with("paper.orders.new", "names", quiet, settings())
            .add_consumer_handler_with("paper.orders.old", "names", quiet, settings()),
    );
    assert!(text.contains("two handlers of `names` are called `same`"), "{text}");
}

#[test]
fn settings_with_which_nothing_would_ever_move_are_refused() {
    let zero = |set: fn(&mut HandlerSettings)| {
        let mut settings = HandlerSettings::new();
        set(&mut settings);
        let builder = StreamServiceBuilder::new("zeros", Memory::new()).add_producer();
        problems(builder.add_consumer_handler_with("paper.orders.new", "zeros", speaking, settings))
    };
    for (text, part) in [
        (zero(|settings| settings.concurrency = 0), "may run no attempt"),
        (zero(|settings| settings.in_flight_records = 0), "may have no record in flight"),
        (zero(|settings| settings.max_letters = 0), "may have no dead letter waiting"),
        (zero(|settings| settings.max_outputs = 0), "may emit none"),
        (zero(|settings| settings.timeout = Duration::ZERO), "has no time for an attempt"),
    ] {
        assert!(text.contains(part) && text.contains("1 problem") && text.contains("remedy:"), "{part:?} is missing in:\n{text}");
    }
    let mut none = HandlerSettings::new();
    none.max_outputs = 0;
    let builder = StreamServiceBuilder::new("zeros", Memory::new());
    builder.add_consumer_handler_with("paper.orders.new", "zeros", quiet, none).build().expect("it has none to emit");
}

#[test]
fn a_type_can_only_be_asked_for_where_envelopes_are_read() {
    let settings = HandlerSettings::new().only::<Order>().id_source(IdSource::Position);
    let builder = StreamServiceBuilder::new("types", Memory::new());
    let text = problems(builder.add_consumer_handler_with("paper.orders.new", "types", quiet, settings));
    assert!(text.contains("wants only `order`, but its identity comes from elsewhere"), "{text}");
}

#[test]
fn a_lossy_sink_is_accepted_when_loss_is_allowed_aloud() {
    let errors = ErrorHandling::new().error_sink(LogLine).allow_loss("a demonstration");
    let builder = StreamServiceBuilder::new("loud", Memory::new()).with_error_handling(errors);
    builder.add_consumer_handler("paper.orders.new", "loud", quiet).build().expect("said aloud");
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
