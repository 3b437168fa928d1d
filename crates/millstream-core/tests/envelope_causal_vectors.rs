//! Frozen ids of outputs. A change here changes the ids of every running pipeline: events that
//! were handled before would be handled again.
//!
//! The byte layout is described in `millstream_core::envelope::causal`.

use millstream_core::envelope::{CausalScope, Cause, EventId, EventKey, Place, Slot, Timestamp};
use proptest::prelude::*;

const UUID_V7: &str = "019388a0-1b2c-7def-8123-456789abcdef";

struct Vector {
    run: u32,
    group: &'static str,
    handler: &'static str,
    cause: &'static str,
    timestamp: Option<i64>,
    slot: Slot<'static>,
    id: &'static str,
}

const PLACE: Place<'static> = Place { topic: "paper.orders.filled", event_type: "order_filled", key: b"NIFTY", nth: 0 };

const BASE: Vector = Vector {
    run: 0,
    group: "alpha-panda.trading-engine.signals",
    handler: "on_signal",
    cause: UUID_V7,
    timestamp: None,
    slot: Slot::Emit(PLACE),
    id: "",
};

/// Longer than what is hashed in one piece.
const LONG_KEY: [u8; 4_096] = [b'k'; 4_096];

fn vectors() -> Vec<Vector> {
    vec![
        Vector { id: "019388a0-1b2c-7083-808f-be93defa4cab", ..BASE },
        Vector { run: 1, id: "019388a0-1b2c-7359-9e91-e1cd80cf08ac", ..BASE },
        Vector { group: "alpha-panda.portfolio.signals", id: "019388a0-1b2c-7994-88c9-813074706155", ..BASE },
        Vector { handler: "on_tick", id: "019388a0-1b2c-79d3-b2ae-3346b598adf1", ..BASE },
        Vector { cause: "019388a0-1b2c-7def-8123-456789abcdee", id: "019388a0-1b2c-798e-86c1-365262708bcd", ..BASE },
        Vector { cause: "order-17", id: "00000000-0000-7352-89c4-b28769a58bce", ..BASE },
        Vector { cause: "order-17", timestamp: Some(1_764_062_100_250), id: "019aba4b-7b1a-7352-89c4-b28769a58bce", ..BASE },
        Vector { cause: "order-17", timestamp: Some(-1), id: "00000000-0000-7352-89c4-b28769a58bce", ..BASE },
        Vector {
            cause: "c9bf9e57-1685-4c89-bafb-ff5af830be8a",
            timestamp: Some(1_764_062_100_250),
            id: "019aba4b-7b1a-79d9-ad11-cc4121a9c950",
            ..BASE
        },
        Vector { timestamp: Some(1_764_062_100_250), id: "019388a0-1b2c-7083-808f-be93defa4cab", ..BASE },
        Vector { slot: Slot::Publish(PLACE), id: "019388a0-1b2c-77c0-b852-88c36dc2471d", ..BASE },
        Vector {
            slot: Slot::Emit(Place { topic: "zerodha.orders.filled", ..PLACE }),
            id: "019388a0-1b2c-74a2-acdb-bdfcf56bf9bf",
            ..BASE
        },
        Vector {
            slot: Slot::Emit(Place { event_type: "order_ack", ..PLACE }),
            id: "019388a0-1b2c-7573-b294-d2bdbadb005c",
            ..BASE
        },
        Vector { slot: Slot::Emit(Place { key: b"", ..PLACE }), id: "019388a0-1b2c-7a79-9ac9-e5297bd3be21", ..BASE },
        Vector { slot: Slot::Emit(Place { key: &LONG_KEY, ..PLACE }), id: "019388a0-1b2c-7bb5-a3f8-81141a140490", ..BASE },
        Vector { slot: Slot::Emit(Place { nth: 1, ..PLACE }), id: "019388a0-1b2c-7732-81b4-5fd8b07a9244", ..BASE },
        Vector {
            slot: Slot::Named { topic: "paper.orders.filled", name: "leg-1" },
            id: "019388a0-1b2c-739d-890e-bad6ca0e7076",
            ..BASE
        },
        Vector {
            slot: Slot::Named { topic: "paper.orders.filled", name: "leg-2" },
            id: "019388a0-1b2c-7f5b-a538-d432da1e4fc7",
            ..BASE
        },
    ]
}

impl Vector {
    fn derived(&self) -> EventId {
        let cause = Cause::new(EventKey::of_text(self.cause), self.timestamp.map(Timestamp::from_millis));
        CausalScope::new(self.run, self.group, self.handler).output(cause, &self.slot)
    }
}

#[test]
fn frozen_ids_never_change() {
    let derived: Vec<_> = vectors().iter().map(|vector| vector.derived().to_string()).collect();
    let frozen: Vec<_> = vectors().iter().map(|vector| vector.id.to_owned()).collect();
    assert_eq!(derived, frozen);
}

#[test]
fn frozen_keys_never_change() {
    let keys = [
        EventKey::of_text("order-17"),
        EventKey::of_text("CE:9f3b.1_2-3"),
        EventKey::of_position(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, 3, 42),
    ]
    .map(|key| key.as_event_id().to_string());
    assert_eq!(
        keys,
        ["2e75e6f9-5189-86ca-a71e-642269e49478", "c16e3f2e-c780-8097-9508-9070d48181e8", "82bedd97-f08f-85ba-b030-4658f8acd753"]
    );
    let derived =
        [EventId::derive("daily-close", &[b"paper", b"2026-11-25"]), EventId::derive("timer", &[])].map(|id| id.to_string());
    assert_eq!(derived, ["00000000-0000-7420-8cc7-b0a79229c732", "00000000-0000-700a-b65d-c1ef7563fbcb"]);
}

