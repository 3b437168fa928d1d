//! The scan and the full parse, held against each other.
//!
//! 1. What the full parse accepts the scan accepts, with the same metadata.
//! 2. What the scan accepts and the full parse refuses has its defect in the data or behind them,
//!    and decoding the data refuses it too.

use std::borrow::Cow;
use std::cell::Cell;

use millstream_core::envelope::{EventEnvelope, Head, Limits, scan};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use serde_json::value::RawValue;

const LIMITS: Limits = Limits::DEFAULT;

/// JSON text of a string with some characters written as escapes.
fn quoted(text: &str, escapes: u32) -> String {
    let mut out = String::from("\"");
    for (n, c) in text.chars().enumerate() {
        let plain = serde_json::to_string(&c.to_string()).expect("a character is JSON");
        if escapes >> (n % 32) & 1 == 1 {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out += &format!("\\u{unit:04X}");
            }
        } else {
            out += plain.trim_matches('"').trim_end_matches('\\');
            if plain == r#""\"""# {
                out += "\"";
            } else if plain == r#""\\""# {
                out += "\\\\";
            }
        }
    }
    out + "\""
}

fn escapes() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(0), 1 => any::<u32>(), 1 => Just(1)]
}

fn texts(pattern: &'static str) -> impl Strategy<Value = String> {
    (pattern, escapes()).prop_map(|(text, escapes)| quoted(&text, escapes))
}

fn ids() -> impl Strategy<Value = String> {
    let uuid = any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string());
    let v7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
    let upper = any::<u128>().prop_map(|b| uuid::Uuid::from_u128(b).to_string().to_uppercase());
    let text = prop_oneof![
        16 => uuid,
        16 => v7,
        4 => upper,
        8 => "[A-Za-z0-9._:-]{1,50}",
        4 => "[A-Za-z0-9._:-]{36}",
        1 => "[A-Za-z0-9._:-]{126,130}",
        1 => "[a-z/ é\u{7f}]{0,4}",
    ];
    (text, escapes()).prop_map(|(text, escapes)| quoted(&text, escapes))
}

fn or_null(text: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    prop_oneof![30 => text, 10 => Just("null".to_owned()), 1 => oddities()].boxed()
}

/// Values that fit no field of text.
fn oddities() -> impl Strategy<Value = String> {
    select(vec!["7", "true", "[]", "{}", "null", "\"\"", "-0", "1e3", "\"\\ud800\"", "nul", ""]).prop_map(str::to_owned)
}

fn timestamps() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => select(vec![
            "2026-11-25T09:15:00Z", "2026-11-25T09:15:00.250Z", "2026-11-25T09:15:00.123456789Z",
            "2026-11-25T14:45:00.25+05:30", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z",
            "2016-12-31T23:59:60Z", "2024-02-29T00:00:00-12:00",
        ]),
        1 => select(vec![
            "", "2026-11-25", "2026-11-25T09:15:00", "2026-02-29T00:00:00Z", "2026-11-25t09:15:00z",
            "2026-11-25T24:00:00Z", "2026-11-25T09:15:00.Z", "2026-11-25T09:15:00.1234567890Z",
            "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z",
        ]),
    ]
    .prop_flat_map(|text| escapes().prop_map(move |escapes| quoted(text, escapes)))
}

fn versions() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => any::<u32>().prop_map(|n| n.to_string()),
        1 => select(vec![
            "0", "1", "4294967295", "4294967296", "01", "-1", "-0", "1.0", "1e0", "null", "\"1\"",
            "99999999999999999999999", "",
        ]).prop_map(str::to_owned),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => texts("[a-z \"\\\\{}\\[\\],:é€😀\n]{0,12}"),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        1 => select(vec!["null", "true", "false", "0.1", "1e400", "-0", "12345678901234567890123"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec((texts("[a-z]{0,4}"), inner), 0..4).prop_map(|v| {
                let fields: Vec<_> = v.into_iter().map(|(n, v)| format!("{n}: {v}")).collect();
                format!("{{{}}}", fields.join(" , "))
            }),
        ]
    })
}

fn data() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => json(),
        1 => select(vec!["", "nul", "{\"a\":}", "[1,]", "01", "\"\\x\"", "[}", "{]", "1 2"])
            .prop_map(str::to_owned),
    ]
}

fn field(name: &'static str, value: BoxedStrategy<String>) -> BoxedStrategy<(String, String)> {
    (escapes(), value).prop_map(move |(e, value)| (quoted(name, e), value)).boxed()
}

