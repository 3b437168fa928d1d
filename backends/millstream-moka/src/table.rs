//! Owns where one generation's entries lie: in the order in which they came, each in the chain of its bucket. Leaves what an
//! entry means, and when a table is cleared, to `generations`.
//!
//! ```text
//!   buckets: [ last entry of its chain + 1, or 0 ]
//!   entries: [ (entry, the one before it in its chain) ] in the order of insertion
//! ```
//!
//! A generation only grows and is then cleared as a whole, so nothing is ever taken out of the middle. Inserting is thus a
//! push and one exchanged word, and entries of one batch lie side by side: a fresh id touches one cache line of its own (its
//! bucket) where an open table touches two (tag and slot). Look-ups walk a chain; they are rare, because the filter answers
//! for ids that are not there.

/// The end of a chain.
const NONE: u32 = 0;

/// Buckets to begin with: as many entries as a small service sees at once.
const FIRST: usize = 64;

/// The most entries a bucket is for. At 2 a look-up that finds walks 2 entries on average and one that does not, the rare
/// one, 2 as well; a bucket then costs an entry 2 bytes.
const ENTRIES_A_BUCKET: usize = 2;

/// An insert-only hash table of small entries.
pub(crate) struct Table<E> {
    buckets: Vec<u32>,
    entries: Vec<(E, u32)>,
}

impl<E: Copy> Table<E> {
    pub(crate) const EMPTY: Self = Table { buckets: Vec::new(), entries: Vec::new() };

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries in the order of insertion.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter().map(|(entry, _)| entry)
    }

    /// The bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<u32>() + self.entries.capacity() * size_of::<(E, u32)>()
    }

    /// The bucket of a hash. Other bits than the filter's, so that what fools the filter does not share a bucket too.
    #[inline]
    fn bucket(hash: u64, buckets: usize) -> usize {
        (hash >> 32) as usize & (buckets - 1)
    }

    /// Makes room for so many more, of `most` in all; `hash` says again what an entry was inserted under.
    pub(crate) fn reserve(&mut self, more: usize, most: usize, hash: impl Fn(&E) -> u64) {
        let needed = self.entries.len() + more;
        if needed > self.entries.capacity() {
            // Twice as many each time, but never more than there will be.
            let room = (2 * needed).max(FIRST).min(most.max(needed));
            self.entries.reserve_exact(room - self.entries.len());
        }
        if needed > self.buckets.len() * ENTRIES_A_BUCKET {
            self.widen(needed.div_ceil(ENTRIES_A_BUCKET).next_power_of_two().max(FIRST), hash);
        }
    }

    #[cold]
    fn widen(&mut self, buckets: usize, hash: impl Fn(&E) -> u64) {
        self.buckets = vec![NONE; buckets];
        let mut number = NONE;
        for (entry, before) in &mut self.entries {
            number += 1;
            *before = std::mem::replace(&mut self.buckets[Self::bucket(hash(entry), buckets)], number);
        }
    }

    /// Inserts what is not there; the caller has made room.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, entry: E) {
        let bucket = Self::bucket(hash, self.buckets.len());
        // Room was made for it, and a generation has far fewer than 2³² entries.
        let number = self.entries.len() as u32 + 1;
        let before = std::mem::replace(&mut self.buckets[bucket], number);
        self.entries.push((entry, before));
    }

    /// The number of the newest entry that `is` the one looked for.
    fn position(&self, hash: u64, is: impl Fn(&E) -> bool) -> Option<usize> {
        if self.buckets.is_empty() {
            return None;
        }
        let mut next = self.buckets[Self::bucket(hash, self.buckets.len())];
        while next != NONE {
            let at = next as usize - 1;
            let (entry, before) = &self.entries[at];
            if is(entry) {
                return Some(at);
            }
            next = *before;
        }
        None
    }

    /// The entry that `is` the one looked for.
    pub(crate) fn find(&self, hash: u64, is: impl Fn(&E) -> bool) -> Option<&E> {
        self.position(hash, is).map(|at| &self.entries[at].0)
    }

    /// The same, to be changed; what it was inserted under must stay.
    pub(crate) fn find_mut(&mut self, hash: u64, is: impl Fn(&E) -> bool) -> Option<&mut E> {
        self.position(hash, is).map(|at| &mut self.entries[at].0)
    }

    /// Forgets everything, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.buckets.fill(NONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Few buckets and many equal hashes: everything that chains can be.
    fn hash(key: u64) -> u64 {
        (key % 37) << 32
    }

    #[test]
    fn it_finds_what_a_map_would_through_growing_changing_and_clearing() {
        let mut table = Table::EMPTY;
        for round in 0..3 {
            let mut map = BTreeMap::new();
            for n in 0..1_000_u64 {
                let key = n * 7 + round;
                table.reserve(1, 1_000, |&(key, _): &(u64, u64)| hash(key));
                table.insert(hash(key), (key, n));
                map.insert(key, n);
                if n % 5 == 0 {
                    let changed = table.find_mut(hash(key), |&(other, _)| other == key).expect("it was just inserted");
                    changed.1 = n + 1;
                    map.insert(key, n + 1);
                }
            }
            for key in 0..8_000 {
                let found = table.find(hash(key), |&(other, _)| other == key).map(|&(_, value)| value);
                assert_eq!(found, map.get(&key).copied(), "key {key} in round {round}");
            }
            assert_eq!((table.len(), table.iter().count()), (map.len(), map.len()));
            table.clear();
            assert!(table.is_empty() && table.find(hash(round), |_| true).is_none());
        }
    }

    #[test]
    fn an_empty_one_holds_no_memory_and_finds_nothing() {
        let table = Table::<(u64, u64)>::EMPTY;
        assert_eq!((table.bytes(), table.find(1, |_| true)), (0, None));
    }
}
