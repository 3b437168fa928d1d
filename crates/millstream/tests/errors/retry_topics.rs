//! Retry topics: what they promise of attempts, bytes, time, ids and places, and what is not believed of what they hold.

use super::support::*;
use super::*;
use millstream::contract::ErrorKind;
use millstream::engine::LanePolicy;
use millstream::memory::{SendFault, TopicConfig};
use millstream::service::{Counts, IdSource, StartAt};
use millstream_testkit::FoundLetter;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const FIRST: &str = "paper.orders.new.retry.1";
const SECOND: &str = "paper.orders.new.retry.2";
const LETTERS: &str = "paper.orders.new.dlq";
const DONE: Sibling = Sibling::new("orders", "done");

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn errors() -> ErrorHandling {
    ErrorHandling::new().retry(retry(2)).retry_topics([Duration::from_secs(10), minutes(5)])
}

/// What a handler was called with: the account, the attempt, and when.
#[derive(Clone, Debug)]
struct Call {
    account: String,
    attempt: u32,
    at: tokio::time::Instant,
    topic: String,
    position: Position,
}

/// Fails so many calls of each account but `fine`.
struct Desk {
    calls: Mutex<Vec<Call>>,
    fails: usize,
}

impl Desk {
    fn failing(fails: usize) -> Arc<Self> {
        Arc::new(Desk { calls: Mutex::default(), fails })
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic under it").clone()
    }

    fn calls_of(&self, account: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.account == account).collect()
    }

    async fn on_order(
        &self,
        order: Event<Order>,
        attempt: Attempt,
        topic: Topic,
        position: Position,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        assert_eq!(order.position(), position);
        let account = order.account.clone();
        let call =
            Call { account, attempt: attempt.number(), at: tokio::time::Instant::now(), topic: topic.to_string(), position };
        self.calls.lock().expect("no panic under it").push(call);
        out.emit(DONE, &*order)?;
        if order.account != "fine" && self.calls_of(&order.account).len() <= self.fails {
            Err(TradeError::Busy.into())
        } else {
            Ok(())
        }
    }
}

fn service(memory: &Memory, desk: &Arc<Desk>, errors: ErrorHandling) -> StreamServiceBuilder<Desk> {
    super::desk(memory, errors)
        .add_producer()
        .with_deduplicator(WindowDeduplicator::default())
        .with_shared_state(desk.clone())
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
}

/// A log on which every topic has one partition.
fn log() -> Memory {
    let memory = Memory::new();
    for name in [NEW, FIRST, SECOND, LETTERS] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("a new topic");
    }
    memory
}

/// Runs a service until each of its topics has settled all it holds.
async fn run<S: Send + Sync + 'static>(memory: &Memory, builder: StreamServiceBuilder<S>) -> (Account, Counts) {
    let running = Running::start(builder.build().expect("a valid service")).await;
    let handle = running.handle.clone();
    let unsettled = || {
        let of = |name: &str| memory.records(&topic(name)).len() as u64;
        handle.account().lines.iter().any(|line| line.counts.settled() < of(line.topic.as_str()))
    };
    let all = async {
        while unsettled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(minutes(24 * 60), all).await.expect("all settles within a day");
    running.stop().await.expect("a clean end");
    (handle.account(), handle.account().total())
}

fn letters(memory: &Memory) -> Vec<FoundLetter> {
    memory.records(&topic(LETTERS)).into_iter().map(FoundLetter::of).collect()
}

/// I5: so many attempts in each place, and no more.
#[tokio::test(start_paused = true)]
async fn a_record_has_all_attempts_in_each_retry_topic_after_its_delay_and_is_then_a_dead_letter() {
    let (memory, desk) = (log(), Desk::failing(100));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, total) = run(&memory, service(&memory, &desk, errors())).await;
    let calls = desk.calls();
    assert_eq!(calls.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 1, 2, 1, 2]);
    assert!(calls[2].at - calls[1].at >= Duration::from_millis(9_900), "{:?}", calls[2].at - calls[1].at);
    assert!(calls[4].at - calls[3].at >= minutes(5) - Duration::from_millis(100), "{:?}", calls[4].at - calls[3].at);
    let per_topic = |name| (account.topic(name).handed_on, account.topic(name).dead_lettered);
    assert_eq!([per_topic(NEW), per_topic(FIRST), per_topic(SECOND)], [(1, 0), (1, 0), (0, 1)]);
    assert_eq!((total.delivered, total.settled(), total.outputs), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_succeeds_in_a_retry_topic_is_done_and_no_dead_letter() {
    let (memory, desk) = (log(), Desk::failing(3));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, total) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((account.topic(FIRST).done, total.dead_lettered, desk.calls().len()), (1, 0, 4));
    assert_eq!(orders_in(&memory, "paper.orders.done"), [order("a", 1)]);
    assert!(memory.records(&topic(SECOND)).is_empty());
}