#[test]
fn a_change_of_any_part_changes_the_id() {
    let mut ids: Vec<_> = vectors().iter().map(|vector| vector.derived().to_string()).collect();
    // The base and the one that only adds a timestamp to a version 7 id are one; so are the text
    // id without a time and the one before 1970.
    assert_eq!((&ids[0], &ids[5]), (&ids[9], &ids[7]));
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all - 2);
    // And where only the time differs, only the time differs.
    let vectors = vectors();
    assert_eq!(vectors[5].derived().to_string()[14..], vectors[6].derived().to_string()[14..]);
}

#[test]
fn the_layout_is_as_documented() {
    fn part(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
    }
    fn hash(parts: &[&[u8]]) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&parts.concat())
    }
    for vector in vectors() {
        let scope = hash(&[
            &part(b"millstream-causal-1"),
            &part(&vector.run.to_le_bytes()),
            &part(vector.group.as_bytes()),
            &part(vector.handler.as_bytes()),
        ]);
        let placed = |verb: u8, place: &Place<'_>| {
            [
                vec![verb],
                part(place.topic.as_bytes()),
                part(place.event_type.as_bytes()),
                part(place.key),
                place.nth.to_le_bytes().to_vec(),
            ]
            .concat()
        };
        let slot = match &vector.slot {
            Slot::Emit(place) => placed(1, place),
            Slot::Publish(place) => placed(2, place),
            Slot::Named { topic, name } => [vec![3], part(topic.as_bytes()), part(name.as_bytes())].concat(),
            _ => unreachable!("there are three"),
        };
        let key = EventKey::of_text(vector.cause).as_u128();
        let hash = hash(&[&scope.to_be_bytes(), &key.to_be_bytes(), &slot]);
        let id = vector.derived();
        assert_eq!((id.version(), id.as_u128() >> 62 & 3), (7, 2));
        assert_eq!(id.as_u128() & ((1 << 62) - 1), hash & ((1 << 62) - 1));
        assert_eq!(id.as_u128() >> 64 & 0xfff, hash >> 62 & 0xfff);
    }
}

fn slots() -> impl Strategy<Value = (u8, String, String, Vec<u8>, u64)> {
    (0..3_u8, "[ab.]{0,3}", "[ab.]{0,3}", prop::collection::vec(b'a'..=b'b', 0..3), 0..2_u64)
}

fn output((verb, topic, event_type, key, nth): &(u8, String, String, Vec<u8>, u64)) -> EventId {
    let place = Place { topic, event_type, key, nth: *nth };
    let slot = match verb {
        0 => Slot::Emit(place),
        1 => Slot::Publish(place),
        _ => Slot::Named { topic, name: event_type },
    };
    CausalScope::new(0, "g", "h").output(Cause::new(EventKey::from_u128(7), None), &slot)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn slots_share_an_id_only_when_they_are_equal(a in slots(), b in slots()) {
        let named = |slot: &(u8, String, String, Vec<u8>, u64)| match slot {
            (2, topic, name, ..) => (2, topic.clone(), name.clone(), vec![], 0),
            other => other.clone(),
        };
        prop_assert_eq!(output(&a) == output(&b), named(&a) == named(&b));
    }

    #[test]
    fn where_a_part_ends_matters(a in "[ab]{0,3}", b in "[ab]{0,3}", c in "[ab]{0,3}", d in "[ab]{0,3}") {
        let scope = |group: &str, handler: &str| {
            CausalScope::new(0, group, handler)
        };
        let equal = (&a, &b) == (&c, &d);
        prop_assert_eq!(scope(&a, &b) == scope(&c, &d), equal);
        let derive = |a: &str, b: &str| EventId::derive("n", &[a.as_bytes(), b.as_bytes()]);
        prop_assert_eq!(derive(&a, &b) == derive(&c, &d), equal);
    }

    #[test]
    fn a_long_key_is_hashed_like_a_short_one(len in 0_usize..600) {
        let key = vec![b'k'; len];
        let of = |key: &[u8]| output(&(0, "t".into(), "e".into(), key.to_vec(), 0));
        let hash = {
            let part = |x: &[u8]| [&(x.len() as u32).to_le_bytes()[..], x].concat();
            let scope = [part(b"millstream-causal-1"), part(&[0; 4]), part(b"g"), part(b"h")].concat();
            let scope = xxhash_rust::xxh3::xxh3_128(&scope).to_be_bytes();
            let slot = [vec![1], part(b"t"), part(b"e"), part(&key), vec![0; 8]].concat();
            xxhash_rust::xxh3::xxh3_128(&[&scope[..], &7_u128.to_be_bytes(), &slot].concat())
        };
        prop_assert_eq!(of(&key).as_u128() & ((1 << 62) - 1), hash & ((1 << 62) - 1));
    }
}

#[test]
fn the_joint_of_two_parts_is_not_forgotten() {
    assert_ne!(EventId::derive("n", &[b"ab", b"c"]), EventId::derive("n", &[b"a", b"bc"]));
    assert_ne!(EventId::derive("n", &[b"ab"]), EventId::derive("na", &[b"b"]));
    assert_ne!(EventId::derive("n", &[b""]), EventId::derive("n", &[]));
    assert_ne!(CausalScope::new(0, "g", "hx"), CausalScope::new(0, "gh", "x"));
}
