//! Owns the hash of a key: one folded multiplication under a secret of the process. Leaves equality to the tables.
//!
//! Keys are ids that whoever writes to the log may choose, and a bad hash would let him turn every look-up into a walk.
//! Without the secret, which never leaves the process and differs in each, he cannot choose keys that collide. A mark
//! is never stored or compared by this hash.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// The secret of one deduplicator.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    low: u64,
    high: u64,
}

impl Mix {
    /// A secret of its own, out of the standard library's per-process randomness.
    pub(crate) fn secret() -> Self {
        let random = RandomState::new();
        Mix { low: random.hash_one(0_u8), high: random.hash_one(1_u8) }
    }

    /// The hash; all of its bits depend on all of the key's.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    pub(crate) fn hash(self, key: u128) -> u64 {
        let product = u128::from(key as u64 ^ self.low) * u128::from((key >> 64) as u64 ^ self.high);
        product as u64 ^ (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2¹⁶ keys of a pattern in 2¹⁶ buckets: how many share the fullest bucket, by the bits a table takes for the bucket
    /// and by those it takes for the tag.
    fn fullest(key: impl Fn(u128) -> u128) -> (u32, u32) {
        let mix = Mix::secret();
        let (mut buckets, mut tags) = (vec![0_u32; 1 << 16], vec![0_u32; 1 << 7]);
        for n in 0..1 << 16 {
            let hash = mix.hash(key(n));
            buckets[(hash & 0xFFFF) as usize] += 1;
            tags[(hash >> 57) as usize] += 1;
        }
        (buckets.into_iter().max().unwrap_or(0), tags.into_iter().max().unwrap_or(0))
    }

    #[test]
    fn keys_of_any_simple_pattern_spread_like_random_ones() {
        // Random keys would put 8 to 10 into the fullest of 2^16 buckets, and 512 ± 23 behind each of 128 tags.
        for shift in [0, 8, 16, 32, 48, 64, 74, 80, 96, 112] {
            let (bucket, tag) = fullest(|n| n << shift);
            assert!(bucket <= 20, "{bucket} keys shifted by {shift} share a bucket");
            assert!(tag <= 800, "{tag} keys shifted by {shift} share a tag");
            let (bucket, _) = fullest(|n| 0x0190_0000_0000_7000_8000_0000_0000_0000 ^ (n << shift) ^ (n << 3));
            assert!(bucket <= 20, "{bucket} ids like UUIDs, shifted by {shift}, share a bucket");
        }
    }

    #[test]
    fn two_secrets_order_keys_differently() {
        let (one, other) = (Mix::secret(), Mix::secret());
        assert!((0..64).any(|key| one.hash(key) != other.hash(key)));
    }
}
