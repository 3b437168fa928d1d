//! Owns the fingerprint of a record's value, by which two records with one id are told apart.

use crate::contract::Fingerprint;

/// A 32-bit fingerprint of a value; a tombstone's differs from an empty value's.
///
/// Two running sums over words of 8 bytes (as Fletcher's checksum), mixed at the end: two instructions a word, where a
/// full hash takes ten. It need not resist an attacker, who could as well repeat the content: it tells an id used twice by
/// mistake from a duplicate.
#[inline]
pub(crate) fn fingerprint(value: Option<&[u8]>) -> Fingerprint {
    let Some(value) = value else { return Fingerprint(0) };
    let (mut sum, mut sums) = (value.len() as u64, 0u64);
    let (blocks, rest) = value.as_chunks::<64>();
    for block in blocks {
        add(&mut sum, &mut sums, block);
    }
    if !rest.is_empty() {
        // The last block overlaps the one before, which costs less than looking at single words.
        match value.last_chunk::<64>() {
            Some(last) => add(&mut sum, &mut sums, last),
            None => {
                let mut last = [0u8; 64];
                last[..rest.len()].copy_from_slice(rest);
                add(&mut sum, &mut sums, &last);
            }
        }
    }
    let mixed = (sum ^ sums.rotate_left(32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ (mixed >> 32) ^ sums).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Fingerprint((mixed >> 32) as u32 | 1)
}

#[inline(always)]
fn add(sum: &mut u64, sums: &mut u64, block: &[u8; 64]) {
    let (words, _) = block.as_chunks::<8>();
    for word in words {
        *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        *sums = sums.wrapping_add(*sum);
    }
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
