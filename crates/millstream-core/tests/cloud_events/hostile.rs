//! CloudEvents that are broken or mean harm: each is refused with its reason, and none panics.

use super::*;

#[test]
fn what_is_missing_is_named_in_both_modes() {
    let all = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    for (missing, _) in all {
        let rest: Vec<_> = all.iter().filter(|(name, _)| *name != missing).collect();
        let headers: Vec<(String, &str)> = rest.iter().map(|(name, text)| (format!("ce_{name}"), *text)).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let binary = head(&record(&headers, b"{}")).expect_err("something is missing").to_string();
        let object: serde_json::Map<String, Value> = rest.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        let value = serde_json::to_vec(&object).expect("JSON");
        let structured = head(&record(&[STRUCTURED], &value)).expect_err("something is missing").to_string();
        let words = format!("the CloudEvent has no `{missing}`");
        assert_eq!((binary, structured), (words.clone(), words));
    }
}

#[test]
fn hostile_headers_are_poison() {
    let good = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let with = |more: &[(&str, &[u8])]| {
        let mut builder = RecordSetBuilder::new(0);
        for (name, value) in good.iter().map(|(name, value)| (*name, value.as_bytes())).chain(more.iter().copied()) {
            builder.header(name, Some(value));
        }
        builder.push(0, 0, None, Some(b"{}"));
        head(&builder.build()).map_err(|error| error.to_string())
    };
    with(&[]).expect("it is an event");
    let long = vec![b'x'; 1_025];
    let cases: [(&str, &[u8], &str); 7] = [
        ("ce_id", b"2", "`id` stands twice"),
        ("ce_time", b"yesterday", "`time` is `yesterday`"),
        ("ce_time", b"2018-04-05T03:56:24", "not RFC 3339"),
        ("ce_broker", &[0xff, 0xfe], "`broker` is not text"),
        ("ce_correlationid", b"a\x00b", "`correlationid` is not text"),
        ("ce_causationid", &long, "`causationid` is not text of at most 1024"),
        ("content-type", b"application/cloudevents+avro", "`application/cloudevents+avro` is not read"),
    ];
    for (name, value, words) in cases {
        let error = with(&[(name, value)]).expect_err(name);
        assert!(error.contains(words), "{name}: {error}");
    }
    let old = record(&[("ce_specversion", "0.3"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")], b"{}");
    assert!(matches!(head(&old), Err(EnvelopeError::CloudEvent(CloudEventError::SpecVersion(version))) if &*version == "0.3"));
}

#[test]
fn data_of_another_type_than_json_decode_into_nothing_but_the_event_is_known() {
    let headers =
        [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t"), ("content-type", "application/avro")];
    let set = record(&headers, b"\x00\x01");
    let head = head(&set).expect("a head");
    let error = head.decode::<Value>(b"\x00\x01", &Limits::DEFAULT).expect_err("it is not JSON");
    assert!(matches!(error, EnvelopeError::CloudEvent(CloudEventError::NotJson)));
}

#[test]
fn binary_data_are_one_json_value_and_an_empty_value_is_null() {
    let headers = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let data = |value: &[u8]| {
        let set = record(&headers, value);
        head(&set).expect("a head").decode::<Value>(value, &Limits::DEFAULT).map_err(|error| error.to_string())
    };
    assert_eq!(data(b""), Ok(Value::Null));
    assert_eq!(data(b" [7] \n"), Ok(json!([7])));
    assert_eq!(data(b"\"text\""), Ok(json!("text")));
    for bad in [b"{} x".as_slice(), b"{}{}", b"{", b"nul", b" "] {
        assert!(data(bad).is_err(), "{}", bad.escape_ascii());
    }
    let structured = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"e30geA=="}"#;
    let set = record(&[STRUCTURED], structured.as_bytes());
    assert!(head(&set).expect("a head").decode::<Value>(structured.as_bytes(), &Limits::DEFAULT).is_err(), "the same in Base64");
}

#[test]
fn deep_data_are_refused_before_they_are_parsed_in_every_mode() {
    let deep = "[".repeat(100_000);
    let headers = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let set = record(&headers, deep.as_bytes());
    let head = head(&set).expect("a head");
    assert!(matches!(head.decode::<Value>(deep.as_bytes(), &Limits::DEFAULT), Err(EnvelopeError::Scan(_))));
    let value = format!("{{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{deep}");
    assert!(matches!(self::head(&record(&[STRUCTURED], value.as_bytes())), Err(EnvelopeError::Scan(_))));
}

#[test]
fn a_field_that_cannot_be_an_attribute_is_refused_and_not_dropped() {
    for (name, value) in [("trace_id", json!("x")), ("Upper", json!("x")), ("nested", json!({"a": 1})), ("time", json!("x"))] {
        let mut event = full();
        event.extra.set(name, &value).expect("a free name");
        for mode in [ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured] {
            let error = written(&event, mode).expect_err(name);
            assert!(matches!(error, EnvelopeError::CloudEvent(CloudEventError::Attribute(own)) if &*own == name), "{mode:?}");
        }
    }
    // And the other way round: an extension that the envelope has another use for.
    let value = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","timestamp":"mine","data":7}"#;
    let event = read(&record(&[STRUCTURED], value)).expect("it is an event");
    assert!(matches!(written(&event, ContentMode::Envelope), Err(EnvelopeError::Reserved(name)) if &*name == "timestamp"));
}
