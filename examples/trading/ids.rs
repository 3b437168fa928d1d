//! Hashes and ids: every number of this example that must look random and never is.
//!
//! Owns the one hash (a fold of `splitmix64`), the 16-byte fingerprints of the audit and the ids of ticks.
//! Leaves the ids of all other events to the framework, which derives them from their causes.

/// One step of splitmix64: a bijection that spreads neighbouring numbers over the whole range.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The roll of `(seed, kind, name)`: a function of its arguments alone, so that no decision depends on
/// which thread asked first.
pub(crate) fn roll(seed: u64, kind: &str, name: &str) -> u64 {
    let start = mix(seed) ^ fold(0x6b69_6e64, kind.as_bytes());
    fold(mix(start), name.as_bytes())
}

/// A 16-byte fingerprint of bytes, for comparing records of this run; not a defence against forgery.
pub(crate) fn fingerprint(bytes: &[u8]) -> u128 {
    let high = fold(0x7370_7269_6e67, bytes);
    let low = fold(0x6175_7475_6d6e, bytes);
    (u128::from(high) << 64) | u128::from(low)
}

/// The id of a tick: a version-7 UUID of its event time and of `(seed, instrument, sequence)`.
///
/// The feed is the root of every chain. Its ids are derived too, so that two runs with one seed write the
/// same log, and a tick published twice is recognisable as one tick.
pub(crate) fn tick_id(seed: u64, instrument: &str, sequence: u64, time: i64) -> u128 {
    let millis = u128::try_from(time).unwrap_or(0) & 0xffff_ffff_ffff;
    let high = u128::from(roll(seed ^ sequence, "tick-high", instrument) & 0x0fff);
    let low = u128::from(mix(roll(seed, "tick-low", instrument) ^ sequence) >> 2);
    (millis << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low
}

/// Reads a UUID in its usual text form; `None` for anything else.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let mut value = 0_u128;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
        } else {
            value = (value << 4) | u128::from(char::from(*byte).to_digit(16)?);
        }
    }
    Some(value)
}

/// Writes a UUID in its usual text form.
pub(crate) fn uuid_text(id: u128) -> String {
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn fold(start: u64, bytes: &[u8]) -> u64 {
    let mut state = start ^ (bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0_u8; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    mix(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_id_is_a_version_7_uuid_of_its_event_time() {
        let id = tick_id(1, "EURUSD.0", 9, 1_577_898_000_065);
        assert_eq!(id >> 80, 1_577_898_000_065);
        assert_eq!((id >> 76) & 0xf, 7);
        assert_eq!((id >> 62) & 0b11, 0b10);
        assert_eq!(parse_uuid(&uuid_text(id)), Some(id));
    }

    #[test]
    fn ids_differ_by_seed_instrument_and_sequence() {
        let ids = [
            tick_id(1, "EURUSD.0", 9, 5),
            tick_id(2, "EURUSD.0", 9, 5),
            tick_id(1, "EURUSD.1", 9, 5),
            tick_id(1, "EURUSD.0", 10, 5),
        ];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        for text in ["", "x", "0123456789abcdef0123456789abcdef0123", "zzzzzzzz-0000-0000-0000-000000000000"] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }
}
