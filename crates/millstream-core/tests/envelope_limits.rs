//! Every limit one below, at, and one above; and what the scan says about each mistake.

use millstream_core::envelope::{EventEnvelope, EventKey, Limits, ScanFault, WireId, scan, scan_or_else};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

const LIMITS: Limits = Limits::DEFAULT;

fn envelope(id: &str, data: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"{id}","type":"t","timestamp":"2026-11-25T09:15:00Z","source":"s","correlation_id":null,"causation_id":null,"broker":null,"schema_version":1,"data":{data}}}"#
    )
    .into_bytes()
}

fn both(value: &[u8]) -> (bool, bool) {
    let full = EventEnvelope::<IgnoredAny>::from_json(value).is_ok();
    let split = scan(value, &LIMITS).is_ok_and(|head| head.decode::<IgnoredAny>(value, &LIMITS).is_ok());
    (full, split)
}

fn fault(value: &str) -> ScanFault {
    let error = scan(value.as_bytes(), &LIMITS).expect_err("this is no good envelope").fault();
    assert!(EventEnvelope::<IgnoredAny>::from_json(value.as_bytes()).is_err());
    error
}

#[test]
fn a_value_has_at_most_a_mebibyte() {
    let empty = envelope("x", r#""""#).len();
    for (len, good) in [((1 << 20) - 1, true), (1 << 20, true), ((1 << 20) + 1, false)] {
        let value = envelope("x", &format!("{:?}", "a".repeat(len - empty)));
        assert_eq!(value.len(), len);
        assert_eq!(both(&value), (good, good), "{len} bytes");
    }
}

#[test]
fn a_value_is_at_most_64_deep() {
    for (depth, good) in [(63, true), (64, true), (65, false), (100_000, false)] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let inner = depth - 1; // the envelope is one
            let data = format!("{}1{}", open.repeat(inner), close.repeat(inner));
            assert_eq!(both(&envelope("x", &data)), (good, good), "{depth} of {open}");
        }
    }
}

