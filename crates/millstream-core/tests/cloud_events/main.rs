//! CloudEvents 1.0 as records: vectors of the specification and of its SDKs, round trips, and hostile input.

mod hostile;

use millstream_core::contract::{RecordSet, RecordSetBuilder};
use millstream_core::envelope::{
    CloudEventError, ContentMode, EnvelopeError, EventEnvelope, EventId, EventKey, Head, Limits, Metadata, Timestamp, WireId,
    read_head,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const MODES: [ContentMode; 3] = [ContentMode::Envelope, ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured];
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=UTF-8");

fn record(headers: &[(&str, &str)], value: &[u8]) -> RecordSet {
    let mut builder = RecordSetBuilder::new(0);
    for (name, value) in headers {
        builder.header(name, Some(value.as_bytes()));
    }
    builder.push(0, 1_700_000_000_123, Some(b"key"), Some(value));
    builder.build()
}

fn head(set: &RecordSet) -> Result<Head, EnvelopeError> {
    read_head(set.view(0), &Limits::DEFAULT)
}

fn read(set: &RecordSet) -> Result<EventEnvelope<Value>, EnvelopeError> {
    EventEnvelope::from_record(set.view(0))
}

fn written(event: &EventEnvelope<Value>, mode: ContentMode) -> Result<RecordSet, EnvelopeError> {
    let mut builder = RecordSetBuilder::new(0);
    event.push_to(&mut builder, Some(b"key"), mode)?;
    Ok(builder.build())
}

fn full() -> EventEnvelope<Value> {
    let id = |text| WireId::parse(text).expect("an id");
    let time = "2026-11-25T09:15:00.250Z".parse().expect("a time");
    let mut event =
        EventEnvelope::new(id("order:7"), "order_filled", time, "trading", json!({"price": "24350.05", "é": [1, null]}))
            .correlation_id(id("root-1"))
            .causation_id(EventId::v7(1_764_062_100_250, 9))
            .broker("paper")
            .schema_version(3);
    event.extra.set("subject", &"NIFTY \"50\" ₹").expect("a free name");
    event.extra.set("traceparent", &"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("a free name");
    event
}

#[test]
fn an_event_written_in_any_mode_reads_equal_with_every_field() {
    for mode in MODES {
        let event = full();
        let set = written(&event, mode).expect("it can be written");
        assert_eq!(read(&set).expect("it can be read"), event, "{mode:?}");
        let head = head(&set).expect("it has a head");
        let metadata = Metadata::of(&head, set.view(0));
        assert_eq!(head.content_mode(), mode);
        assert_eq!((&*metadata.id(), &*metadata.source(), &*metadata.event_type()), ("order:7", "trading", "order_filled"));
        assert_eq!((&*metadata.correlation_id(), metadata.broker().as_deref()), ("root-1", Some("paper")));
        assert_eq!(metadata.causation_id().as_deref(), Some(event.causation_id.as_ref().expect("set").to_string().as_str()));
        assert_eq!((metadata.timestamp(), metadata.schema_version()), (Some(event.timestamp), 3));
        let value = set.view(0).value().unwrap_or_default();
        assert_eq!(head.decode::<Value>(value, &Limits::DEFAULT).expect("data"), event.data, "{mode:?}");
    }
}

#[test]
fn binary_mode_is_what_the_kafka_binding_says() {
    let set = written(&full(), ContentMode::CloudEventsBinary).expect("it can be written");
    let view = set.view(0);
    let text = |name| view.headers().text(name);
    assert_eq!(text("ce_specversion"), Some("1.0"));
    assert_eq!(text("ce_id"), Some("order:7"));
    assert_eq!(text("ce_source"), Some("trading"));
    assert_eq!(text("ce_type"), Some("order_filled"));
    assert_eq!(text("ce_time"), Some("2026-11-25T09:15:00.250Z"));
    assert_eq!(text("ce_correlationid"), Some("root-1"));
    assert_eq!(text("ce_subject"), Some("NIFTY \"50\" ₹"));
    assert_eq!(text("ce_schemaversion"), Some("3"));
    assert_eq!(text("content-type"), Some("application/json"));
    assert_eq!(view.headers().find("ce_datacontenttype"), None);
    assert_eq!(view.value(), Some(serde_json::to_vec(&full().data).expect("JSON").as_slice()));
}

#[test]
fn structured_mode_is_what_the_json_format_says() {
    let set = written(&full(), ContentMode::CloudEventsStructured).expect("it can be written");
    assert_eq!(set.view(0).headers().text("content-type"), Some(STRUCTURED.1));
    let json: Value = serde_json::from_slice(set.view(0).value().unwrap_or_default()).expect("JSON");
    assert_eq!(json["specversion"], "1.0");
    assert_eq!((&json["id"], &json["source"], &json["type"]), (&json!("order:7"), &json!("trading"), &json!("order_filled")));
    assert_eq!((&json["time"], &json["datacontenttype"]), (&json!("2026-11-25T09:15:00.250Z"), &json!("application/json")));
    assert_eq!((&json["correlationid"], &json["schemaversion"]), (&json!("root-1"), &json!(3)));
    assert_eq!(json["data"], full().data);
}

/// The Kafka binding's own example (§3.2.5), with data in JSON.
#[test]
fn the_bindings_binary_example_is_read() {
    let set = record(
        &[
            ("ce_specversion", "1.0"),
            ("ce_type", "com.example.someevent"),
            ("ce_source", "/mycontext/subcontext"),
            ("ce_id", "1234-1234-1234"),
            ("ce_time", "2018-04-05T03:56:24Z"),
            ("content-type", "application/json; charset=utf-8"),
        ],
        br#"{"foo":"bar"}"#,
    );
    let event = read(&set).expect("it is an event");
    assert_eq!((event.id.to_string().as_str(), event.source.as_str()), ("1234-1234-1234", "/mycontext/subcontext"));
    assert_eq!(
        (event.event_type.as_str(), event.timestamp.to_string().as_str()),
        ("com.example.someevent", "2018-04-05T03:56:24Z")
    );
    assert_eq!((event.correlation_id == event.id, event.causation_id, event.schema_version), (true, None, 1));
    assert_eq!(event.data, json!({"foo": "bar"}));
    assert_eq!(head(&set).expect("a head").key(), EventKey::of_cloud_event("/mycontext/subcontext", "1234-1234-1234"));
}

/// The example with JSON data of the JSON format (§3.2); then ours, for what its text says of Base64, of no data, and of a
/// missing time.
#[test]
fn an_event_in_the_json_format_is_read() {
    let value = br#"{
        "specversion" : "1.0",
        "type" : "com.example.someevent",
        "source" : "/mycontext",
        "data" : { "appinfoA" : "abc", "appinfoB" : 123, "appinfoC" : true },
        "subject": null,
        "id" : "C234-1234-1234",
        "time" : "2018-04-05T17:31:00Z",
        "comexampleextension1" : "value",
        "comexampleothervalue" : 5,
        "datacontenttype" : "application/json"
    }"#;
    let event = read(&record(&[STRUCTURED], value)).expect("it is an event");
    assert_eq!(event.id, "C234-1234-1234");
    assert_eq!(
        (event.extra.get("comexampleextension1"), event.extra.get("comexampleothervalue")),
        (Some("\"value\""), Some("5"))
    );
    assert_eq!(event.data["appinfoB"], 123);

    let value = br#"{"specversion":"1.0","id":"B","source":"/b","type":"t","datacontenttype":"application/json",
        "data_base64":"eyJmb28iOiJiYXIifQ=="}"#;
    let event = read(&record(&[STRUCTURED], value)).expect("it is an event");
    assert_eq!(event.data, json!({"foo": "bar"}));
    assert_eq!(event.timestamp, Timestamp::from_millis(1_700_000_000_123), "the record's own time");

    let value = br#"{"specversion":"1.0","id":"N","source":"/n","type":"t"}"#;
    assert_eq!(read(&record(&[STRUCTURED], value)).expect("it is an event").data, Value::Null);
}