/// Every field once, mostly in our own order, then perhaps shuffled, one dropped, one twice.
fn wires() -> impl Strategy<Value = Vec<u8>> {
    let known = vec![
        field("id", ids().boxed()),
        prop_oneof![9 => Just("type"), 1 => Just("event_type")]
            .prop_flat_map(|name| field(name, texts("[a-z_é\u{0}-\u{1f}]{1,20}").boxed()))
            .boxed(),
        field("timestamp", timestamps().boxed()),
        field("source", prop_oneof![9 => texts("[a-z-]{1,20}"), 1 => texts("[a\"é]{0,258}")].boxed()),
        field("correlation_id", or_null(ids())),
        field("causation_id", or_null(ids())),
        field("broker", or_null(texts("[a-z]{0,8}"))),
        field("schema_version", versions().boxed()),
        field("data", data().boxed()),
    ];
    let more = (texts("[a-z]{0,6}"), data());
    let spaces = prop::collection::vec(select(vec!["", "", "", " ", "\n\t", "\r"]), 1..6);
    let shape = prop_oneof![6 => Just(0_u8), 1 => 1_u8..32];
    (known, prop::collection::vec(more, 0..3), spaces, shape, any::<[prop::sample::Index; 4]>()).prop_map(
        |(mut fields, more, spaces, shape, at)| {
            for (n, extra) in more.into_iter().enumerate() {
                fields.insert(at[n].index(fields.len() + 1), extra);
            }
            if shape & 1 == 1 {
                let middle = at[2].index(fields.len());
                fields.rotate_left(middle);
            }
            if shape & 2 == 2 {
                let (a, b) = (at[0].index(fields.len()), at[1].index(fields.len()));
                fields.swap(a, b);
            }
            if shape & 4 == 4 {
                fields.remove(at[3].index(fields.len()));
            }
            if shape & 24 == 24 {
                let again = fields[at[0].index(fields.len())].clone();
                fields.insert(at[1].index(fields.len()), again);
            }
            let mut spaces = spaces.into_iter().cycle();
            let mut space = || {
                if shape == 0 { "" } else { spaces.next().unwrap_or("") }
            };
            let mut out = String::from("{");
            for (n, (name, value)) in fields.iter().enumerate() {
                let comma = if n == 0 { "" } else { "," };
                for part in [space(), comma, space(), name, space(), ":", space(), value] {
                    out += part;
                }
            }
            (out + space() + "}" + space()).into_bytes()
        },
    )
}

/// Both promises, for one value. Answers whether each way accepted it.
fn check(value: &[u8]) -> Result<(bool, bool), TestCaseError> {
    let full = EventEnvelope::<Box<RawValue>>::from_json(value);
    let head = scan(value, &LIMITS);
    match (&full, &head) {
        (Ok(full), Ok(head)) => same(full, head, value)?,
        (Ok(_), Err(error)) => prop_assert!(false, "only the scan refuses: {error}"),
        (Err(error), Ok(head)) => {
            let decoded = head.decode::<Box<RawValue>>(value, &LIMITS);
            prop_assert!(decoded.is_err(), "only the full parse refuses: {error}");
            prop_assert!(sound_before_data(value, head), "the defect is before the data: {error}");
        }
        (Err(_), Err(_)) => {}
    }
    Ok((full.is_ok(), head.is_ok()))
}

fn same(full: &EventEnvelope<Box<RawValue>>, head: &Head, value: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(head.key(), full.id.key());
    prop_assert_eq!(&*head.id(value), full.id.to_string());
    prop_assert_eq!(&*head.event_type(value), &full.event_type);
    prop_assert_eq!(head.timestamp(value), Some(full.timestamp));
    prop_assert_eq!(&*head.source(value), &full.source);
    prop_assert_eq!(&*head.correlation_id(value), full.correlation_id.to_string());
    let causation = full.causation_id.as_ref().map(ToString::to_string);
    prop_assert_eq!(head.causation_id(value), causation.map(Cow::Owned));
    prop_assert_eq!(head.broker(value), full.broker.as_deref().map(Cow::Borrowed));
    prop_assert_eq!(head.schema_version(), full.schema_version);
    let data = head.decode::<Box<RawValue>>(value, &LIMITS);
    let data = data.map_err(|error| TestCaseError::fail(format!("decode refuses: {error}")))?;
    prop_assert_eq!(data.get(), full.data.get());
    Ok(())
}

/// What stands before the data parses when the data are put right and the rest is dropped, unless
/// fields are missing there, which stood behind the data.
fn sound_before_data(value: &[u8], head: &Head) -> bool {
    let mut mended = value[..head.data_at()].to_vec();
    mended.extend_from_slice(b"0}");
    match EventEnvelope::<u8>::from_json(&mended) {
        Ok(_) => true,
        Err(error) => error.to_string().contains("missing field"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn scan_and_full_parse_agree_on_any_envelope(value in wires()) {
        check(&value)?;
    }

    #[test]
    fn scan_and_full_parse_agree_on_a_damaged_envelope(
        mut value in wires(),
        at: prop::sample::Index,
        byte in prop_oneof![any::<u8>(), select(b"\"\\{}[],:0 \n\x1f\xff".to_vec())],
        how in 0..3_u8,
    ) {
        let at = at.index(value.len());
        match how {
            0 => value[at] = byte,
            1 => value.insert(at, byte),
            _ => { value.remove(at); }
        }
        check(&value)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn scan_and_full_parse_agree_wherever_an_envelope_is_cut(value in wires()) {
        for end in 0..value.len() {
            check(&value[..end])?;
        }
    }
}

#[test]
fn every_byte_of_our_own_envelope_may_be_damaged() {
    let value = br#"{"id":"019388a0-1b2c-7def-8123-456789abcdef","type":"a","timestamp":"2026-11-25T09:15:00.250Z","source":"s","correlation_id":"x","causation_id":null,"broker":"paper","schema_version":1,"data":{"a":[1,"2"]}}"#;
    let mut damaged = value.to_vec();
    for at in 0..value.len() {
        for byte in 0..=u8::MAX {
            damaged[at] = byte;
            check(&damaged).unwrap_or_else(|error| panic!("byte {byte:#x} at {at}: {error}: {}", damaged.escape_ascii()));
        }
        damaged[at] = value[at];
    }
}

#[test]
fn the_generated_envelopes_are_of_every_kind() {
    let (both, scan_only, neither) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..2_000 {
        let value = wires().new_tree(&mut runner).expect("envelopes are never filtered").current();
        let count = match check(&value).expect("the other tests hold") {
            (true, true) => &both,
            (false, true) => &scan_only,
            (false, false) => &neither,
            (true, false) => unreachable!("checked"),
        };
        count.set(count.get() + 1);
    }
    let counts = (both.get(), scan_only.get(), neither.get());
    assert!(counts.0 > 300 && counts.1 > 50 && counts.2 > 300, "{counts:?}");
}
