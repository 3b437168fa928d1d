//! Owns what scenarios are fed: ids and records, the same for every run. Leaves what is done with them to the scenarios.

use millstream_core::contract::{RecordSet, RecordSetBuilder};
use std::sync::Arc;

/// Records in a batch, in every scenario.
pub(crate) const BATCH: u32 = 256;

/// Ids the deduplicators of the scenarios remember: two generations of ⅞ × 2¹⁶, full long before a measurement ends.
pub(crate) const IDS: usize = 114_688;

/// The name of the header that carries the id, as 16 bytes.
pub(crate) const ID: &str = "id";

/// The `n`th id: a UUIDv7 of millisecond `n / 100`, its other bits mixed from `n`.
pub(crate) fn id(n: u32) -> u128 {
    let millis = 1_700_000_000_000 + u128::from(n / 100);
    (millis << 80) | 0x7000_8000_0000_0000_0000 | (u128::from(mix(n)) & 0x3FFF_FFFF_FFFF_FFFF)
}

/// `records` records of a 16-byte key, a 300-byte JSON envelope and their id in a header, as sets of [`BATCH`].
pub(crate) fn records(records: u32) -> Vec<Arc<RecordSet>> {
    let starts = (0..records).step_by(BATCH as usize);
    starts.map(|first| Arc::new(set(first, (first + BATCH).min(records)))).collect()
}

fn set(first: u32, end: u32) -> RecordSet {
    let (count, each) = ((end - first) as usize, 340);
    let mut set = RecordSetBuilder::with_capacity(u64::from(first), count, count * each);
    for n in first..end {
        set.header(ID, Some(&id(n).to_be_bytes()));
        let key = format!("instrument-{:05}", mix(n) % 1_000);
        set.push(u64::from(n), i64::from(n / 100), Some(key.as_bytes()), Some(envelope(id(n)).as_bytes()));
    }
    set.build()
}

/// A tick in the seed's envelope, metadata first.
fn envelope(id: u128) -> String {
    let text = uuid(id);
    format!(
        concat!(
            r#"{{"id":"{}","type":"market_tick","timestamp":"2025-01-02T10:00:00.000Z","source":"market_feed","#,
            r#""correlation_id":"{}","causation_id":null,"broker":"paper","schema_version":1,"#,
            r#""data":{{"symbol":"EURUSD","bid":"1.03121","ask":"1.031245"}}}}"#
        ),
        text, text
    )
}

fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// SplitMix64's finaliser: `n` in, 64 bits without a pattern out.
fn mix(n: u32) -> u64 {
    let mut x = (u64::from(n) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_repeat_and_an_envelope_is_json_of_300_bytes() {
        let mut ids: Vec<u128> = (0..100_000).map(id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 100_000);
        let text = envelope(id(7));
        assert!((300..301).contains(&text.len()), "{} bytes", text.len());
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("an envelope is JSON");
        assert_eq!(parsed["id"], uuid(id(7)));
    }

    #[test]
    fn sets_hold_every_record_once_and_in_order() {
        let sets = records(1_000);
        let offsets: Vec<u64> =
            sets.iter().flat_map(|set| set.iter().map(|record| record.offset()).collect::<Vec<_>>()).collect();
        assert_eq!(offsets, (0..1_000).collect::<Vec<u64>>());
    }
}