/// The Java SDK's test event with extensions (`V1_WITH_JSON_DATA_WITH_EXT`), as headers by the rules of the binding, with a
/// media type and a partition key beside.
#[test]
fn an_event_of_another_sdk_loses_nothing_when_it_is_read_and_written() {
    let set = record(
        &[
            ("ce_id", "1"),
            ("ce_specversion", "1.0"),
            ("ce_source", "http://localhost/source"),
            ("ce_type", "mock.test"),
            ("ce_subject", "sub"),
            ("ce_dataschema", "http://localhost/schema"),
            ("ce_time", "2018-04-26T14:48:09+02:00"),
            ("ce_astring", "aaa"),
            ("ce_aboolean", "true"),
            ("ce_anumber", "10"),
            ("ce_partitionkey", "NIFTY"),
            ("content-type", "application/vnd.example+json"),
            ("traceparent", "00-0-0-0"),
        ],
        b"{}",
    );
    let event = read(&set).expect("it is an event");
    for (name, text) in [("subject", "sub"), ("dataschema", "http://localhost/schema"), ("astring", "aaa"), ("anumber", "10")] {
        assert_eq!(event.extra.get(name), Some(format!("\"{text}\"").as_str()), "{name}");
    }
    assert_eq!(event.extra.get("datacontenttype"), Some("\"application/vnd.example+json\""));
    assert_eq!(event.extra.get("traceparent"), None, "a header of the record is no attribute");
    assert_eq!(event.timestamp, "2018-04-26T12:48:09Z".parse().expect("a time"));
    for mode in [ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured] {
        let again = read(&written(&event, mode).expect("it can be written")).expect("it can be read");
        assert_eq!(again, event, "{mode:?}");
    }
}

