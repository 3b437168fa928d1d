//! Owns which keys are busy and who waits behind whom. Leaves running and retrying to the worker, and how a key is hashed
//! to the service.
//!
//! Only keys that are busy exist here. While nothing parks and nothing fails the map is empty, and the fast path asks
//! [`Lanes::is_empty`] and nothing else.

#![expect(clippy::disallowed_types, reason = "its hasher has no seed, and its order is never seen")]

use crate::contract::Offset;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// Which records of a partition may run at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LanePolicy {
    /// Records with one key run one after the other, others at the same time. The default: most business events have an
    /// order only inside their key.
    #[default]
    ByKey,
    /// All records of a partition run one after the other.
    ByPartition,
    /// All run at the same time.
    Unordered,
}

/// A hash of what must stay in order: namespace, topic, partition and record key (F32, B16).
///
/// Two keys with one hash share a lane. That only serialises them: it costs time and breaks nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey(pub u64);

impl LaneKey {
    /// The one lane of a partition under [`LanePolicy::ByPartition`].
    pub const PARTITION: LaneKey = LaneKey(0);
}

/// Uses a key's own bits as its hash: they are a hash already, and no seed makes two runs differ (I14).
#[derive(Clone, Copy, Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A busy key. Without followers it holds no heap allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lane {
    holder: Offset,
    waiting: VecDeque<Offset>,
}

/// Emptied queues kept for the next lane that needs one: enough for a burst of hot keys, and at most a few hundred KiB.
const SPARE_QUEUES: usize = 64;

/// The busy keys of one epoch of one partition.
///
/// Each has one holder: the record that runs, waits for its next attempt, or waits for its dead letter's acknowledgement
/// (I8, F30, B17, B62). Followers wait in offset order.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    // Never iterated in an order that can be seen.
    lanes: HashMap<u64, Lane, BuildHasherDefault<Identity>>,
    waiting: usize,
    spare: Vec<VecDeque<Offset>>,
}

impl Lanes {
    /// No busy keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no key is busy.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether `key` is busy.
    #[inline]
    pub fn is_locked(&self, key: LaneKey) -> bool {
        self.lanes.contains_key(&key.0)
    }

    /// Makes `offset` the holder of a free key; answers whether it holds it now. False if another does.
    #[inline]
    pub fn lock(&mut self, key: LaneKey, offset: Offset) -> bool {
        self.lanes.entry(key.0).or_insert_with(|| Lane { holder: offset, waiting: VecDeque::new() }).holder == offset
    }

    /// Puts `offset` behind the holder of a busy key, in offset order whenever it comes.
    ///
    /// # Panics
    /// If the key is free: nobody would wake the waiter. Ask [`is_locked`](Self::is_locked) first.
    pub fn wait(&mut self, key: LaneKey, offset: Offset) {
        let lane = self.lanes.get_mut(&key.0).expect("a record waits only behind a holder");
        if lane.waiting.capacity() == 0
            && let Some(queue) = self.spare.pop()
        {
            lane.waiting = queue;
        }
        if lane.waiting.back().is_none_or(|last| *last < offset) {
            lane.waiting.push_back(offset);
        } else {
            let at = lane.waiting.partition_point(|other| *other < offset);
            lane.waiting.insert(at, offset);
        }
        self.waiting += 1;
    }

    /// Ends `holder`'s hold. The next waiting record, if any, becomes the holder at once and is answered: the key never
    /// looks free in between. Answers `None`, and frees the key, if nobody waits. Changes nothing if `holder` does not
    /// hold the key.
    #[inline]
    pub fn unlock(&mut self, key: LaneKey, holder: Offset) -> Option<Offset> {
        let lane = self.lanes.get_mut(&key.0).filter(|lane| lane.holder == holder)?;
        if let Some(next) = lane.waiting.pop_front() {
            lane.holder = next;
            self.waiting -= 1;
            return Some(next);
        }
        let lane = self.lanes.remove(&key.0)?;
        if lane.waiting.capacity() > 0 && self.spare.len() < SPARE_QUEUES {
            self.spare.push(lane.waiting);
        }
        None
    }

    /// Takes all who wait for `key`, in offset order: after a dead letter under the policy *park* they follow it with
    /// reason `predecessor`. The holder keeps the key.
    pub fn take_waiting(&mut self, key: LaneKey) -> Vec<Offset> {
        let Some(lane) = self.lanes.get_mut(&key.0) else { return Vec::new() };
        let taken: Vec<Offset> = lane.waiting.drain(..).collect();
        self.waiting -= taken.len();
        taken
    }

    /// Who holds `key`.
    pub fn holder(&self, key: LaneKey) -> Option<Offset> {
        self.lanes.get(&key.0).map(|lane| lane.holder)
    }

    /// How many records wait, over all keys.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many keys are busy.
    #[inline]
    pub fn locked(&self) -> usize {
        self.lanes.len()
    }
}

impl PartialEq for Lanes {
    fn eq(&self, other: &Self) -> bool {
        self.lanes == other.lanes
    }
}

impl Eq for Lanes {}

impl Hash for Lanes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A sum, so that the map's own order does not show.
        let one = |entry: (&u64, &Lane)| {
            let mut hasher = DefaultHasher::new();
            entry.hash(&mut hasher);
            hasher.finish()
        };
        self.lanes.iter().map(one).fold(0, u64::wrapping_add).hash(state);
    }
}

#[cfg(test)]
mod tests;
