//! Owns how keys and values read: what other programs see in the store. Promises, by the conventions.
//!
//! | key | value | for |
//! | --- | --- | --- |
//! | `{namespace}:{group}@{run}:{handler}:{topic}:{id}` | 17 bytes | a mark |
//! | `{namespace}:#{hash}:{id}` | the same | the same, of a scope of more than 64 bytes |
//! | both, with `:c` behind | 28 bytes | a claim |
//! | `{namespace}:cache:{key}` | JSON | the cache |
//! | `{namespace}:metrics`, `{namespace}:metrics:{service}:{member}` | a set, a hash | kept metrics |
//!
//! The namespace is `-` for shared topics. An id is 32 hexadecimal digits, as is a scope's hash. No key of one kind can be
//! read as one of another: a group is followed by `@`, and an `@`, a `:` or a `%` within a part is escaped.

use millstream_core::contract::{DedupScope, Fingerprint, Mark, Position};
use std::fmt::Write;

/// The longest scope that stands in its keys as it is. What is longer would make up most of an id's memory.
const LONGEST: usize = 64;

/// What the keys of a scope begin with: `paper:risk@0:check:paper.signals.raw:`.
pub(crate) fn of_scope(scope: &DedupScope) -> String {
    let text = scope.as_str();
    if text.len() <= LONGEST {
        return format!("{text}:");
    }
    let namespace = text.split_once(':').map_or("-", |(namespace, _)| namespace);
    format!("{namespace}:#{:032x}:", scope.digest())
}

/// The key of an id.
pub(crate) fn of_id(scope: &str, id: u128) -> String {
    let mut key = String::with_capacity(scope.len() + 32);
    key.push_str(scope);
    // Writing to a string cannot fail.
    let _ = write!(key, "{id:032x}");
    key
}

/// A part of a key in which nothing can be taken for what separates parts.
pub(crate) fn part(text: &str) -> String {
    text.replace('%', "%25").replace(':', "%3A").replace('@', "%40").replace(' ', "%20")
}

/// A century: what Redis adds to its own clock must not overflow.
pub(crate) const MOST_MILLIS: u64 = 100 * 365 * 24 * 3600 * 1000;

/// What the value of a mark begins with, so that another layout can be told from this one.
const DONE: u8 = b'd';

/// The value of a mark: `d`, partition, offset, fingerprint, big-endian.
pub(crate) fn mark(mark: &Mark) -> [u8; 17] {
    let mut value = [DONE; 17];
    value[1..13].copy_from_slice(&position(mark.at));
    value[13..].copy_from_slice(&mark.fingerprint.0.to_be_bytes());
    value
}

/// Partition and offset, big-endian.
pub(crate) fn position(at: Position) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&at.partition.to_be_bytes());
    bytes[4..].copy_from_slice(&at.offset.to_be_bytes());
    bytes
}

/// Reads the value of a mark; `None` if it is none of ours.
pub(crate) fn read(value: &[u8]) -> Option<(Position, Fingerprint)> {
    match value {
        [DONE, rest @ ..] if rest.len() == 16 => {
            let (partition, rest) = rest.split_first_chunk::<4>()?;
            let (offset, rest) = rest.split_first_chunk::<8>()?;
            let (fingerprint, _) = rest.split_first_chunk::<4>()?;
            let at = Position { partition: u32::from_be_bytes(*partition), offset: u64::from_be_bytes(*offset) };
            Some((at, Fingerprint(u32::from_be_bytes(*fingerprint))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_begins_with_its_namespace_whatever_its_length() {
        let short = DedupScope::new("paper", "risk", 0, "check", "paper.orders");
        assert_eq!(of_id(&of_scope(&short), 0x2a), "paper:risk@0:check:paper.orders:0000000000000000000000000000002a");
        let long = DedupScope::new("paper", &"g".repeat(60), 0, "check", "paper.orders");
        let other = DedupScope::new("paper", &"g".repeat(61), 0, "check", "paper.orders");
        let prefix = of_scope(&long);
        assert!(prefix.starts_with("paper:#") && prefix.len() == 40, "{prefix}");
        assert_ne!(prefix, of_scope(&other));
    }

    #[test]
    fn a_value_reads_as_it_was_written() {
        let one = Mark::new(7, 3, 1 << 40, Fingerprint(9));
        assert_eq!(read(&mark(&one)), Some((one.at, one.fingerprint)));
        assert_eq!((read(b""), read(b"1"), read(b"d123")), (None, None, None));
    }
}
