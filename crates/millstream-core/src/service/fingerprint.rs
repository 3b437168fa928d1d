//! Owns the fingerprint of a record's value, by which two records with one id are told apart.

use crate::contract::Fingerprint;

/// A 32-bit fingerprint of a value; a tombstone's differs from an empty value's.
///
/// Two running sums over four lanes (as Fletcher's checksum, vectorised), mixed at the end: 60 instructions for 300
/// bytes where a full hash takes 250. It need not resist an attacker, who could as well repeat the content: it tells an
/// id used twice by mistake from a duplicate.
#[inline]
pub(crate) fn fingerprint(value: Option<&[u8]>) -> Fingerprint {
    let Some(value) = value else { return Fingerprint(0) };
    let (mut sum, mut sums) = ([0u32; 4], [0u32; 4]);
    let mut chunks = value.chunks_exact(16);
    for chunk in &mut chunks {
        for lane in 0..4 {
            let at = lane * 4;
            let word = u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
            sum[lane] = sum[lane].wrapping_add(word);
            sums[lane] = sums[lane].wrapping_add(sum[lane]);
        }
    }
    let mut rest = [0u8; 16];
    let tail = chunks.remainder();
    rest[..tail.len()].copy_from_slice(tail);
    let mut mixed = (value.len() as u64) ^ 0x9E37_79B9_7F4A_7C15;
    for lane in 0..4 {
        let at = lane * 4;
        let word = u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let sum = sum[lane].wrapping_add(word);
        let sums = sums[lane].wrapping_add(sum);
        mixed = (mixed ^ (u64::from(sums) << 32 | u64::from(sum))).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^= mixed >> 32;
    }
    Fingerprint((mixed >> 32) as u32 | 1)
}

#[cfg(test)]
mod tests {
    use super::fingerprint;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_changed_byte_changes_the_fingerprint(mut value in proptest::collection::vec(any::<u8>(), 1..400), at: prop::sample::Index, by in 1u8..) {
            let before = fingerprint(Some(&value));
            let at = at.index(value.len());
            value[at] = value[at].wrapping_add(by);
            prop_assert_ne!(before, fingerprint(Some(&value)));
        }

        #[test]
        fn two_swapped_words_change_the_fingerprint(value in proptest::collection::vec(any::<u8>(), 16..400), a: prop::sample::Index, b: prop::sample::Index) {
            let (a, b) = (a.index(value.len() / 4) * 4, b.index(value.len() / 4) * 4);
            let mut swapped = value.clone();
            for i in 0..4 {
                swapped.swap(a + i, b + i);
            }
            prop_assert_eq!(swapped == value, fingerprint(Some(&swapped)) == fingerprint(Some(&value)));
        }
    }

    #[test]
    fn a_tombstone_differs_from_an_empty_value_and_length_counts() {
        assert_ne!(fingerprint(None), fingerprint(Some(b"")));
        assert_ne!(fingerprint(Some(b"")), fingerprint(Some(b"\0")));
    }
}
