//! Owns the hash of a key: two folded multiplications, the first under a secret of the process. Leaves equality to the
//! tables.
//!
//! Keys are ids that whoever writes to the log may choose, and a bad hash would let him turn every look-up into a walk.
//! Without the secret, which never leaves the process and differs in each, he cannot choose keys that collide. A mark
//! is never stored or compared by this hash.
//!
//! The second multiplication is for keys that merely count up: with one alone, the worst of 2,000 secrets put 123 of 2¹⁴
//! such keys into one bucket of as many; with both it put 11 there, as chance would.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// The secret of one deduplicator.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    low: u64,
    high: u64,
}

/// 2⁶⁴ divided by the golden ratio, as Fibonacci hashing takes it.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Mix {
    /// A secret of its own, out of the standard library's per-process randomness.
    pub(crate) fn secret() -> Self {
        let random = RandomState::new();
        Mix { low: random.hash_one(0_u8), high: random.hash_one(1_u8) }
    }

    /// The hash; all of its bits depend on all of the key's.
    #[inline]
    pub(crate) fn hash(self, key: u128) -> u64 {
        fold(fold(key as u64 ^ self.low, (key >> 64) as u64 ^ self.high), SPREAD)
    }
}

#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2¹⁴ keys of a pattern in 2¹⁴ buckets: how many share the fullest bucket, by the bits a table takes for the bucket,
    /// and the fullest of 2⁷ tags, by the bits it takes for those.
    fn fullest(mix: Mix, key: impl Fn(u128) -> u128) -> (u32, u32) {
        let (mut buckets, mut tags) = (vec![0_u32; 1 << 14], vec![0_u32; 1 << 7]);
        for n in 0..1 << 14 {
            let hash = mix.hash(key(n));
            buckets[(hash & 0x3FFF) as usize] += 1;
            tags[(hash >> 57) as usize] += 1;
        }
        (buckets.into_iter().max().unwrap_or(0), tags.into_iter().max().unwrap_or(0))
    }

    #[test]
    fn keys_that_count_up_anywhere_spread_like_random_ones() {
        // Random keys put 6 to 11 into the fullest bucket and 145 to 190 behind the fullest tag.
        for _ in 0..64 {
            let mix = Mix::secret();
            for shift in [0, 8, 16, 32, 48, 64, 74, 80, 96, 112] {
                for (bucket, tag) in [
                    fullest(mix, |n| n << shift),
                    fullest(mix, |n| 0x0190_0000_0000_7000_8000_0000_0000_0000 ^ (n << shift) ^ (n << 3)),
                ] {
                    assert!(bucket <= 15, "{bucket} keys shifted by {shift} share a bucket");
                    assert!(tag <= 240, "{tag} keys shifted by {shift} share a tag");
                }
            }
        }
    }

    #[test]
    fn two_secrets_order_keys_differently() {
        let (one, other) = (Mix::secret(), Mix::secret());
        assert!((0..64).any(|key| one.hash(key) != other.hash(key)));
    }
}
