//! How much an envelope may be, and the two limits that are checked over all of its bytes.
//!
//! Limits of keys and headers are kept here for the consumer, and checked by it.

use super::error::{ScanError, ScanFault};
use super::text::ONES;

/// The longest id, in bytes: room for a UUID with a prefix, or for `topic:partition:offset`.
pub const MAX_ID_BYTES: usize = 128;

/// The longest `type`, `source` or `broker`, in bytes: they are names, and a topic's has 249.
pub const MAX_TEXT_BYTES: usize = 255;

/// What is refused before it is parsed.
///
/// Start from [`Limits::DEFAULT`] and change what must differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest value, in bytes. Default 1 MiB: what brokers accept unless told otherwise, so
    /// anything larger is a mistake or an attack. At most 4 GiB − 1.
    pub value_bytes: usize,
    /// The deepest nesting, the envelope's own object counted. Default 64: deeper than business
    /// data goes, and far from the end of any stack.
    pub depth: u32,
    /// The most headers of a record. Default 64: a dead letter has about 20 of ours.
    pub headers: usize,
    /// The most bytes of all headers of a record, names and values. Default 16 KiB: the 8 KiB a
    /// dead letter may add, and as much again.
    pub header_bytes: usize,
    /// The longest key, in bytes. Default 4 KiB: keys are hashed and compared for every record.
    pub key_bytes: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self { value_bytes: 1 << 20, depth: 64, headers: 64, header_bytes: 16 << 10, key_bytes: 4 << 10 };

    /// Whether a flat envelope of so many bytes is within the limits.
    #[inline]
    pub(super) fn admit(&self, len: usize) -> bool {
        len <= self.value_bytes.min(u32::MAX as usize) && self.depth > 0
    }

    /// Checks what must hold before any other byte is looked at: the size, and the first byte.
    pub(super) fn check_start(&self, value: &[u8]) -> Result<(), ScanError> {
        let most = self.value_bytes.min(u32::MAX as usize);
        if value.len() > most {
            return Err(ScanError::new(ScanFault::TooLarge, most));
        }
        match value.first() {
            Some(b'{') => Ok(()),
            _ => Err(ScanError::new(ScanFault::NotAnObject, 0)),
        }
    }

    /// Checks the nesting from byte `start` on, where `outer` brackets are open already. By bytes:
    /// no parser of ours recurses before this.
    pub(crate) fn check_depth(&self, value: &[u8], start: usize, outer: u32) -> Result<(), ScanError> {
        let most = self.depth.saturating_sub(outer);
        // With no more brackets than the limit, in strings or not, there is no need to look
        // closer.
        if openers(value.get(start..).unwrap_or_default()) <= u64::from(most) {
            return Ok(());
        }
        depth_within(value, start, most)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Counts `[` and `{`, which differ in one bit, eight bytes at a time.
fn openers(value: &[u8]) -> u64 {
    let (words, rest) = value.as_chunks::<8>();
    let mut count = rest.iter().filter(|byte| **byte | 0x20 == b'{').count() as u64;
    // Each byte of a sum counts its own lane, so no more words than a byte can count.
    for words in words.chunks(255) {
        let mut lanes = 0;
        for word in words {
            let others = (u64::from_le_bytes(*word) | (ONES * 0x20)) ^ (ONES * b'{' as u64);
            let others = ((others & (ONES * 0x7f)) + ONES * 0x7f) | others;
            lanes += !others >> 7 & ONES;
        }
        const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
        let pairs = (lanes & PAIRS) + (lanes >> 8 & PAIRS);
        count += pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    }
    count
}

/// Counts nesting exactly: brackets in strings do not count.
fn depth_within(value: &[u8], start: usize, most: u32) -> Result<(), ScanError> {
    let mut depth = 0_u32;
    let mut at = start;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'"' => at = string_end(value, at + 1).unwrap_or(value.len()),
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    return Err(ScanError::new(ScanFault::TooDeep, at));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Where the quote stands that ends a string, given the byte after the one that opens it.
pub(super) fn string_end(value: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *value.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where a value ends, by its brackets and quotes alone, given its first byte. `most` is how deep
/// it may go.
///
/// What lies inside is not checked: of a value that is JSON this is the end, and of any other
/// the decoder will say what is wrong.
pub(super) fn value_end(value: &[u8], start: usize, most: u32) -> Result<usize, ScanError> {
    let truncated = || ScanError::new(ScanFault::Truncated, value.len());
    let mut depth = 0_u32;
    let mut at = start;
    loop {
        match *value.get(at).ok_or_else(truncated)? {
            b'"' => {
                at = string_end(value, at + 1).ok_or_else(truncated)?;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    return Err(ScanError::new(ScanFault::TooDeep, at));
                }
            }
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' if depth == 1 => return Ok(at + 1),
            b'}' | b']' | b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                return if at > start { Ok(at) } else { Err(ScanError::new(ScanFault::Syntax, at)) };
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::openers;
    use proptest::prelude::*;

    fn naive(value: &[u8]) -> u64 {
        value.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() as u64
    }

    proptest! {
        #[test]
        fn openers_are_counted_as_one_by_one(value: Vec<u8>) {
            prop_assert_eq!(openers(&value), naive(&value));
        }

        #[test]
        fn many_openers_are_counted_too(n in 0_usize..9_000, byte in prop::sample::select(b"[{]}".to_vec())) {
            let value = vec![byte; n];
            prop_assert_eq!(openers(&value), naive(&value));
        }
    }
}