/// An event with the attributes that cases of the conformance suite have in common, and more; null takes one out.
fn case(more: Value) -> RecordSet {
    let mut event = json!({"specversion": "1.0", "id": "x", "type": "io.cloudevents.test", "source": "https://cloudevents.io"});
    let (Value::Object(event_fields), Value::Object(more)) = (&mut event, more) else { panic!("objects") };
    event_fields.extend(more);
    record(&[STRUCTURED], &serde_json::to_vec(&event).expect("JSON"))
}

/// After `format/json/valid-events.json` of cloudevents/conformance.
#[test]
fn what_the_conformance_suite_calls_valid_is_read() {
    let nulls = json!({"datacontenttype": null, "dataschema": null, "subject": null, "time": null});
    assert!(read(&case(nulls)).expect("it is valid").extra.get("datacontenttype").is_none());
    for time in
        ["2018-04-05T17:31:00Z", "2018-04-05T17:31:00.000000000Z", "2018-04-05T18:31:00+01:00", "2018-04-05T16:31:00-01:00"]
    {
        let event = read(&case(json!({ "time": time }))).expect("it is valid");
        assert_eq!(event.timestamp.to_string(), "2018-04-05T17:31:00Z", "{time}");
    }
    assert_eq!(read(&case(json!({"source": "#fragment"}))).expect("it is valid").source, "#fragment");
    let text = read(&case(json!({"datacontenttype": "text/plain", "data": "Simple text"}))).expect("it is valid");
    assert_eq!(text.data, "Simple text");
    let kinds = json!({"extinteger": 10, "extboolean": true, "exturiref": "//authority/path", "extbinary": "TWE="});
    let event = read(&case(kinds)).expect("it is valid");
    assert_eq!((event.extra.get("extinteger"), event.extra.get("extboolean")), (Some("10"), Some("true")));
    assert_eq!(read(&written(&event, ContentMode::CloudEventsStructured).expect("it can be written")).expect("again"), event);
}

/// After `format/json/invalid-events.json` of cloudevents/conformance.
#[test]
fn what_the_conformance_suite_calls_invalid_is_refused_where_identity_time_or_data_are_at_stake() {
    let mut cases =
        vec![json!({"data": "text", "data_base64": "eyAieHl6IjogMTIzIH0="}), json!({"id": 25}), json!({"id": {"xyz": "abc"}})];
    for name in ["id", "type", "source", "specversion"] {
        cases.push(json!({ name: "" }));
        cases.push(json!({ name: null }));
    }
    cases.push(json!({"specversion": "0.9"}));
    for time in ["lunchtime", "2018-04-05T18:31Z", "2018-04-05T18:31:00X", "2018-04-05T18:31:00+25:00"] {
        cases.push(json!({ "time": time }));
    }
    cases.extend([json!({"time": "2018-04-05T18:31:00+xx:00"}), json!({"time": "2018-04-05T18:31:00+05"})]);
    for more in cases {
        assert!(head(&case(more.clone())).is_err() && read(&case(more.clone())).is_err(), "{more}");
    }
    // Optional attributes are not looked at: an event is worth more than the form of its subject. It cannot be written again
    // under a name that is none.
    for more in [json!({"subject": ""}), json!({"dataschema": ""}), json!({"MyExtension": "bad"}), json!({"my.extension": 1.5})] {
        read(&case(more.clone())).unwrap_or_else(|error| panic!("{more}: {error}"));
    }
}

