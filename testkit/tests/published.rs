//! Owns the proof that assertions on what was published fail where they should, in these words.

mod support;

use bytes::Bytes;
use millstream_core::contract::{Producer, ProducerExt, Record};
use millstream_core::envelope::ContentMode;
use millstream_core::handler::Outputs;
use millstream_core::topic::{Sibling, Topic};
use millstream_memory::Memory;
use millstream_testkit::*;
use support::{Alert, alert, words};

const ALERTS: &str = "paper.orders.alerts";

/// A producer to which these were sent.
fn sent(records: impl IntoIterator<Item = Record>) -> RecordingProducer {
    let producer = RecordingProducer::with_partitions(2);
    send(&producer, records);
    producer
}

fn send(producer: &impl Producer, records: impl IntoIterator<Item = Record>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
    for record in records {
        runtime.block_on(producer.send_one(record.to_partition(0))).expect("it takes everything");
    }
}

fn alerts<'a>(of: impl IntoIterator<Item = &'a (&'a str, u64)>) -> RecordingProducer {
    sent(of.into_iter().map(|(account, amount)| TestEvent::of(alert(account, *amount)).to(ALERTS)))
}

#[test]
fn equal_events_pass_in_every_way_of_asking() {
    let found = alerts(&[("ann", 1), ("bob", 2)]);
    let (ann, bob) = (alert("ann", 1), alert("bob", 2));
    assert_published(&found, ALERTS).exactly([ann.clone(), bob.clone()]);
    assert_published(&found, ALERTS).in_any_order([bob.clone(), ann.clone()]);
    assert_published(&found, ALERTS).at_least([bob.clone()]);
    assert_eq!(assert_published(&found, ALERTS).all::<Alert>()[1].data, bob);
    assert_published(&found, Topic::literal("paper.orders.none")).exactly::<TestEvent>([]);
    assert_nothing_published(&found, "paper.orders.none");
    assert_no_dead_letters(&found);
}

#[test]
fn what_differs_is_said_field_by_field_with_ids_cut_to_their_ends() {
    let cause = TestEvent::of(alert("ann", 0)).with_id("01890a5d-ac96-774b-bcce-b302099a8057");
    let found = sent([TestEvent::of(alert("ann", 2)).source("desk").header("tenant", "green").to(ALERTS)]);
    let expected = TestEvent::of(alert("ann", 2_000)).source("watch").header("tenant", "blue").header("trace", "1");
    let said = words(|| assert_published(&found, ALERTS).exactly([expected.caused_by(&cause)]));
    let correlation = found.sent(ALERTS)[0].value.clone().expect("an envelope");
    let correlation = serde_json::from_slice::<serde_json::Value>(&correlation).expect("JSON")["correlation_id"].clone();
    let end = correlation.as_str().expect("an id");
    let end = &end[end.len() - 8..];
    assert_eq!(
        said,
        format!(
            "paper.orders.alerts: 1 event differs\n  \
             differs: `order_alert` with key `ann`, at 0@0\n      \
             field            expected    found\n      \
             correlation_id   …099a8057   …{end}\n      \
             causation_id     …099a8057   (none)\n      \
             source           watch       desk\n      \
             header tenant    blue        green\n      \
             header trace     1           (none)\n      \
             data.amount      2000        2"
        )
    );
}

#[test]
fn what_is_not_said_of_the_envelope_is_not_compared() {
    let full = TestEvent::of(alert("ann", 1)).with_id("7").at("2026-01-05T09:15:00Z").source("desk").broker("paper");
    let full = full.schema_version(3).header("tenant", "blue").field("desk", &7).content_mode(ContentMode::CloudEventsBinary);
    let found = sent([full.content_mode(ContentMode::CloudEventsStructured).to(ALERTS)]);
    assert_published(&found, ALERTS).exactly([alert("ann", 1)]);
}

