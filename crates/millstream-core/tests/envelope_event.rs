//! The envelope read, changed and written: nothing is lost, and both writers agree.

use millstream_core::envelope::{
    EnvelopeError, EnvelopeMeta, EventEnvelope, EventId, EventKey, Extra, IdRef, Timestamp, WireId, write_envelope,
};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn event() -> EventEnvelope<Value> {
    let id = EventId::v7(1_764_062_100_250, 1);
    let at = Timestamp::from_millis(1_764_062_100_250);
    EventEnvelope::new(id, "order_filled", at, "trading-engine", json!({"price": "24350.05"}))
}

#[test]
fn the_fields_stand_in_their_order_with_the_data_last() {
    let mut event = event().broker("paper").schema_version(2).causation_id(EventId::v7(0, 2));
    event.extra.set("trace", &json!({"hop": 1})).expect("no field of ours");
    let text = String::from_utf8(event.to_json().expect("it is JSON")).expect("JSON is text");
    assert_eq!(
        text,
        concat!(
            r#"{"id":"019aba4b-7b1a-7000-8000-000000000001","type":"order_filled","#,
            r#""timestamp":"2025-11-25T09:15:00.250Z","source":"trading-engine","#,
            r#""correlation_id":"019aba4b-7b1a-7000-8000-000000000001","#,
            r#""causation_id":"00000000-0000-7000-8000-000000000002","broker":"paper","#,
            r#""schema_version":2,"trace":{"hop":1},"data":{"price":"24350.05"}}"#,
        )
    );
}

#[test]
fn a_root_correlates_with_itself() {
    let event = event();
    assert_eq!(event.correlation_id, event.id);
    assert_eq!(event.causation_id, None);
    let moved = event.clone().with_id(EventId::v7(1, 1));
    assert_eq!(moved.correlation_id, moved.id);
    let child = event.correlation_id(EventId::v7(2, 2)).with_id(EventId::v7(1, 1));
    assert_eq!(child.correlation_id, EventId::v7(2, 2));
}

