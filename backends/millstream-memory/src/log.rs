//! Owns one partition's records: appending, reading without copying, and what falls off the front. Leaves compaction and
//! merging to `compaction`, the lock and the wake-ups to `partition`.

use crate::compaction;
use crate::config::TopicConfig;
use crate::segment::{Open, Segment};
use millstream_core::contract::{Offset, RecordSet, RecordView};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Sealed segments with few records are merged when somebody reads on past them. 128: below a quarter of a default batch.
const SMALL: usize = 128;

/// What a read found.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Records; everything below `next` is among them or does not exist.
    Records { set: Arc<RecordSet>, range: Range<usize>, bytes: u64, next: Offset },
    /// No record up to the end, though offsets.
    Gap(Offset),
    /// The end of the log.
    Nothing,
    /// The offset lies before the first or after the last.
    OutOfRange,
}

/// One partition's log.
#[derive(Debug)]
pub(crate) struct Log {
    limits: Limits,
    sealed: VecDeque<Segment>,
    open: Open,
    start: Offset,
    open_first: Offset,
    end: Offset,
    sealed_bytes: u64,
    /// Bytes sealed since the last compaction, and those that compaction left.
    dirty: u64,
    clean: u64,
    /// Tombstones below it have survived a compaction and fall in the next one.
    compacted: Offset,
    last_stamp: i64,
    /// Where the log was cut, each time.
    cuts: Vec<Offset>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    retention: Option<u64>,
    compacts: bool,
}

impl Limits {
    pub(crate) fn of(config: &TopicConfig) -> Self {
        let retention = config.retention_bytes.filter(|_| config.cleanup.deletes());
        // Whole segments fall, so they must be small beside what is kept.
        let cap = retention.map_or(usize::MAX, |bytes| usize::try_from(bytes / 4).unwrap_or(usize::MAX).max(1));
        let bytes = config.segment_bytes.min(cap).min(1 << 30);
        Limits { records: config.segment_records, bytes, retention, compacts: config.cleanup.compacts() }
    }
}

impl Log {
    pub(crate) fn new(config: &TopicConfig) -> Self {
        Log {
            limits: Limits::of(config),
            sealed: VecDeque::new(),
            open: Open::new(0),
            start: 0,
            open_first: 0,
            end: 0,
            sealed_bytes: 0,
            dirty: 0,
            clean: 0,
            compacted: 0,
            last_stamp: 0,
            cuts: Vec::new(),
        }
    }

    /// The first offset that can be read.
    pub(crate) fn start(&self) -> Offset {
        self.start
    }

    /// The offset of the next record to come.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// Makes room for a batch of `records` records of `bytes` bytes about to be appended.
    pub(crate) fn expect(&mut self, records: usize, bytes: usize) {
        if self.open.len() == 0 {
            self.open = Open::with_room(self.end, records.min(self.limits.records), bytes.min(self.limits.bytes));
            self.open_first = self.end;
        }
    }

    /// Appends a copy of `record`; a `timestamp` below 0 is stamped with `wall`, but never below the stamp before it.
    pub(crate) fn append(&mut self, record: RecordView<'_>, size: usize, wall: impl FnOnce() -> i64) -> (Offset, i64) {
        let full = self.open.len() >= self.limits.records || self.open.bytes() + size > self.limits.bytes;
        if full {
            self.seal();
        }
        if self.open.len() == 0 {
            // A segment begins, because the one before was full or was read.
            self.retain();
            if self.open_first != self.end {
                self.open = Open::new(self.end);
                self.open_first = self.end;
            }
        }
        let mut timestamp = record.timestamp();
        if timestamp < 0 {
            self.last_stamp = self.last_stamp.max(wall());
            timestamp = self.last_stamp;
        }
        let offset = self.end;
        self.open.push(offset, timestamp, record);
        self.end += 1;
        (offset, timestamp)
    }

    /// Takes an offset without a record, as a transaction's marker does.
    pub(crate) fn append_control(&mut self) -> Offset {
        self.end += 1;
        self.end - 1
    }