#[test]
fn of_headers_with_one_name_the_last_counts() {
    let twice = TestEvent::of(alert("ann", 1)).header("tenant", "green").header("tenant", "blue");
    let found = sent([twice.to(ALERTS)]);
    assert_published(&found, ALERTS).exactly([TestEvent::of(alert("ann", 1)).header("tenant", "blue")]);
    assert_published(&found, ALERTS).exactly([twice]);
    let said = words(|| assert_published(&found, ALERTS).exactly([TestEvent::of(alert("ann", 1)).header("tenant", "green")]));
    assert!(said.ends_with("header tenant   green      blue"), "{said}");
}

#[test]
fn each_field_that_is_said_is_compared() {
    let plain = || TestEvent::of(alert("ann", 1));
    let found = sent([plain().to(ALERTS)]);
    for (name, other) in [
        ("id", plain().with_id("other")),
        ("key", plain().key("bob")),
        ("timestamp", plain().at("2026-01-05T09:15:00Z")),
        ("source", plain().source("desk")),
        ("correlation_id", plain().correlation_id("other")),
        ("causation_id", plain().causation_id("other")),
        ("broker", plain().broker("zerodha")),
        ("schema_version", plain().schema_version(2)),
        ("header tenant", plain().header("tenant", "blue")),
        ("field desk", plain().field("desk", &7)),
        ("content mode", plain().content_mode(ContentMode::CloudEventsBinary)),
        ("type", TestEvent::of_type("order_placed", "ann", &alert("ann", 1))),
        ("data.amount", TestEvent::of(alert("ann", 2))),
        ("data.more", TestEvent::of_type("order_alert", "ann", &serde_json::json!({"account": "ann", "amount": 1, "more": 1}))),
        ("data.amount", TestEvent::of_type("order_alert", "ann", &serde_json::json!({"account": "ann"}))),
    ] {
        let said = words(|| assert_published(&found, ALERTS).exactly([other]));
        let row = said.lines().nth(3).unwrap_or_else(|| panic!("no table for {name}: {said}"));
        assert!(row.trim_start().starts_with(&format!("{name} ")) && said.lines().count() == 4, "{name}: {said}");
    }
}

#[test]
fn what_is_missing_and_what_is_there_besides_is_not_taken_for_a_difference() {
    let found = alerts(&[("ann", 1), ("dan", 4), ("eve", 5)]);
    let eve = TestEvent::of_type("order_closed", "eve", &1);
    let said = words(|| {
        assert_published(&found, ALERTS).exactly([TestEvent::of(alert("ann", 1)), eve, TestEvent::of(alert("dan", 4))]);
    });
    assert_eq!(
        said,
        "paper.orders.alerts: 1 event is missing, 1 is there besides\n  \
         missing: `order_closed` with key `eve`, 1\n  \
         besides: `order_alert` with key `eve`, {\"account\":\"eve\",\"amount\":5}, at 0@2"
    );
}

#[test]
fn the_events_behind_a_missing_one_are_not_said_to_differ() {
    let found = alerts(&[("bob", 2), ("cid", 3)]);
    let all = [alert("ann", 1), alert("bob", 2), alert("cid", 3)];
    assert_eq!(
        words(|| assert_published(&found, ALERTS).exactly(all)),
        "paper.orders.alerts: 1 event is missing\n  missing: `order_alert` with key `ann`, {\"account\":\"ann\",\"amount\":1}"
    );
}

#[test]
fn another_order_is_called_that() {
    let found = alerts(&[("bob", 2), ("ann", 1), ("cid", 3)]);
    let all = [alert("ann", 1), alert("bob", 2), alert("cid", 3)];
    assert_eq!(
        words(|| assert_published(&found, ALERTS).exactly(all.clone())),
        "paper.orders.alerts: all events are there, in another order\n  \
         expected: as number 1, found as number 2, at 0@1: `order_alert` with key `ann`, {\"account\":\"ann\",\"amount\":1}\n  \
         expected: as number 2, found as number 1, at 0@0: `order_alert` with key `bob`, {\"account\":\"bob\",\"amount\":2}"
    );
    assert_published(&found, ALERTS).in_any_order(all);
}

