//! Owns the ids of one worker's records that are under way: a record whose id is another's waits for what becomes of it
//! (F82, B42). Leaves marks to the deduplicator.

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

/// Ids under way: from a record's arrival until its mark is applied or its dead letter accepted.
#[derive(Clone, Debug, Default)]
pub struct Twins {
    holders: HashMap<u128, Offset, FoldHash>,
    waiting: BTreeMap<u128, VecDeque<Offset>>,
}

impl Twins {
    /// No ids.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `id` for the record at `offset`; `false` if an earlier record has it: then wait.
    #[inline]
    pub fn claim(&mut self, id: u128, offset: Offset) -> bool {
        *self.holders.entry(id).or_insert(offset) == offset
    }

    /// Which record has `id`.
    pub fn holder(&self, id: u128) -> Option<Offset> {
        self.holders.get(&id).copied()
    }

    /// Lets the record at `offset` wait for the holder of `id`, behind those that wait already.
    pub fn wait(&mut self, id: u128, offset: Offset) {
        self.waiting.entry(id).or_default().push_back(offset);
    }

    /// The record at `offset` gave up `id`, or waited for it: it is settled, or a dead letter, or abandoned. Answers who has
    /// the id now, if somebody waited: the id never looks free in between.
    #[inline]
    pub fn release(&mut self, id: u128, offset: Offset) -> Option<Offset> {
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
        let all = self.holders.len() == count && self.waiting.is_empty();
        if all {
            self.holders.clear();
        }
        all
    }

    /// How many ids are under way.
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }
}

impl PartialEq for Twins {
    fn eq(&self, other: &Self) -> bool {
        self.holders == other.holders && self.waiting == other.waiting
    }
}

impl Eq for Twins {}

impl Hash for Twins {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Commutative, since a map has no order of its own.
        let sum =
            self.holders.iter().fold(0u128, |sum, (id, offset)| sum.wrapping_add(id.wrapping_mul(u128::from(*offset) * 2 + 1)));
        sum.hash(state);
        self.waiting.hash(state);
    }
}

#[cfg(test)]
mod tests;