#[test]
fn unknown_fields_survive_byte_for_byte() {
    let value = concat!(
        r#"{"id":"X-1","b":1.10,"a":[1e400, 12345678901234567890123],"event_type":"t","#,
        r#""timestamp":"2026-11-25T09:15:00Z","b":{"c" : null},"source":"s","data":{}}"#
    );
    let mut event = EventEnvelope::<Value>::from_json(value.as_bytes()).expect("it is good");
    let extra: Vec<_> = event.extra.iter().collect();
    assert_eq!(extra, [("b", "1.10"), ("a", "[1e400, 12345678901234567890123]"), ("b", r#"{"c" : null}"#),]);
    event.data = json!([]);
    let text = String::from_utf8(event.to_json().expect("it is JSON")).expect("JSON is text");
    assert!(text.contains(r#""b":1.10,"a":[1e400, 12345678901234567890123],"b":{"c" : null},"data":[]}"#));
}

#[test]
fn an_extra_field_may_not_take_the_name_of_ours() {
    let mut extra = Extra::default();
    for name in ["id", "type", "event_type", "data", "schema_version", "broker"] {
        let refused = extra.set(name, &1);
        assert!(matches!(refused, Err(EnvelopeError::Reserved(own)) if *own == *name));
    }
    extra.set("x", &1).expect("no field of ours");
    extra.set("x", &2).expect("no field of ours");
    assert_eq!((extra.len(), extra.get("x")), (1, Some("2")));
}

#[test]
fn an_id_is_written_as_it_was_read() {
    for id in ["order-17", "019388A0-1B2C-7DEF-8123-456789ABCDEF", "a:b_c.d-e", "0"] {
        let read = WireId::parse(id).expect("it is an id");
        assert_eq!(read.to_string(), id);
        assert_eq!(read.as_event_id(), None);
        assert_eq!(serde_json::to_string(&read).expect("it is text"), format!("\"{id}\""));
    }
    let upper = WireId::parse("019388A0-1B2C-7DEF-8123-456789ABCDEF").expect("it is an id");
    let lower = WireId::parse("019388a0-1b2c-7def-8123-456789abcdef").expect("it is an id");
    assert_eq!(upper.key(), lower.key(), "one UUID in two spellings is one event");
    assert_ne!(upper, lower);
    assert!(lower.as_event_id().is_some());
    assert_eq!(size_of::<WireId>(), 32);
}

#[test]
fn a_text_key_is_never_an_id_of_version_4_or_7() {
    for n in 0..10_000 {
        let key = EventKey::of_text(&format!("order-{n}"));
        assert_eq!(key.as_event_id().version(), 8);
        assert_eq!(key.as_u128() >> 62 & 3, 2);
        assert_eq!(key.millis(), None);
    }
    assert_eq!(EventKey::of_position(u128::MAX, 1, 2).as_event_id().version(), 8);
}

#[test]
fn only_version_7_of_the_right_variant_tells_a_time() {
    for (text, millis) in [
        ("019388a0-1b2c-7def-8123-456789abcdef", Some(0x0193_88a0_1b2c)),
        ("019388a0-1b2c-7def-b123-456789abcdef", Some(0x0193_88a0_1b2c)),
        ("019388a0-1b2c-7def-c123-456789abcdef", None),
        ("019388a0-1b2c-7def-0123-456789abcdef", None),
        ("019388a0-1b2c-4def-8123-456789abcdef", None),
    ] {
        let id: EventId = text.parse().expect("it is a UUID");
        assert_eq!((id.millis(), id.key().millis()), (millis, millis), "{text}");
    }
    let id = EventId::v7(u64::MAX, u128::MAX);
    assert_eq!(id.to_string(), "ffffffff-ffff-7fff-bfff-ffffffffffff");
    assert_eq!(EventId::v7(5, 0).to_string(), "00000000-0005-7000-8000-000000000000");
}

#[test]
fn each_part_of_a_position_matters() {
    let base = EventKey::of_position(1, 2, 3);
    assert_eq!(base, EventKey::of_position(1, 2, 3));
    for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4), (1, 3, 2)] {
        assert_ne!(base, EventKey::of_position(other.0, other.1, other.2));
    }
}

#[test]
fn a_refused_write_leaves_the_buffer_as_it_was() {
    struct Bad;
    impl serde::Serialize for Bad {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    let mut out = b"before".to_vec();
    let id = EventId::v7(1, 1);
    let mut meta = EnvelopeMeta::new(id, "t", Timestamp::UNIX_EPOCH, "s");
    assert!(matches!(write_envelope(&mut out, &meta, &Bad), Err(EnvelopeError::Encode(_))));
    assert_eq!(out, b"before");
    let long = "x".repeat(256);
    for bad in ["", &long] {
        meta.event_type = bad;
        assert!(matches!(write_envelope(&mut out, &meta, &1), Err(EnvelopeError::Text("type"))));
        assert_eq!(out, b"before");
    }
    meta.event_type = &long[1..];
    write_envelope(&mut out, &meta, &1).expect("255 bytes are allowed");
    assert!(out.starts_with(b"before{\"id\":"));
}

#[test]
fn borrowed_data_are_read_where_they_stand() {
    let value = event().to_json().expect("it is JSON");
    let read = EventEnvelope::<&RawValue>::from_json(&value).expect("we wrote it");
    assert_eq!(read.data.get(), r#"{"price":"24350.05"}"#);
    assert_eq!(read.map_data(|data| data.get().len()).data, 20);
}

#[test]
fn an_unwritten_or_empty_broker_is_none() {
    let value = String::from_utf8(event().to_json().expect("it is JSON")).expect("JSON is text");
    for value in [value.replace("\"broker\":null,", ""), value.replace("\"broker\":null", "\"broker\":\"\"")] {
        let read = EventEnvelope::<Value>::from_json(value.as_bytes()).expect("it is good");
        assert_eq!(read, event());
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,20}", "\\PC{1,20}", "[\u{0}-\u{24}\\\\\u{7f}é]{1,9}"]
}

fn any_id() -> impl Strategy<Value = WireId> {
    prop_oneof![
        any::<u128>().prop_map(|bits| EventId::from_u128(bits).into()),
        "[A-Za-z0-9._:-]{1,128}".prop_map(|id| WireId::parse(&id).expect("it is an id")),
    ]
}

fn events() -> impl Strategy<Value = EventEnvelope<String>> {
    let ids = (any_id(), any_id(), prop::option::of(any_id()));
    let texts = (any_text(), any_text(), prop::option::of(any_text()), any_text());
    let more = prop::collection::vec((any_text(), any::<i64>()), 0..3);
    (ids, texts, -60_000_000_000_000_000_i64..250_000_000_000_000_000, any::<u32>(), more).prop_map(
        |((id, correlation, causation), (event_type, source, broker, data), at, version, more)| {
            let mut event = EventEnvelope::new(id, event_type, Timestamp::from_micros(at), source, data)
                .correlation_id(correlation)
                .schema_version(version);
            event.causation_id = causation;
            event.broker = broker;
            for (name, value) in more {
                // Names of ours are refused, and left out here.
                let _ = event.extra.set(&name, &value);
            }
            event
        },
    )
}

proptest! {
    #[test]
    fn both_writers_write_the_same_bytes(event in events()) {
        let by_serde = serde_json::to_vec(&event).expect("it is JSON");
        prop_assert_eq!(event.to_json().expect("it is JSON").escape_ascii().to_string(), by_serde.escape_ascii().to_string());
    }

    #[test]
    fn what_is_written_is_read_again(event in events()) {
        let value = event.to_json().expect("it is JSON");
        let read = EventEnvelope::<String>::from_json(&value);
        prop_assert_eq!(read.expect("we wrote it"), event);
    }

    #[test]
    fn a_borrowed_id_is_the_id(id in any_id()) {
        let text = id.to_string();
        prop_assert_eq!(IdRef::parse(&text).expect("it is an id").to_wire_id(), id.clone());
        prop_assert_eq!(EventKey::of_text(&text), id.key());
        prop_assert_eq!(id, text.as_str());
    }
}