#[test]
fn depth_counts_in_unknown_fields_too() {
    for (depth, good) in [(63, true), (64, true), (65, false)] {
        let deep = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let value = envelope("x", "1");
        let rest = std::str::from_utf8(&value[1..]).expect("the envelope is text");
        for value in
            [format!(r#"{{"deep":{deep},{rest}"#), format!(r#"{},"deep":{deep}}}"#, format!("{{{rest}").trim_end_matches('}'))]
        {
            assert_eq!(both(value.as_bytes()), (good, good), "depth {depth}: {value}");
            let at_once = scan(value.as_bytes(), &LIMITS).is_ok();
            let behind = value.ends_with("]}");
            assert!(behind || at_once == good, "depth {depth}, before the data");
        }
    }
}

#[test]
fn brackets_in_strings_are_not_depth() {
    let data = format!("[{:?},\"\\\"{}\"]", "[{".repeat(100), "[".repeat(100));
    assert_eq!(both(&envelope("x", &data)), (true, true));
    let many = format!("[{}1]", "[],".repeat(1_000));
    assert_eq!(both(&envelope("x", &many)), (true, true));
}

#[test]
fn an_id_has_1_to_128_bytes_wherever_it_stands() {
    for (len, good) in [(0, false), (1, true), (127, true), (128, true), (129, false)] {
        let id = "x".repeat(len);
        assert_eq!(WireId::parse(&id).is_ok(), good, "{len} bytes");
        assert_eq!(both(&envelope(&id, "1")), (good, good), "{len} bytes");
        let caused = String::from_utf8(envelope("a", "1")).expect("the envelope is text");
        for field in ["correlation_id", "causation_id"] {
            let value = caused.replace(&format!("\"{field}\":null"), &format!("\"{field}\":\"{id}\""));
            assert_eq!(both(value.as_bytes()), (good, good), "{field} of {len} bytes");
        }
    }
}

#[test]
fn a_text_has_at_most_255_bytes_however_it_is_spelled() {
    for (len, good) in [(1, true), (254, true), (255, true), (256, false)] {
        for letter in ["x", "\\u0078", "\\n"] {
            let value = String::from_utf8(envelope("a", "1")).expect("the envelope is text");
            let text = letter.repeat(len);
            for (field, old) in [("type", "\"t\""), ("source", "\"s\""), ("broker", "null")] {
                let old = format!("\"{field}\":{old}");
                let value = value.replace(&old, &format!("\"{field}\":\"{text}\""));
                assert_eq!(both(value.as_bytes()), (good, good), "{field}: {len} of {letter}");
                if good {
                    let head = scan(value.as_bytes(), &LIMITS).expect("it is good");
                    let texts = [head.event_type(value.as_bytes()), head.source(value.as_bytes())];
                    let broker = head.broker(value.as_bytes()).unwrap_or_default();
                    assert!(texts.iter().chain([&broker]).any(|text| text.len() == len));
                }
            }
        }
    }
}

#[test]
fn a_value_begins_with_a_brace() {
    let good = String::from_utf8(envelope("x", "1")).expect("the envelope is text");
    for bad in ["", " ", "1", "null", "\"x\"", &format!(" {good}"), &format!("\u{feff}{good}")] {
        assert_eq!(fault(bad), ScanFault::NotAnObject, "{bad}");
    }
}

#[test]
fn an_array_is_no_envelope() {
    let array = r#"["x","t","2026-11-25T09:15:00Z","s",null,null,null,1,{}]"#;
    assert_eq!(fault(array), ScanFault::NotAnObject);
    assert!(serde_json::from_str::<EventEnvelope<Value>>(array).is_err());
}

#[test]
fn what_follows_an_envelope_is_refused() {
    let mut value = envelope("x", "1");
    value.extend_from_slice(b" \r\n\t");
    assert_eq!(both(&value), (true, true));
    value.push(b'{');
    assert_eq!(both(&value), (false, false));
}

#[test]
fn control_characters_are_refused_raw_and_kept_escaped() {
    for control in 0..0x20_u8 {
        let raw = envelope("x", &format!("\"{}\"", control as char));
        assert_eq!(both(&raw), (false, false), "control character {control}");
        let metadata = String::from_utf8(envelope("x", "1")).expect("the envelope is text");
        let raw = metadata.replace("\"t\"", &format!("\"t{}\"", control as char));
        assert_eq!(fault(&raw), ScanFault::Syntax);
        let escaped = metadata.replace("\"t\"", &format!("\"t\\u{control:04x}\""));
        let head = scan(escaped.as_bytes(), &LIMITS).expect("an escape is legal");
        assert_eq!(head.event_type(escaped.as_bytes()), format!("t{}", control as char));
    }
}

#[test]
fn each_mistake_has_its_own_fault() {
    let good = String::from_utf8(envelope("x", "1")).expect("the envelope is text");
    let swap = |from: &str, to: &str| fault(&good.replace(from, to));
    assert_eq!(swap(r#""id":"x","#, ""), ScanFault::Missing("id"));
    assert_eq!(swap(r#""type":"t","#, ""), ScanFault::Missing("type"));
    assert_eq!(swap(r#""timestamp":"2026-11-25T09:15:00Z","#, ""), ScanFault::Missing("timestamp"));
    assert_eq!(swap(r#""source":"s","#, ""), ScanFault::Missing("source"));
    assert_eq!(swap(r#","data":1"#, ""), ScanFault::Missing("data"));
    assert_eq!(swap(r#""type":"t""#, r#""type":"t","type":"t""#), ScanFault::Twice("type"));
    assert_eq!(swap(r#""type":"t""#, r#""type":"t","event_type":"t""#), ScanFault::Twice("type"));
    assert_eq!(swap(r#""id":"x""#, r#""id":7"#), ScanFault::Type("id"));
    assert_eq!(swap(r#""id":"x""#, r#""id":null"#), ScanFault::Type("id"));
    assert_eq!(swap(r#""id":"x""#, r#""id":"x y""#), ScanFault::Id("id"));
    assert_eq!(swap(r#""type":"t""#, r#""type":"""#), ScanFault::Text("type"));
    assert_eq!(swap("2026-11-25T", "2026-11-25 "), ScanFault::Timestamp);
    assert_eq!(swap(r#""schema_version":1"#, r#""schema_version":"1""#), ScanFault::Type("schema_version"));
    assert_eq!(swap(r#","data":1}"#, ""), ScanFault::Truncated);
    assert_eq!(swap(r#","source""#, r#",,"source""#), ScanFault::Syntax);
}

#[test]
fn an_envelope_without_id_is_known_by_what_the_caller_says() {
    let good = String::from_utf8(envelope("x", "1")).expect("the envelope is text");
    let value = good.replace(r#""id":"x","#, "").into_bytes();
    let place = EventKey::of_position(1, 2, 3);
    let head = scan_or_else(&value, &LIMITS, || place).expect("only the id is missing");
    assert!(!head.has_id());
    assert_eq!(head.key(), place);
    assert_eq!(head.id(&value), place.as_event_id().to_string());
    assert_eq!(head.decode::<u8>(&value, &LIMITS).expect("the data are good"), 1);

    let head = scan_or_else(good.as_bytes(), &LIMITS, || unreachable!("it has an id"));
    assert_eq!(head.expect("it is good").key(), EventKey::of_text("x"));
}

#[test]
fn a_scan_stops_at_the_data_when_the_metadata_stand_before_them() {
    let value = envelope("x", "1");
    let cut = &value[..value.len() - 2];
    assert!(scan(cut, &LIMITS).is_ok(), "the data are not looked at");
    let early = br#"{"data":[}"#;
    assert!(scan(early, &LIMITS).is_err(), "the rest must follow");
}

#[test]
fn a_head_asked_about_other_bytes_never_panics() {
    let value = envelope("0193-é", "1");
    assert!(scan(&value, &LIMITS).is_err());
    let value = envelope("x\\u0041", "1");
    let head = scan(&value, &LIMITS).expect("an escaped letter is legal");
    assert_eq!(head.id(&value), "xA");
    for other in [&b""[..], b"{", &[0xff; 300], &[b'\\'; 300], &[b'"'; 300]] {
        let _ = (head.id(other), head.event_type(other), head.timestamp(other));
        let _ = (head.correlation_id(other), head.causation_id(other), head.broker(other));
        assert!(head.decode::<Box<RawValue>>(other, &LIMITS).is_err());
    }
}
