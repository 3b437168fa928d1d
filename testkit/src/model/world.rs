//! Owns what a small world is made of: its records, its settings, and how many faults of each kind may befall it. Leaves
//! the worlds that are explored to `worlds`.

use millstream_core::contract::Offset;
use millstream_core::engine::{Followers, LanePolicy};
use std::time::Duration;

/// One record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Where it lies. Offsets between two entries hold no record (compaction, transaction markers).
    pub offset: Offset,
    /// A hash of its key.
    pub key: u64,
    /// Its event id. Two records with one id are twins.
    pub id: u128,
    /// How many outputs its handler emits.
    pub outputs: u8,
    /// What it does to its handler.
    pub nature: Nature,
}

impl Entry {
    /// A record with a key, an id of its own and no outputs, whose handler may wait.
    pub fn new(offset: Offset, key: u64) -> Self {
        Entry { offset, key, id: 100 + u128::from(offset), outputs: 0, nature: Nature::Waits }
    }

    /// The same with another record's id.
    #[must_use]
    pub fn twin_of(mut self, offset: Offset) -> Self {
        self.id = 100 + u128::from(offset);
        self
    }

    /// The same with so many outputs.
    #[must_use]
    pub fn outputs(mut self, outputs: u8) -> Self {
        self.outputs = outputs;
        self
    }

    /// The same with another nature.
    #[must_use]
    pub fn nature(mut self, nature: Nature) -> Self {
        self.nature = nature;
        self
    }
}

/// What a record does to its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nature {
    /// The handler's future is pending at first and ends at any time.
    Waits,
    /// The handler is done when it is first polled.
    Ready,
    /// It cannot be decoded.
    Poison,
    /// Its handler kills the process whenever it ends.
    Kills,
}

/// How many faults of each kind may happen, in any order and at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A process ends without a word; another one starts in its place.
    pub crashes: u8,
    /// A commit's reply is lost, before or after the commit was applied.
    pub lost_replies: u8,
    /// The group takes the partition away in order, for the other member or for the same.
    pub rebalances: u8,
    /// The group takes the partition away at once, and its owner hears of it later or too late.
    pub expiries: u8,
    /// An attempt fails for a reason that passes.
    pub transients: u8,
    /// An attempt fails for a reason that does not pass.
    pub permanents: u8,
    /// The error sink refuses a dead letter.
    pub refused_letters: u8,
    /// An output is refused for good.
    pub refused_outputs: u8,
    /// The deduplicator does not answer a mark, which may be applied or not.
    pub lost_marks: u8,
    /// A fetched batch is held up and comes after what was said later.
    pub late_batches: u8,
    /// The service of a member is told to stop.
    pub stops: u8,
}

/// What happens at once in a world, before anything else does: its order against the rest is not explored there. Each has
/// its own time in some other world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AtOnce {
    /// The deduplicator answers look-ups.
    pub look_ups: bool,
    /// Marks are applied and answered.
    pub marks: bool,
    /// A worker that was told to drop everything, or is through with draining, ends.
    pub ends: bool,
    /// A commit is written when it is submitted.
    pub writes: bool,
    /// A commit arrives when it is written.
    pub arrivals: bool,
    /// A member hears of an assignment.
    pub assignments: bool,
    /// Everything but the end of an attempt, before time passes.
    pub all_in_time: bool,
}

/// A small world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// What it is called.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// The log, in offset order.
    pub log: Vec<Entry>,
    /// The offset after the log's last. Above the last record's if the tail holds none.
    pub end: Offset,
    /// Whether there is a deduplicator.
    pub dedup: bool,
    /// Handler calls per delivery.
    pub max_attempts: u32,
    /// Which records run at the same time.
    pub lanes: LanePolicy,
    /// What becomes of those behind a dead letter.
    pub followers: Followers,
    /// Unsettled records a partition may have.
    pub in_flight: u64,
    /// How long a mark may wait for company. With zero commits go at once, and are held up by what is under way only.
    pub commit_every: Duration,
    /// How long an owner may take to give the partition up.
    pub budget: Duration,
    /// What may go wrong.
    pub faults: Faults,
    /// What happens at once.
    pub at_once: AtOnce,
}

impl World {
    /// Three records, one with a key of its own and two that share one; key order, a deduplicator, no faults.
    pub fn new(name: &'static str, about: &'static str) -> Self {
        World {
            name,
            about,
            log: vec![Entry::new(0, 7), Entry::new(1, 8), Entry::new(2, 7)],
            end: 3,
            dedup: true,
            max_attempts: 2,
            lanes: LanePolicy::ByKey,
            followers: Followers::Continue,
            in_flight: 3,
            commit_every: Duration::ZERO,
            budget: Duration::from_secs(1),
            faults: Faults::default(),
            at_once: AtOnce::default(),
        }
    }

    /// The same with these faults, and this much happening at once.
    #[must_use]
    pub fn with(mut self, faults: Faults, at_once: AtOnce) -> Self {
        (self.faults, self.at_once) = (faults, at_once);
        self
    }

    /// The same with this log, which ends after its last record.
    #[must_use]
    pub fn log(mut self, log: Vec<Entry>) -> Self {
        self.end = log.last().map_or(0, |entry| entry.offset + 1);
        self.log = log;
        self
    }

    /// The same with the first few records only.
    #[must_use]
    pub fn records(self, records: usize) -> Self {
        let log = self.log.iter().take(records).copied().collect();
        self.log(log)
    }

    /// The same with a log that ends here, above its last record.
    #[must_use]
    pub fn end(mut self, end: Offset) -> Self {
        self.end = end;
        self
    }

    /// The same without a deduplicator.
    #[must_use]
    pub fn without_dedup(mut self) -> Self {
        self.dedup = false;
        self
    }

    /// The same with other lanes.
    #[must_use]
    pub fn lanes(mut self, lanes: LanePolicy) -> Self {
        self.lanes = lanes;
        self
    }

    /// The same with another way for those behind a dead letter.
    #[must_use]
    pub fn followers(mut self, followers: Followers) -> Self {
        self.followers = followers;
        self
    }

    /// The same with this many handler calls per delivery.
    #[must_use]
    pub fn attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// The same with another window.
    #[must_use]
    pub fn in_flight(mut self, in_flight: u64) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// The same with another commit interval.
    #[must_use]
    pub fn commit_every(mut self, commit_every: Duration) -> Self {
        self.commit_every = commit_every;
        self
    }

    /// The place of the record at `offset` in the log.
    pub fn index_of(&self, offset: Offset) -> Option<usize> {
        self.log.iter().position(|entry| entry.offset == offset)
    }

    /// The record at `offset`.
    ///
    /// # Panics
    /// If there is none: only records of the log are delivered.
    pub fn entry(&self, offset: Offset) -> Entry {
        self.log[self.index_of(offset).expect("only records of the log are asked about")]
    }

    /// The first record at or above `offset`.
    pub fn next_entry(&self, offset: Offset) -> Option<Entry> {
        self.log.iter().copied().find(|entry| entry.offset >= offset)
    }
}
