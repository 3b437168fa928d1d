//! Poison: records that no handler can decode, and that must end as dead letters.
//!
//! Owns what they look like, where they go and when. Leaves publishing them to the feed, and noticing them to
//! the framework: decoding fails inside the pipeline, once, and the bytes are kept.

use crate::feed::{INSTRUMENTS, instrument};
use crate::ids::{mix, roll, uuid_text};
use crate::topics::{FILLED, RAW, TICKS, VALIDATED, Venue};

/// Nesting of the deep record: far above what the framework reads (64), small enough for any transport.
const DEPTH: usize = 400;

/// One poison record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poison {
    /// The tick of the first lap after which it is published.
    pub(crate) after: u64,
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Shape {
    BrokenJson,
    WrongType,
    TooDeep,
    Array,
    NotText,
    MissingField,
}

/// The poison of a run: `count` records spread over the first lap of `ticks` ticks, in time order.
pub(crate) fn poison(seed: u64, count: u64, ticks: u64, venues: &[Venue]) -> Vec<Poison> {
    let (first, last) = (venues.first().copied(), venues.last().copied());
    let own = |venue: Option<Venue>, sibling| venue.map_or_else(|| TICKS.as_str().to_owned(), |venue| venue.topic(sibling));
    let ticks_topic = || TICKS.as_str().to_owned();
    let places = [
        (ticks_topic(), Shape::BrokenJson),
        (ticks_topic(), Shape::WrongType),
        (own(first, RAW), Shape::BrokenJson),
        (ticks_topic(), Shape::TooDeep),
        (own(last, VALIDATED), Shape::WrongType),
        (ticks_topic(), Shape::Array),
        (own(first, FILLED), Shape::TooDeep),
        (ticks_topic(), Shape::NotText),
        (own(last, RAW), Shape::MissingField),
        (ticks_topic(), Shape::MissingField),
    ];
    (0..count)
        .map(|number| {
            let (topic, shape) = &places[usize::try_from(number).unwrap_or(0) % places.len()];
            let key = instrument(roll(seed, "poison-key", &number.to_string()) % INSTRUMENTS);
            let value = shape.value(seed, number);
            Poison { after: number.saturating_add(1) * ticks / (count + 1), topic: topic.clone(), key, value }
        })
        .collect()
}

impl Shape {
    fn value(self, seed: u64, number: u64) -> Vec<u8> {
        let id = uuid_text(
            (0x016f_0000_0000_u128 << 80)
                | (0x7 << 76)
                | (0b10 << 62)
                | u128::from(mix(roll(seed, "poison", &number.to_string())) >> 2),
        );
        let head = format!(
            r#""id":"{id}","type":"poison","timestamp":"2020-01-01T17:00:00Z","source":"market-feed","correlation_id":"{id}","causation_id":null,"broker":"market","schema_version":1"#
        );
        match self {
            Self::BrokenJson => format!(r#"{{{head},"data":{{"instrument":"EURUSD"#).into_bytes(),
            Self::WrongType => {
                format!(r#"{{{head},"data":{{"instrument":7,"sequence":"first","bid":[],"poison":{number}}}}}"#).into_bytes()
            }
            Self::MissingField => format!(r#"{{{head},"data":{{"poison":{number}}}}}"#).into_bytes(),
            Self::Array => format!(r#"["{id}","an array is not an envelope"]"#).into_bytes(),
            Self::NotText => [format!(r#"{{{head},"data":""#).as_bytes(), &[0xff, 0xfe, 0x00], b"\"}"].concat(),
            Self::TooDeep => {
                let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
                format!(r#"{{{head},"data":{{"instrument":"EURUSD.0","deep":{open}{close}}}}}"#).into_bytes()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::faults::Rates;

    #[test]
    fn the_default_plants_at_least_five_distinct_records_on_several_topics() {
        for seed in 0..=20 {
            let all = poison(seed, Rates::default().poison, 9500, &Venue::ALL);
            assert!(all.len() >= 5);
            assert_eq!(all.iter().map(|one| &one.value).collect::<BTreeSet<_>>().len(), all.len());
            assert!(all.iter().map(|one| &one.topic).collect::<BTreeSet<_>>().len() >= 4);
            assert!(all.windows(2).all(|pair| pair[0].after <= pair[1].after));
            assert!(all.iter().all(|one| one.after < 9500));
        }
    }

    #[test]
    fn no_poison_can_be_decoded_as_an_event() {
        #[derive(serde::Deserialize)]
        struct Envelope {
            #[allow(dead_code)]
            data: crate::events::Tick,
        }
        for one in poison(7, 20, 9500, &Venue::ALL) {
            assert!(serde_json::from_slice::<Envelope>(&one.value).is_err(), "{}", String::from_utf8_lossy(&one.value));
        }
    }
}
