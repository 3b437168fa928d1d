//! Owns what can be set for the table of a handler, each default with its reason.

use std::time::Duration;

/// Where a partition starts whose group has a commit, but not of a time when it kept this table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableStart {
    /// At the first record in the log, so that the table holds all of it. The default: a table that lacks what came before
    /// looks like any other. Records run again, duplicates of others stay known, and outputs keep their ids.
    #[default]
    Replay,
    /// At the commit, with an empty table. For tables of what is to come.
    Empty,
}

/// What can be set for the table of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSettings {
    /// How long restoring one partition may take. 5 minutes by default: at 20 MiB a second the bytes of a full table take
    /// seconds, and what takes minutes is an outage. After it the service ends with an error, and starts with half a table
    /// never.
    pub restore_within: Duration,
    /// The most entries of one partition. 1,000,000 by default: far above the instruments and accounts of a trading system,
    /// far below what hurts.
    pub entries: usize,
    /// The most bytes of one partition, keys and JSON together. 256 MiB by default: with a dozen partitions a process still
    /// fits into a small machine.
    pub bytes: usize,
    /// Where a partition starts that has a commit and no table yet.
    pub start: TableStart,
}

impl Default for TableSettings {
    fn default() -> Self {
        TableSettings {
            restore_within: Duration::from_secs(300),
            entries: 1_000_000,
            bytes: 256 << 20,
            start: TableStart::default(),
        }
    }
}

impl TableSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another deadline for restoring a partition.
    #[must_use]
    pub fn restore_within(mut self, within: Duration) -> Self {
        self.restore_within = within;
        self
    }

    /// The same with other caps on what one partition holds. When one is reached nothing is forgotten: records with keys
    /// that have no entry yet wait, and health says why. A partition that holds more, because caps were lowered, is full too.
    #[must_use]
    pub fn most(mut self, entries: usize, bytes: usize) -> Self {
        (self.entries, self.bytes) = (entries, bytes);
        self
    }

    /// The same with another start for a group that has a commit and no table yet.
    #[must_use]
    pub fn start(mut self, start: TableStart) -> Self {
        self.start = start;
        self
    }
}
