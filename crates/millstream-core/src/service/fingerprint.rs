//! Owns the fingerprint of what a record says, by which two records with one id are told apart.

use crate::contract::Fingerprint;
use crate::envelope::Head;

/// Two lanes of 8 bytes, side by side in one vector register.
type Lanes = [u64; 2];

/// Two running sums (as Fletcher's checksum) in each of two lanes.
struct Sums {
    sum: Lanes,
    sums: Lanes,
}

/// Of what an event says: its data, with what stands behind it; of the whole value where that is no envelope.
///
/// An output that is made again, after a crash, has the id and the data it had, and the time of its second making. That is a
/// duplicate and no conflict, so what stands before the data does not count.
#[inline(always)]
pub(crate) fn of_event(value: Option<&[u8]>, head: Option<&Head>) -> Fingerprint {
    let data = value.zip(head).and_then(|(value, head)| value.get(head.data_at()..));
    fingerprint(data.or(value))
}

/// A 32-bit fingerprint of a value; a tombstone's differs from an empty value's.
///
/// Three vector instructions for 16 bytes, mixed at the end, where a full hash takes twenty. It need not resist an
/// attacker, who could as well repeat the content: it tells an id used twice by mistake from a duplicate.
#[inline(always)]
pub(crate) fn fingerprint(value: Option<&[u8]>) -> Fingerprint {
    let Some(value) = value else { return Fingerprint(0) };
    let Some(last) = value.last_chunk::<64>() else { return of_short(value) };
    let mut sums = Sums { sum: [value.len() as u64, 0], sums: [0; 2] };
    let mut left = value;
    while let Some((block, rest)) = left.split_first_chunk::<64>() {
        sums.add(block);
        left = rest;
    }
    // The last block overlaps the one before, which costs less than looking at single words. Turned in between, what is added
    // twice counts at two places: a word's highest bit, added twice to one sum, would be lost.
    sums.sum = sums.sum.map(|sum| sum.rotate_left(29));
    sums.add(last);
    sums.mixed()
}

#[inline(never)]
fn of_short(value: &[u8]) -> Fingerprint {
    let mut sums = Sums { sum: [value.len() as u64, 0], sums: [0; 2] };
    let mut block = [0; 64];
    block[..value.len()].copy_from_slice(value);
    sums.add(&block);
    sums.mixed()
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, block: &[u8; 64]) {
        for row in block.as_chunks::<16>().0 {
            let (words, _) = row.as_chunks::<8>();
            for (sum, word) in self.sum.iter_mut().zip(words) {
                *sum = sum.wrapping_add(u64::from_le_bytes(*word));
            }
            for (sums, sum) in self.sums.iter_mut().zip(self.sum) {
                *sums = sums.wrapping_add(sum);
            }
        }
    }

    #[inline(always)]
    fn mixed(&self) -> Fingerprint {
        let lane = |lane: usize| self.sum[lane] ^ self.sums[lane].rotate_left(32);
        let mixed = lane(0).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32) ^ lane(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Fingerprint((mixed >> 32) as u32 | 1)
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

    /// Also where the last block overlaps the one before.
    #[test]
    fn each_flipped_bit_changes_the_fingerprint() {
        for length in 1..=260 {
            let mut value: Vec<u8> = (0..length).map(|at: usize| at.wrapping_mul(37).to_le_bytes()[0]).collect();
            let before = fingerprint(Some(&value));
            for (at, bit) in (0..length).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))) {
                value[at] ^= bit;
                assert_ne!(before, fingerprint(Some(&value)), "{length} bytes, {bit} at {at}");
                value[at] ^= bit;
            }
        }
    }

    #[test]
    fn a_tombstone_differs_from_an_empty_value_and_length_counts() {
        assert_ne!(fingerprint(None), fingerprint(Some(b"")));
        assert_ne!(fingerprint(Some(b"")), fingerprint(Some(b"\0")));
    }
}