#[test]
fn a_structured_event_is_known_without_a_header() {
    let value = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":7}"#;
    let head = head(&record(&[("tenant", "blue")], value)).expect("a head");
    assert_eq!((head.content_mode(), head.key()), (ContentMode::CloudEventsStructured, EventKey::of_cloud_event("/s", "1")));
    // An envelope stays one, whatever its unknown fields are called.
    let mut event = full();
    event.extra.set("specversion", &"1.0").expect("a free name");
    let set = written(&event, ContentMode::Envelope).expect("it can be written");
    assert_eq!(self::head(&set).expect("a head").content_mode(), ContentMode::Envelope);
}

fn events() -> impl Strategy<Value = EventEnvelope<Value>> {
    let id = "[A-Za-z0-9._:-]{1,128}".prop_map(|text| WireId::parse(&text).expect("an id"));
    let text = || "[^\\p{C}]{1,60}";
    let extras = proptest::collection::btree_map("x[a-z0-9]{1,12}", "[^\\p{C}]{0,40}", 0..4);
    let time = (0_i64..4_000_000_000_000).prop_map(Timestamp::from_millis);
    let parts = (id.clone(), id.clone(), proptest::option::of(id), text(), text(), proptest::option::of(text()));
    (parts, time, 0_u32..=i32::MAX as u32, extras, text()).prop_map(|(parts, time, version, extras, data)| {
        let (id, correlation, causation, kind, source, broker) = parts;
        let mut event = EventEnvelope::new(id, kind, time, source, json!({ "text": data })).correlation_id(correlation);
        event.causation_id = causation;
        event.broker = broker;
        event.schema_version = version;
        for (name, value) in extras {
            event.extra.set(&name, &value).expect("a free name");
        }
        event
    })
}

proptest! {
    #[test]
    fn any_event_reads_equal_in_every_mode(event in events()) {
        for mode in MODES {
            let set = written(&event, mode).expect("it can be written");
            prop_assert_eq!(&read(&set).expect("it can be read"), &event);
        }
    }

    #[test]
    fn no_headers_and_no_value_panic(
        headers in proptest::collection::vec(("(ce_(id|source|type|specversion|time|x)|content-type)", any::<Vec<u8>>()), 0..8),
        value in prop_oneof![any::<Vec<u8>>(), "\\{\"specversion\":\"1.0\",.{0,60}".prop_map(String::into_bytes)],
    ) {
        let mut builder = RecordSetBuilder::new(0);
        for (name, value) in &headers {
            builder.header(name, Some(value));
        }
        builder.push(0, 0, None, Some(&value));
        let set = builder.build();
        if let Ok(head) = head(&set) {
            let metadata = Metadata::of(&head, set.view(0));
            prop_assert!(!metadata.id().is_empty() && !metadata.event_type().is_empty());
            let _ = head.decode::<Value>(&value, &Limits::DEFAULT);
        }
        let _ = read(&set);
    }

    #[test]
    fn head_and_full_read_agree_on_a_mangled_event(mode in prop::sample::select(MODES[1..].to_vec()), at in any::<prop::sample::Index>(), byte: u8) {
        let set = written(&full(), mode).expect("it can be written");
        let mut value = set.view(0).value().unwrap_or_default().to_vec();
        let at = at.index(value.len());
        value[at] = byte;
        let mut builder = RecordSetBuilder::new(0);
        for (name, value) in set.view(0).headers() {
            builder.header(name, value);
        }
        builder.push(0, 0, None, Some(&value));
        let set = builder.build();
        let one = head(&set).and_then(|head| head.decode::<Value>(&value, &Limits::DEFAULT).map(|data| (head, data)));
        match (one, read(&set)) {
            (Ok((head, data)), Ok(event)) => {
                prop_assert_eq!(&data, &event.data);
                prop_assert_eq!(&*Metadata::of(&head, set.view(0)).source(), event.source.as_str());
            }
            (Err(_), Err(_)) => {}
            // An id of others that is none of ours: handlers take it, an envelope cannot hold it.
            (Ok(_), Err(EnvelopeError::CloudEvent(CloudEventError::Id(_) | CloudEventError::Twice(_)))) => {}
            (one, full) => prop_assert!(false, "{one:?} but {full:?}"),
        }
    }
}