#[test]
fn an_expected_event_that_says_little_leaves_the_only_fitting_one_to_another() {
    let found = sent([
        TestEvent::of(alert("ann", 1)).header("tenant", "blue").to(ALERTS),
        TestEvent::of(alert("ann", 1)).header("tenant", "green").to(ALERTS),
    ]);
    let any = || TestEvent::of(alert("ann", 1));
    assert_published(&found, ALERTS).in_any_order([any(), any().header("tenant", "blue")]);
    assert_published(&found, ALERTS).in_any_order([any().header("tenant", "green"), any()]);
    assert_published(&found, ALERTS).at_least([any(), any()]);
}

#[test]
fn at_least_says_what_the_nearest_one_lacks_and_nothing_of_the_others() {
    let found = alerts(&[("ann", 1), ("bob", 2), ("cid", 3)]);
    let said = words(|| assert_published(&found, ALERTS).at_least([alert("bob", 20), alert("ann", 1)]));
    assert_eq!(
        said,
        "paper.orders.alerts: 1 event differs\n  \
         differs: `order_alert` with key `bob`, at 0@1\n      \
         field         expected   found\n      \
         data.amount   20         2"
    );
}

#[test]
fn an_empty_topic_says_where_there_is_something_the_likeliest_first() {
    let found = alerts(&[("ann", 1)]);
    send(&found, [TestEvent::of(alert("bob", 1)).to("market.ticks")]);
    let said = words(|| assert_published(&found, "paper.orders.alert").exactly([alert("ann", 1)]));
    assert_eq!(
        said,
        "paper.orders.alert: 1 event is missing\n  \
         missing: `order_alert` with key `ann`, {\"account\":\"ann\",\"amount\":1}\n  \
         there is nothing in this topic, and records in paper.orders.alerts (1), market.ticks (1)"
    );
    let nothing = RecordingProducer::new();
    let said = words(|| drop(assert_published(&nothing, ALERTS).one::<Alert>()));
    assert_eq!(
        said,
        "paper.orders.alerts: one event expected, and there is none\n  there is nothing in this topic, and nothing anywhere"
    );
}

#[test]
fn one_event_is_one() {
    let found = alerts(&[("ann", 1), ("bob", 2)]);
    let said = words(|| drop(assert_published(&found, ALERTS).one::<Alert>()));
    let list = "\n  found: `order_alert` with key `ann`, {\"account\":\"ann\",\"amount\":1}, at 0@0\
                \n  found: `order_alert` with key `bob`, {\"account\":\"bob\",\"amount\":2}, at 0@1";
    assert_eq!(said, format!("paper.orders.alerts: one event expected, and there are 2{list}"));
    let said = words(|| assert_nothing_published(&found, ALERTS));
    assert_eq!(said, format!("paper.orders.alerts: nothing expected, and there are 2{list}"));
}

#[test]
fn an_event_that_is_no_such_one_is_shown() {
    let found = alerts(&[("ann", 1)]);
    assert_eq!(
        words(|| drop(assert_published(&found, ALERTS).one::<u32>())),
        "paper.orders.alerts: no `u32`: invalid type: map, expected u32\n  \
         found: `order_alert` with key `ann`, {\"account\":\"ann\",\"amount\":1}, at 0@0"
    );
}

#[test]
fn poison_tombstones_and_records_without_a_key_are_named_and_not_dumped() {
    let poison = Record::new(Topic::literal(ALERTS), "ann", Bytes::from_static(b"{not json \xff")).without_key();
    let found = sent([poison, TestEvent::tombstone("bob").header("why", "gone").to(ALERTS)]);
    assert_published(&found, ALERTS).at_least([TestEvent::tombstone("bob").header("why", "gone")]);
    let said = words(|| assert_published(&found, ALERTS).exactly([TestEvent::of(alert("ann", 1))]));
    let (first, rest) = said.split_once('\n').expect("some lines");
    assert_eq!(first, "paper.orders.alerts: 1 event is missing, 2 are there besides");
    let lines: Vec<&str> = rest.lines().collect();
    assert!(lines[1].starts_with("  besides: no event without a key, ") && lines[1].ends_with(", at 0@0"), "{said}");
    assert_eq!(lines[2], "  besides: a tombstone with key `bob`, at 0@1");
}

