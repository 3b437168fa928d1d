//! Owns the proof that an event as a test says it is valid, is the same in every run, and reads as it was said.

mod support;

use millstream_core::contract::RecordSetBuilder;
use millstream_core::envelope::{ContentMode, EventEnvelope};
use millstream_core::handler::Event;
use millstream_testkit::TestEvent;
use support::{Alert, alert, words};

const ALERTS: &str = "paper.orders.alerts";

fn read(event: &TestEvent) -> EventEnvelope<Alert> {
    let mut set = RecordSetBuilder::new(0);
    set.push_record(0, 0, &event.to(ALERTS));
    EventEnvelope::from_record(set.build().view(0)).expect("it is an event")
}

#[test]
fn an_event_of_which_only_the_data_is_said_is_valid_and_always_the_same() {
    let event = read(&TestEvent::of(alert("ann", 1)));
    assert_eq!(event, read(&alert("ann", 1).into()));
    assert_eq!((event.event_type.as_str(), event.source.as_str(), event.schema_version), ("order_alert", "test", 1));
    assert_eq!((event.timestamp.to_string().as_str(), event.broker.as_deref()), ("2026-01-01T00:00:00Z", Some("paper")));
    assert_eq!((event.id.to_string().as_str(), event.causation_id), ("00000000-0000-723c-aa56-8bcaf0ed685a", None));
    assert_eq!(event.correlation_id, event.id);
    assert_eq!(TestEvent::of(alert("ann", 1)).to(ALERTS).key.as_deref(), Some(&b"ann"[..]));
}

#[test]
fn all_that_is_said_is_sent_in_each_mode() {
    for mode in [ContentMode::Envelope, ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured] {
        let said = TestEvent::of(alert("ann", 1)).with_id("7").at("2026-01-05T09:15:00Z").source("desk").correlation_id("c");
        let said = said.causation_id("6").broker("zerodha").schema_version(3).header("tenant", "blue").field("desk", &"x");
        let said = said.key("bob").content_mode(mode);
        let (event, record) = (read(&said), said.to(ALERTS));
        assert_eq!((event.id.to_string(), event.source, event.schema_version), ("7".into(), "desk".into(), 3), "{mode:?}");
        assert_eq!(event.timestamp.to_string(), "2026-01-05T09:15:00Z");
        assert_eq!(
            (event.correlation_id.to_string(), event.causation_id.map(|id| id.to_string())),
            ("c".into(), Some("6".into()))
        );
        assert_eq!((event.broker.as_deref(), event.extra.get("desk")), (Some("zerodha"), Some("\"x\"")));
        assert_eq!(record.key.as_deref(), Some(&b"bob"[..]));
        assert!(record.headers.iter().any(|(name, value)| name == "tenant" && value.as_deref() == Some(b"blue")));
    }
}

#[test]
fn two_that_say_something_else_have_different_ids() {
    let plain = || TestEvent::of(alert("ann", 1));
    let all = [
        plain(),
        plain().key("bob"),
        plain().at("2026-01-05T09:15:00Z"),
        plain().source("desk"),
        plain().correlation_id("c"),
        plain().causation_id("c"),
        plain().broker("paper"),
        plain().schema_version(2),
        plain().header("a", "b"),
        plain().field("a", &"b"),
        plain().with_id("7"),
        TestEvent::of(alert("ann", 2)),
        TestEvent::of_type("other", "ann", &alert("ann", 1)),
    ];
    let ids: std::collections::BTreeSet<String> = all.iter().map(|event| event.id().to_string()).collect();
    assert_eq!(ids.len(), all.len());
    assert_eq!(plain().id(), plain().id());
}

#[test]
fn what_follows_from_an_event_belongs_to_what_that_belongs_to() {
    let root = TestEvent::of(alert("ann", 1)).with_id("root");
    let second = TestEvent::of(alert("bob", 1)).with_id("second").caused_by(&root);
    let third = read(&TestEvent::of(alert("cid", 1)).caused_by(&second));
    assert_eq!((third.correlation_id, third.causation_id), ("root".parse().expect("an id"), "second".parse().ok()));
}

#[test]
fn a_handler_is_given_the_event_that_would_have_been_sent() {
    let said = TestEvent::of(alert("ann", 1)).header("tenant", "blue").at("2026-01-05T09:15:00Z");
    let given: Event<Alert> = said.event();
    assert_eq!((&*given, given.id().as_ref()), (&alert("ann", 1), said.id().to_string().as_str()));
    assert_eq!((given.headers().text("tenant"), given.timestamp().to_string().as_str()), (Some("blue"), "2026-01-05T09:15:00Z"));
}

#[test]
fn a_tombstone_has_a_key_and_headers_and_no_value() {
    let record = TestEvent::tombstone("ann").header("why", "gone").to(ALERTS);
    assert_eq!((record.key.as_deref(), record.value), (Some(&b"ann"[..]), None));
    assert_eq!(record.headers.len(), 1);
}

#[test]
fn what_cannot_be_said_panics_in_words() {
    let plain = || TestEvent::of(alert("ann", 1));
    assert_eq!(words(|| drop(plain().with_id("no id"))), "`no id` is no id: 1 to 128 bytes of A-Z a-z 0-9 . _ : -");
    assert!(words(|| drop(plain().at("today"))).starts_with("`today` is no timestamp: "));
    assert!(words(|| drop(plain().field("data", &1))).starts_with("the field `data`: "));
    assert!(words(|| drop(plain().to("paper..alerts"))).contains("paper..alerts"));
    let text = words(|| drop(plain().source("").to(ALERTS)));
    assert!(
        text.starts_with("`order_alert` with key `ann`, {\"account\":\"ann\",\"amount\":1} cannot lie in a record: "),
        "{text}"
    );
    assert_eq!(words(|| drop(plain().event::<u32>())).split(':').next(), Some("the record is no such event"));
}
