//! Random ids for root events, from a seed.
//!
//! The seed and the time come from whoever owns randomness and the clock; with one seed the ids
//! are the same in every run, which is what simulations need.

use super::id::EventId;

/// Makes ids of version 7 out of a seed: SplitMix64, about 5 ns an id.
///
/// Ids of one generator are distinct but for chance (74 random bits); they are not promised to
/// sort. Two generators with one seed make the same ids: seed each from its own entropy.
#[derive(Clone, Debug)]
pub struct IdGenerator {
    state: u64,
    stream: u64,
}

impl IdGenerator {
    /// A generator that starts at `seed`.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        // Two decorrelated streams, so that ids differ although SplitMix64 has 64 bits of state.
        Self { state: seed, stream: mix(seed ^ 0x6a09_e667_f3bc_c909) }
    }

    /// The next id, stamped with `now_millis` since 1970.
    pub const fn next(&mut self, now_millis: u64) -> EventId {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.stream = self.stream.wrapping_add(0xda94_2042_e4dd_58b5);
        let random = (mix(self.state) as u128) << 64 | mix(self.stream) as u128;
        EventId::v7(now_millis, random)
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::IdGenerator;
    use std::collections::BTreeSet;

    #[test]
    fn one_seed_makes_one_sequence() {
        let (mut a, mut b) = (IdGenerator::from_seed(7), IdGenerator::from_seed(7));
        for now in 0..1_000 {
            assert_eq!(a.next(now), b.next(now));
        }
    }

    #[test]
    fn ids_of_neighbouring_seeds_all_differ() {
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            let mut ids = IdGenerator::from_seed(seed);
            for _ in 0..100 {
                assert!(seen.insert(ids.next(0)), "an id came twice");
            }
        }
    }

    #[test]
    fn an_id_carries_the_time_it_was_given() {
        let id = IdGenerator::from_seed(1).next(1_700_000_000_123);
        assert_eq!((id.version(), id.millis()), (7, Some(1_700_000_000_123)));
    }
}
