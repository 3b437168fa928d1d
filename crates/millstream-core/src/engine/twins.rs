//! Owns the ids of one worker's records that are under way: a record whose id is another's waits for what becomes of it
//! (F82, B42). Leaves marks to the deduplicator.
//!
//! Most ids are marked soon after they came, all together, and nobody asks for one of them by itself. So a new id is put at
//! the end of a list, behind a filter that says of most ids that they are surely not under way; a map is made of the list
//! only when somebody asks for more.

#![expect(clippy::disallowed_types, reason = "its hasher has no seed, and its order is never seen")]

use crate::contract::Offset;
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};

/// Folds a 128-bit id, which is random or a hash already, to 64 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FoldHash;

/// The state of [`FoldHash`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fold(u64);

impl BuildHasher for FoldHash {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold(0)
    }
}

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    #[inline]
    fn write_u128(&mut self, id: u128) {
        let folded = (id as u64) ^ ((id >> 64) as u64).rotate_left(32);
        self.0 = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}

/// Says of an id that it is surely not under way, or that it may be: three bits of one word for each.
#[derive(Clone, Debug)]
struct Filter(Box<[u64; Filter::WORDS]>);

impl Filter {
    /// 2 KiB: of the 512 records a worker may start before it marks, it doubts one in 2,000 for nothing. A doubt looks through
    /// the whole list: with half as many words that costs six times as much, with twice as many clearing costs more.
    const WORDS: usize = 256;
    /// So many ids make it doubt one in 20.
    const MOST: usize = 8 * Self::WORDS;
    /// So few ids are taken out one by one.
    const FEW: usize = 16;

    #[inline]
    fn place(id: u128) -> (usize, u64) {
        let hash = FoldHash.hash_one(id);
        ((hash as usize) % Self::WORDS, 1 << (hash >> 8 & 63) | 1 << (hash >> 14 & 63) | 1 << (hash >> 20 & 63))
    }

    /// Adds an id; answers whether it was surely not in it.
    #[inline]
    fn add(&mut self, id: u128) -> bool {
        let (word, bits) = Self::place(id);
        let before = self.0[word];
        self.0[word] = before | bits;
        before & bits != bits
    }

    /// Takes everything out that shares a word with `id`.
    #[inline]
    fn clear_word(&mut self, id: u128) {
        self.0[Self::place(id).0] = 0;
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }
}

impl Default for Filter {
    fn default() -> Self {
        Filter(Box::new([0; Self::WORDS]))
    }
}

/// Ids under way: from a record's arrival until its mark is applied or its dead letter accepted.
#[derive(Clone, Debug, Default)]
pub struct Twins {
    filter: Filter,
    /// The newest, none of them in `holders`.
    recent: Vec<(u128, Offset)>,
    /// How many were put from there into `holders` since the filter was filled anew.
    moved: usize,
    holders: HashMap<u128, Offset, FoldHash>,
    waiting: BTreeMap<u128, VecDeque<Offset>>,
}

impl Twins {
    /// As many as two batches: so long, looking through the list costs less than making a map of it.
    const LOOK: usize = 1_024;

    /// No ids.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `id` for the record at `offset`; `false` if an earlier record has it: then wait.
    #[inline]
    pub fn claim(&mut self, id: u128, offset: Offset) -> bool {
        planted!(B42: return true);
        if self.filter.add(id) {
            self.recent.push((id, offset));
            return true;
        }
        self.claim_known(id, offset)
    }

    /// Takes an id that may be under way.
    #[cold]
    fn claim_known(&mut self, id: u128, offset: Offset) -> bool {
        if self.holders.is_empty() && self.recent.len() <= Self::LOOK {
            let found = self.recent.iter().find(|(own, _)| *own == id);
            let holder = found.map_or(offset, |&(_, holder)| holder);
            if found.is_none() {
                self.recent.push((id, offset));
            }
            return holder == offset;
        }
        self.settle_down();
        let owns = *self.holders.entry(id).or_insert(offset) == offset;
        if self.moved > Filter::MOST {
            // Most of what was added may have gone long since.
            self.filter.clear();
            self.holders.keys().for_each(|&id| _ = self.filter.add(id));
            self.moved = 1;
        }
        owns
    }

    /// Puts the newest into the map.
    fn settle_down(&mut self) {
        self.moved += self.recent.len();
        self.holders.extend(self.recent.drain(..));
    }

    /// Which record has `id`.
    pub fn holder(&self, id: u128) -> Option<Offset> {
        let recent = || self.recent.iter().find(|(own, _)| *own == id).map(|(_, offset)| *offset);
        self.holders.get(&id).copied().or_else(recent)
    }

    /// Lets the record at `offset` wait for the holder of `id`, behind those that wait already.
    pub fn wait(&mut self, id: u128, offset: Offset) {
        self.waiting.entry(id).or_default().push_back(offset);
    }

    /// The record at `offset` gave up `id`, or waited for it: it is settled, or a dead letter, or abandoned. Answers who has
    /// the id now, if somebody waited: the id never looks free in between.
    #[inline]
    pub fn release(&mut self, id: u128, offset: Offset) -> Option<Offset> {
        self.settle_down();
        if !self.waiting.is_empty() {
            return self.hand_on(id, offset);
        }
        if self.holders.get(&id) == Some(&offset) {
            self.holders.remove(&id);
        }
        None
    }

    #[cold]
    fn hand_on(&mut self, id: u128, offset: Offset) -> Option<Offset> {
        let mut next = None;
        let mut waiting = self.waiting.remove(&id).unwrap_or_default();
        if self.holders.get(&id) == Some(&offset) {
            next = waiting.pop_front();
            match next {
                Some(next) => self.holders.insert(id, next),
                None => self.holders.remove(&id),
            };
        } else {
            waiting.retain(|other| *other != offset);
        }
        if !waiting.is_empty() {
            self.waiting.insert(id, waiting);
        }
        next
    }

    /// All of `count` ids at once, if these are all there are and nobody waits; answers whether that was so.
    #[inline]
    pub fn release_all(&mut self, count: usize) -> bool {
        let all = self.len() == count && self.waiting.is_empty();
        if all {
            if self.moved == 0 && self.recent.len() < Filter::FEW {
                self.recent.iter().for_each(|&(id, _)| self.filter.clear_word(id));
            } else {
                self.filter.clear();
            }
            self.moved = 0;
            self.recent.clear();
            self.holders.clear();
        }
        all
    }

    /// How many ids are under way.
    pub fn len(&self) -> usize {
        self.holders.len() + self.recent.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, by id.
    fn sorted(&self) -> BTreeMap<u128, Offset> {
        self.holders.iter().map(|(&id, &offset)| (id, offset)).chain(self.recent.iter().copied()).collect()
    }
}

impl PartialEq for Twins {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted() && self.waiting == other.waiting
    }
}

impl Eq for Twins {}

impl Hash for Twins {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sorted().hash(state);
        self.waiting.hash(state);
    }
}

#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod tests;
