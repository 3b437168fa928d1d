//! Owns what has really happened, whoever knows of it: outputs in their topics, dead letters, marks. By it a commit is
//! judged.

use super::world::World;
use millstream_core::contract::Offset;

/// Some records of the log, by their offsets below 16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Offsets(u16);

impl Offsets {
    /// Adds one.
    pub(super) fn add(&mut self, offset: Offset) {
        self.0 |= 1 << offset;
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, offset: Offset) {
        self.0 &= !(1 << offset);
    }

    /// Whether it is there.
    pub(super) fn has(self, offset: Offset) -> bool {
        self.0 >> offset & 1 == 1
    }

    /// The lowest.
    pub(super) fn first(self) -> Option<Offset> {
        (self.0 != 0).then(|| Offset::from(self.0.trailing_zeros()))
    }

    /// Whether there is none.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All of them, rising.
    pub(super) fn iter(self) -> impl Iterator<Item = Offset> {
        (0..16).filter(move |offset| self.has(*offset))
    }
}

/// What has happened outside the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Truth {
    /// Records of which an attempt returned Ok and has all its outputs acknowledged.
    pub(super) done: Offsets,
    /// Records whose dead letter was accepted.
    pub(super) letters: Offsets,
    /// Records whose mark the deduplicator has: of each id the first one.
    pub(super) marks: Offsets,
}

impl Truth {
    /// The record by which `id` is marked.
    pub(super) fn marked_by(&self, world: &World, id: u128) -> Option<Offset> {
        self.marks.iter().find(|offset| world.entry(*offset).id == id)
    }

    /// A mark is applied: the first of its id stays.
    pub(super) fn mark(&mut self, world: &World, offset: Offset) {
        if self.marked_by(world, world.entry(offset).id).is_none() {
            self.marks.add(offset);
        }
    }

    /// Whether the record at `offset` is settled: done, a dead letter, or done before by one with its id (§1).
    pub(super) fn is_settled(&self, world: &World, offset: Offset) -> bool {
        let done_before = || {
            let by = self.marked_by(world, world.entry(offset).id);
            by.is_some_and(|by| self.done.has(by))
        };
        self.done.has(offset) || self.letters.has(offset) || done_before()
    }

    /// The first record below `end` that is not settled.
    pub(super) fn first_unsettled(&self, world: &World, end: Offset) -> Option<Offset> {
        let below = world.log.iter().map(|entry| entry.offset).filter(|offset| *offset < end);
        below.into_iter().find(|offset| !self.is_settled(world, *offset))
    }
}