    /// Reads from `at`: `records` records of `bytes` bytes together at most, but one record at least.
    pub(crate) fn fetch(&mut self, at: Offset, records: usize, bytes: u64) -> Fetched {
        if at < self.start || at > self.end {
            return Fetched::OutOfRange;
        }
        if at == self.end {
            return Fetched::Nothing;
        }
        if at >= self.open_first {
            self.seal();
        }
        // A reader that keeps up reads the last segment.
        let last = self.sealed.len().saturating_sub(1);
        let mut index = match self.sealed.get(last.wrapping_sub(1)) {
            Some(before) if before.next <= at => last,
            _ => self.sealed.partition_point(|segment| segment.next <= at),
        };
        compaction::merge_small(&mut self.sealed, index, SMALL, &self.limits);
        while let Some(segment) = self.sealed.get(index) {
            let from = segment.set.index_of(at);
            if from < segment.len() {
                let (range, bytes) = segment.admit(from, records, bytes);
                let next = segment.next_after(&range);
                return Fetched::Records { set: segment.set.clone(), range, bytes, next };
            }
            index += 1;
        }
        if self.open.len() == 0 {
            return Fetched::Gap(self.end);
        }
        // The offset lies in a gap before the open segment.
        self.seal();
        self.fetch(at, records, bytes)
    }

    /// Drops everything below `before`.
    pub(crate) fn delete_below(&mut self, before: Offset) {
        self.start = self.start.max(before.min(self.end));
        if self.start > self.open_first {
            self.seal();
        }
        while self.sealed.front().is_some_and(|segment| segment.next <= self.start) {
            self.pop_front();
        }
    }

    /// Cuts the log to end at `to`, as a leader does that did not have the rest (F103).
    pub(crate) fn truncate(&mut self, to: Offset) {
        if to >= self.end {
            return;
        }
        self.seal();
        compaction::cut(&mut self.sealed, to);
        self.sealed_bytes = self.sealed.iter().map(Segment::bytes).sum();
        (self.start, self.compacted) = (self.start.min(to), self.compacted.min(to));
        (self.end, self.open_first, self.open) = (to, to, Open::new(to));
        self.cuts.push(to);
    }

    /// How often the log was cut.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.len()
    }

    /// The lowest cut after the first `seen`.
    pub(crate) fn cut_since(&self, seen: usize) -> Option<Offset> {
        self.cuts.get(seen..)?.iter().min().copied()
    }

    /// Keeps the last record of each key only; see `compaction`.
    pub(crate) fn compact(&mut self) {
        self.seal();
        self.compact_sealed();
    }

    fn compact_sealed(&mut self) {
        compaction::compact(&mut self.sealed, self.compacted, &self.limits);
        self.compacted = self.open_first;
        self.sealed_bytes = self.sealed.iter().map(Segment::bytes).sum();
        self.clean = self.sealed_bytes;
        self.dirty = 0;
    }

    /// Turns what is written into a segment that can be shared.
    fn seal(&mut self) {
        if self.open.len() > 0 {
            let segment = std::mem::replace(&mut self.open, Open::new(self.end)).seal(self.end);
            self.sealed_bytes += segment.bytes();
            self.dirty += segment.bytes();
            self.sealed.push_back(segment);
            self.open_first = self.end;
        }
    }

    /// What is due once a segment, never once a record.
    fn retain(&mut self) {
        if self.limits.compacts && self.dirty > self.clean.max(self.limits.bytes as u64) {
            // Half of the log is new at least, so each record is looked at a bounded number of times.
            self.compact_sealed();
        }
        let Some(keep) = self.limits.retention else { return };
        while self.sealed.front().is_some_and(|front| self.sealed_bytes - front.bytes() >= keep) {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(segment) = self.sealed.pop_front() {
            self.sealed_bytes -= segment.bytes();
            self.start = self.start.max(segment.next);
        }
    }
}