#[test]
fn long_values_are_shown_where_they_differ() {
    let text = |end: &str| TestEvent::of_type("note", "k", &format!("{}{end}{}", "a".repeat(200), "z".repeat(200)));
    let found = sent([text("one").to(ALERTS)]);
    assert_eq!(
        words(|| assert_published(&found, ALERTS).exactly([text("two")])),
        "paper.orders.alerts: 1 event differs\n  \
         differs: `note` with key `k`, at 0@0\n      \
         field   expected                                         found\n      \
         data    …aaaaaaaaaaatwozzzzzzzzzzzzzzzzzzzzzzzzzzzzzz…   …aaaaaaaaaaaonezzzzzzzzzzzzzzzzzzzzzzzzzzzzzz…"
    );
}

#[test]
fn a_report_is_bounded() {
    let found = sent((0..500).map(|at| TestEvent::of(alert("ann", at)).to(ALERTS)));
    let said = words(|| assert_published(&found, ALERTS).exactly((0..500).map(|at| alert("ann", at + 1_000))));
    assert!(said.starts_with("paper.orders.alerts: 500 events differ\n") && said.len() < 4_000, "{said}");
    assert!(said.ends_with("\n  differs: and 490 more"), "{said}");
}

#[test]
fn thousands_of_events_are_compared_by_their_places() {
    let found = sent((0..1_500).map(|at| TestEvent::of(alert("ann", at)).to(ALERTS)));
    assert_published(&found, ALERTS).exactly((0..1_500).map(|at| alert("ann", at)));
    let said = words(|| assert_published(&found, ALERTS).exactly((0..1_499).map(|at| alert("ann", at + 5_000))));
    assert!(said.starts_with("paper.orders.alerts: 1499 events differ, 1 is there besides\n"), "{said}");
}

#[test]
fn outputs_of_a_unit_test_are_found_by_their_numbers() {
    let mut out = Outputs::of(&Topic::literal("paper.orders.placed"));
    out.emit(Sibling::new("orders", "closed"), &alert("ann", 1)).expect("it fits");
    out.emit(Sibling::new("orders", "alerts"), &alert("bob", 2)).expect("it fits");
    assert_published(&out, ALERTS).exactly([TestEvent::of(alert("bob", 2)).broker("paper").source("unit-test")]);
    let said = words(|| assert_nothing_published(&out, ALERTS));
    assert!(said.ends_with(", at [1]"), "{said}");
}

#[test]
fn a_log_in_memory_is_found_by_partition_and_offset() {
    let memory = Memory::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
    let record = TestEvent::of(alert("ann", 1)).to(ALERTS);
    let letter = Record::new(Topic::literal("paper.orders.placed.dlq"), "ann", "{not json")
        .header("millstream-dlq-reason", "permanent")
        .header("millstream-dlq-attempts", "1")
        .header("__dlq.errors.topic", "paper.orders.placed")
        .header("__dlq.errors.offset", "7")
        .header("__dlq.errors.message", "no trader");
    runtime.block_on(async {
        let producer = millstream_core::contract::Transport::producer(&memory).await.expect("memory has a producer");
        producer.send_one(record).await.expect("memory takes it");
        producer.send_one(letter).await.expect("memory takes it");
    });
    assert_published(&memory, ALERTS).exactly([alert("ann", 1)]);
    let why = "paper.orders.placed at 0@7, permanent after 1 attempt: no trader";
    let said = words(|| assert_published(&memory, ALERTS).exactly([alert("ann", 1), alert("bob", 2)]));
    assert_eq!(
        said,
        format!(
            "paper.orders.alerts: 1 event is missing\n  \
             missing: `order_alert` with key `bob`, {{\"account\":\"bob\",\"amount\":2}}\n  \
             dead letter: {why}"
        )
    );
    assert_eq!(words(|| assert_no_dead_letters(&memory)), format!("there is a dead letter\n  {why}"));
}