/// I6: the letter is that of the original, whichever topic it failed in last.
#[tokio::test(start_paused = true)]
async fn the_dead_letter_is_the_original_record_with_its_place_and_all_its_attempts() {
    let (memory, desk) = (log(), Desk::failing(100));
    // So that the original lies elsewhere than its copies.
    let other = record(NEW, &order("fine", 2));
    let original = record(NEW, &order("a", 1)).header("tenant", "blue").header("tenant", "red").at(1_234);
    send(&memory, vec![other, original.clone()]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    let letter = letters(&memory).into_iter().find(|letter| letter.record.key == original.key).expect("a letter");
    assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), (NEW, 0, 1));
    assert_eq!((letter.reason.as_str(), letter.attempts), ("exhausted", 6));
    assert_eq!((&letter.record.value, letter.record.timestamp), (&original.value, original.timestamp));
    let is_told = |name: &str| name.starts_with("__dlq.errors.") || name.starts_with("millstream-dlq-");
    let kept: Vec<_> = letter.record.headers.iter().filter(|(name, _)| !is_told(name)).collect();
    assert_eq!(kept, original.headers.iter().collect::<Vec<_>>(), "no header of the copy is left");
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_the_records_bytes_key_timestamp_and_headers() {
    let (memory, desk) = (log(), Desk::failing(100));
    let original = record(NEW, &order("a", 1)).header("tenant", "blue").at(1_234);
    send(&memory, vec![original.clone()]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    for name in [FIRST, SECOND] {
        let copy = memory.records(&topic(name)).pop().expect("a copy");
        assert_eq!((&copy.key, &copy.value, copy.timestamp), (&original.key, &original.value, original.timestamp));
        let own: Vec<_> = copy.headers.iter().filter(|(name, _)| !name.starts_with("millstream-retry-")).collect();
        assert_eq!(own, original.headers.iter().collect::<Vec<_>>());
        assert_eq!(copy.headers.len(), 8, "a copy of a copy does not grow");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_a_copy_under_its_original_topic_and_position() {
    let (memory, desk) = (log(), Desk::failing(4));
    send_orders(&memory, NEW, [order("b", 7), order("a", 1)]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    for call in desk.calls_of("a") {
        assert_eq!((call.topic.as_str(), call.position.partition, call.position.offset), (NEW, 0, 1));
    }
}

/// I15: an output's id follows from its cause, wherever that was handled.
#[tokio::test(start_paused = true)]
async fn outputs_have_the_same_ids_as_if_the_first_attempt_had_succeeded() {
    let mut ids = BTreeSet::new();
    for fails in [0, 2, 4] {
        let (memory, desk) = (log(), Desk::failing(fails));
        send_orders(&memory, NEW, [order("a", 1)]).await;
        run(&memory, service(&memory, &desk, errors())).await;
        ids.insert(said_in_output(&memory, "id"));
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
}

/// Two groups on one log, since a topic's identity is part of its records': in one the first attempt succeeds.
#[tokio::test(start_paused = true)]
async fn a_copy_without_an_id_is_known_by_where_the_original_lay() {
    let memory = log();
    send_orders(&memory, NEW, [order("b", 7), order("a", 1)]).await;
    let mut causes = BTreeSet::new();
    for (group, fails) in [("one", 0), ("two", 2), ("three", 4)] {
        let builder = super::desk(&memory, errors()).add_producer().with_shared_state(Desk::failing(fails));
        let settings = HandlerSettings::new().id_source(IdSource::Position);
        run(&memory, builder.add_consumer_handler_with(NEW, group, Desk::on_order, settings)).await;
        causes.insert(said_in_output(&memory, "causation_id"));
    }
    assert_eq!(causes.len(), 1, "{causes:?}");
}

/// A field of the envelope of account `a`'s last output.
fn said_in_output(memory: &Memory, field: &str) -> String {
    let output = memory.records(&topic("paper.orders.done")).into_iter().rfind(|output| output.key.as_deref() == Some(b"a"));
    let value = output.and_then(|output| output.value).expect("an output");
    let value: serde_json::Value = serde_json::from_slice(&value).expect("an envelope");
    value[field].to_string()
}

/// The headers of a copy come on top of those that a record may have.
#[tokio::test(start_paused = true)]
async fn a_record_with_as_many_headers_as_may_be_is_tried_again_too() {
    let (memory, desk) = (log(), Desk::failing(4));
    let full = (0..64).fold(record(NEW, &order("a", 1)), |record, n| record.header(format!("header-{n}"), "x".repeat(200)));
    send(&memory, vec![full]).await;
    let (account, total) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((account.topic(SECOND).done, total.dead_lettered), (1, 0));
}

/// The declared price.
#[tokio::test(start_paused = true)]
async fn those_behind_a_copy_with_its_key_go_on() {
    let (memory, desk) = (log(), Desk::failing(2));
    send_orders(&memory, NEW, [order("a", 1), order("a", 2)]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!(orders_in(&memory, "paper.orders.done"), [order("a", 2), order("a", 1)]);
}

/// I20: only what lies behind a copy that is not due waits with it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_due_stops_no_other_partition() {
    let (memory, desk) = (Memory::new(), Desk::failing(2));
    memory.create_topic(&topic(FIRST), TopicConfig::new(2)).expect("a new topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service(&memory, &desk, errors()).build().expect("a valid service")).await;
    running.settled(1).await;
    // Both partitions have one now; the copy lies before one of them.
    let bare = |partition| record(FIRST, &order("fine", 2 + u64::from(partition))).to_partition(partition);
    send(&memory, vec![bare(0), bare(1)]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(desk.calls_of("fine").len(), 1, "the other waits behind the copy");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((desk.calls_of("fine").len(), desk.calls_of("a").len()), (2, 3));
    running.stop().await.expect("a clean end");
}

/// B44: the copy is acknowledged before its record settles.
#[tokio::test(start_paused = true)]
async fn a_record_settles_only_when_its_copy_is_acknowledged() {
    let (memory, desk) = (log(), Desk::failing(2));
    memory.set_writable(&topic(FIRST), false).expect("it exists");
    send_orders(&memory, NEW, [order("a", 1), order("b", 2)]).await;
    let running = Running::start(service(&memory, &desk, errors()).build().expect("a valid service")).await;
    tokio::time::sleep(minutes(10)).await;
    assert_eq!(running.handle.account().topic(NEW).settled(), 0, "neither was taken");
    assert_eq!(committed(&memory, GROUP, NEW, 0).unwrap_or_default(), 0);
    assert!(running.handle.health().is_degraded());
    memory.set_writable(&topic(FIRST), true).expect("it exists");
    running.settled(4).await;
    assert!(!running.handle.health().is_degraded());
    running.stop().await.expect("a clean end");
    assert_eq!(desk.calls().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_acknowledgement_is_lost_is_written_again_and_handled_once() {
    let (memory, desk) = (log(), Desk::failing(2));
    memory.fail_sends(&topic(FIRST), 1, SendFault::UnknownApplied).expect("a topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, _) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((memory.records(&topic(FIRST)).len(), desk.calls().len()), (2, 3));
    assert_eq!((account.topic(FIRST).done, account.topic(FIRST).redeliveries), (1, 1), "the second is the same record again");
}

/// A crash between the copy's acknowledgement and the commit: the record comes again from its own topic.
#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_after_its_copy_was_done_is_known_as_the_same() {
    let (memory, desk) = (log(), Desk::failing(2));
    let dedup = WindowDeduplicator::default();
    // So that the original lies elsewhere than its copy.
    send_orders(&memory, NEW, [order("fine", 2), order("a", 1)]).await;
    let build = || {
        super::desk(&memory, errors())
            .add_producer()
            .with_deduplicator(dedup.clone())
            .commit_every(Duration::from_secs(3_600))
            .with_shared_state(desk.clone())
            .add_consumer_handler(NEW, GROUP, Desk::on_order)
            .build()
            .expect("a valid service")
    };
    let running = Running::start(build()).await;
    running.settled(3).await;
    running.crash().await;
    let running = Running::start(build()).await;
    running.settled(3).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.redeliveries, total.duplicates, total.conflicts), (3, 0, 0));
    assert_eq!(desk.calls_of("a").len(), 3);
}

/// F56: what is written in a retry topic by others can neither hold it up nor make attempts.
#[tokio::test(start_paused = true)]
async fn forged_headers_hold_nothing_longer_than_the_delay_and_count_no_attempts_that_cannot_be() {
    let (memory, desk) = (log(), Desk::failing(100));
    let forged = record(FIRST, &order("a", 1))
        .header("millstream-retry-group", GROUP)
        .header("millstream-retry-topic-id", "1")
        .header("millstream-retry-partition", "0")
        .header("millstream-retry-offset", "0")
        .header("millstream-retry-attempts", "4000000000")
        .header("millstream-retry-first-failed-at", u64::MAX.to_string())
        .header("millstream-retry-due-at", u64::MAX.to_string());
    send(&memory, vec![forged]).await;
    let began = tokio::time::Instant::now();
    run(&memory, service(&memory, &desk, errors())).await;
    let calls = desk.calls();
    assert_eq!(calls.len(), 4, "two here and two in the second");
    assert!(calls[0].at - began < Duration::from_secs(11), "{:?}", calls[0].at - began);
    assert_eq!(letters(&memory)[0].attempts, 2 + 2 + 2, "as many as the topic itself can have seen");
}

#[tokio::test(start_paused = true)]
async fn retry_headers_in_the_topic_itself_mean_nothing() {
    let (memory, desk) = (log(), Desk::failing(0));
    let forged =
        record(NEW, &order("a", 1)).header("millstream-retry-group", "other").header("millstream-retry-due-at", "9999999999999");
    send(&memory, vec![forged]).await;
    let (_, total) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((total.done, total.filtered), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_such_headers_is_handled_where_it_lies() {
    let (memory, desk) = (log(), Desk::failing(100));
    send_orders(&memory, SECOND, [order("a", 1)]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    let letter = letters(&memory).pop().expect("a letter");
    assert_eq!((letter.topic.as_str(), letter.offset, letter.attempts), (SECOND, 0, 2));
}

/// Retry topics are shared by the groups that read the topic: each handles its own copies.
#[tokio::test(start_paused = true)]
async fn copies_of_another_group_are_filtered() {
    let (memory, desk, risk) = (log(), Desk::failing(2), Desk::failing(0));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let builder = service(&memory, &desk, errors()).with_shared_state(risk.clone());
    let (account, _) =
        run(&memory, builder.add_consumer_handler_with(NEW, "risk.orders", Desk::on_order, HandlerSettings::new().name("risk")))
            .await;
    assert_eq!((desk.calls().len(), risk.calls().len()), (3, 1));
    let of_risk = account.lines.iter().find(|line| line.group == "risk.orders" && line.topic.as_str() == FIRST).expect("a line");
    assert_eq!((of_risk.counts.filtered, of_risk.counts.done), (1, 0));
}

/// I9: the copies of a namespace stay in it.
#[tokio::test(start_paused = true)]
async fn copies_stay_in_the_namespace_of_their_topic() {
    let (memory, desk) = (Memory::new(), Desk::failing(100));
    let topics = [NEW, "zerodha.orders.new"];
    for (n, name) in topics.iter().enumerate() {
        send_orders(&memory, name, [order(name, n as u64)]).await;
    }
    let builder = super::desk(&memory, errors()).add_producer().with_shared_state(desk.clone());
    run(&memory, builder.add_consumer_handler(topics, GROUP, Desk::on_order)).await;
    for name in topics {
        for copies in [format!("{name}.retry.1"), format!("{name}.retry.2"), format!("{name}.dlq")] {
            let keys: Vec<_> = memory.records(&topic(&copies)).into_iter().filter_map(|copy| copy.key).collect();
            assert_eq!(keys, [name.as_bytes()], "{copies}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_stops_while_a_copy_waits_and_goes_on_later() {
    let (memory, desk) = (log(), Desk::failing(4));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service(&memory, &desk, errors()).build().expect("a valid service")).await;
    running.settled(2).await;
    let began = tokio::time::Instant::now();
    running.stop().await.expect("a clean end");
    assert!(began.elapsed() < Duration::from_secs(5), "it does not wait for the copy: {:?}", began.elapsed());
    let (account, _) = run_to_end(&memory, &desk).await;
    assert_eq!(account.topic(SECOND).done, 1);
}

async fn run_to_end(memory: &Memory, desk: &Arc<Desk>) -> (Account, u64) {
    let builder = service(memory, desk, errors()).start_at(StartAt::Latest);
    let running = Running::start(builder.build().expect("a valid service")).await;
    tokio::time::timeout(minutes(60), running.settled(1)).await.expect("it settles within an hour");
    let account = running.handle.account();
    running.stop().await.expect("a clean end");
    let settled = account.total().settled();
    (account, settled)
}

/// What `StartAt` says is said of the topic: a group's own copies are never skipped.
#[tokio::test(start_paused = true)]
async fn copies_are_read_from_the_first_on_also_by_a_group_that_starts_at_the_end() {
    let (memory, desk) = (log(), Desk::failing(0));
    send_orders(&memory, FIRST, [order("a", 1)]).await;
    let (account, _) = run_to_end(&memory, &desk).await;
    assert_eq!(account.topic(FIRST).done, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_permanent_or_panics_is_a_dead_letter_at_once() {
    let memory = log();
    send_orders(&memory, NEW, [order("a", 1), order("b", 2)]).await;
    let handler = async |order: Event<Order>| -> Result<(), HandlerError> {
        if order.number == 1 { panic!("the first one") } else { Err(HandlerError::permanent("no")) }
    };
    run(&memory, super::desk(&memory, errors()).add_consumer_handler(NEW, GROUP, handler)).await;
    assert_eq!((memory.records(&topic(FIRST)).len(), letters(&memory).len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_missing_retry_topic_is_found_before_anything_starts() {
    let memory = Memory::builder().auto_create(false).build();
    for name in [NEW, LETTERS, FIRST] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("a new topic");
    }
    let service = service(&memory, &Desk::failing(0), errors()).build().expect("a valid service");
    let error = service.run().await.expect_err("there is no second retry topic");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("the retry topic paper.orders.new.retry.2 does not exist"), "{error}");
}

#[test]
fn retry_topics_are_refused_where_they_cannot_work_or_would_break_an_order() {
    async fn quiet(_: Position) {}
    let positions = || HandlerSettings::new().id_source(IdSource::Position);
    let refused = |errors: ErrorHandling, topic: &str, settings: HandlerSettings| {
        let builder = super::desk(&Memory::new(), errors).add_consumer_handler_with(topic, GROUP, quiet, settings);
        builder.build().expect_err("it cannot work").to_string()
    };
    let retries = errors;
    for (text, part) in [
        (
            refused(retries(), LETTERS, positions()),
            "reads the dead-letter topic `paper.orders.new.dlq`, which has no retry topics",
        ),
        (refused(retries(), FIRST, positions()), "a retry topic, which the service reads itself"),
        (refused(retries(), NEW, positions().followers(Followers::Park)), "parks what follows a dead letter"),
        (refused(retries().followers(Followers::Park), NEW, positions()), "parks what follows a dead letter"),
        (refused(retries(), NEW, positions().lanes(LanePolicy::ByPartition)), "wants a partition's order"),
        (refused(retries().retry_topics([Duration::ZERO]), NEW, positions()), "retry topic 1 has no delay"),
        (
            refused(retries().retry_topics([minutes(1); 17]), NEW, positions()),
            "17 retry topics are declared, and 16 are the most",
        ),
        (refused(retries(), &format!("paper.orders.{}", "x".repeat(235)), positions()), "249"),
    ] {
        assert!(text.contains(part) && text.contains("remedy:"), "{part:?} is missing in:\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_handler_has_retry_topics_too() {
    let (memory, seen) = (log(), Arc::new(Mutex::new(Vec::new())));
    let told = seen.clone();
    let handler = move |batch: Batch<Order>| {
        let told = told.clone();
        async move {
            let mut answers = Outcomes::new();
            for (slot, event) in batch.iter() {
                let mut seen = told.lock().expect("no panic under it");
                seen.push((event.account.clone(), event.position()));
                match seen.iter().filter(|(account, _)| *account == event.account).count() {
                    3.. => answers.done(slot),
                    _ => answers.fail(slot, TradeError::Busy),
                }
            }
            answers
        }
    };
    send_orders(&memory, NEW, [order("a", 1), order("b", 2)]).await;
    let (account, total) = run(&memory, super::desk(&memory, errors()).add_batch_handler(NEW, GROUP, handler)).await;
    assert_eq!((account.topic(NEW).handed_on, account.topic(FIRST).done, total.dead_lettered), (2, 2, 0));
    let places = |account: &str| {
        seen.lock().expect("no panic").iter().filter(|(of, _)| of == account).map(|(_, at)| at.offset).collect::<Vec<_>>()
    };
    assert_eq!((places("a"), places("b")), (vec![0, 0, 0], vec![1, 1, 1]), "under the original's place");
}

/// The copy with its headers is too large for its topic: it is a dead letter then, at the worst a pointer.
#[tokio::test(start_paused = true)]
async fn a_record_whose_copy_is_too_large_is_a_dead_letter() {
    let (memory, desk) = (Memory::new(), Desk::failing(100));
    memory.create_topic(&topic(FIRST), TopicConfig::new(1).max_record_bytes(300)).expect("a new topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, _) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((account.topic(NEW).handed_on, account.topic(NEW).dead_lettered), (0, 1));
    let letter = letters(&memory).pop().expect("a letter");
    assert_eq!((letter.reason.as_str(), letter.attempts), ("exhausted", 2));
}
