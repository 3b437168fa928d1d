//! Owns the quick "surely not": a blocked Bloom filter for two generations, so that a fresh id, which is the rule, costs one
//! look at one word instead of a walk through two tables. Leaves the truth to `generations`.
//!
//! Each hash owns three bits of one word; the words of both generations lie side by side, in one cache line. A set bit may
//! belong to another id, and then the tables are asked: at 3.5 ids a word, as a full default window has, for about 1 id in
//! 100. An unset one is certain.

use std::ops::BitOr;

/// A generation's place in each pair of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// Three bits by six bits of the hash each, in the word that the bits above them choose.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    word: usize,
    bits: u64,
}

/// The filter: a power of two of pairs of words.
pub(crate) struct Filter(Vec<[u64; 2]>);

/// The most ids a word is for. Four cost 16 bits an id at worst; more cost look-ups, fewer memory.
const IDS_A_WORD: usize = 4;

/// Words to begin with: 1 KiB.
const FIRST: usize = 64;

impl Filter {
    pub(crate) fn new() -> Self {
        Filter(vec![[0; 2]; FIRST])
    }

    /// How many ids it is for.
    #[inline]
    pub(crate) fn most(&self) -> usize {
        self.0.len() * IDS_A_WORD
    }

    /// An empty one of twice the size.
    pub(crate) fn doubled(&self) -> Self {
        Filter(vec![[0; 2]; self.0.len() * 2])
    }

    /// Where a hash has its bits.
    #[inline]
    pub(crate) fn place(&self, hash: u64) -> Place {
        let bits = [0, 6, 12].map(|from| 1_u64 << ((hash >> from) & 63)).into_iter().fold(0, BitOr::bitor);
        Place { word: (hash >> 18) as usize & (self.0.len() - 1), bits }
    }

    #[inline]
    pub(crate) fn add(&mut self, side: Side, place: Place) {
        self.0[place.word][side as usize] |= place.bits;
    }

    /// Adds what neither side may hold; answers whether it did.
    #[inline]
    pub(crate) fn add_if_new(&mut self, side: Side, Place { word, bits }: Place) -> bool {
        let pair = &mut self.0[word];
        let is_new = pair.iter().all(|side| side & bits != bits);
        if is_new {
            pair[side as usize] |= bits;
        }
        is_new
    }

    /// Whether either side may hold it.
    #[inline]
    pub(crate) fn may_hold(&self, Place { word, bits }: Place) -> bool {
        self.0[word].iter().any(|side| side & bits == bits)
    }

    /// Forgets everything of one side.
    pub(crate) fn clear(&mut self, side: Side) {
        for pair in &mut self.0 {
            pair[side as usize] = 0;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<[u64; 2]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Mix;

    #[test]
    fn what_was_added_is_never_denied_and_little_else_is_affirmed() {
        let (mix, mut filter) = (Mix::secret(), Filter::new());
        let ids = 57_344; // 3.5 in each of 2^14 words, as a full generation of a window sized by sevens has
        while filter.most() < ids {
            filter = filter.doubled();
        }
        let (left, right) = (0..ids as u128, 1 << 70..(1 << 70) + ids as u128);
        for (side, keys) in [(Side::Left, left.clone()), (Side::Right, right.clone())] {
            keys.for_each(|key| filter.add(side, filter.place(mix.hash(key))));
        }
        let affirmed = |filter: &Filter, keys: std::ops::Range<u128>| {
            keys.filter(|&key| filter.may_hold(filter.place(mix.hash(key)))).count()
        };
        assert_eq!((affirmed(&filter, left.clone()), affirmed(&filter, right.clone())), (ids, ids));
        let strangers = affirmed(&filter, 1 << 80..(1 << 80) + 100_000);
        assert!(strangers < 3_000, "{strangers} of 100,000 strangers cost a look-up");
        filter.clear(Side::Left);
        assert_eq!(affirmed(&filter, right), ids, "the other side stays");
        assert!(affirmed(&filter, left) < ids * 15 / 1_000, "this side is gone");
    }
}
