//! Owns one run of a partition's records: while it is written, and then for ever unchanged. Leaves which runs there are to
//! `log`.

use millstream_core::contract::{Offset, RecordSet, RecordSetBuilder, RecordView};
use std::ops::Range;
use std::sync::Arc;

/// A sealed segment: it covers the offsets `first..next`, with or without gaps.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) set: Arc<RecordSet>,
    /// Where each record's bytes end, counted from the segment's beginning: a batch's bytes are one subtraction.
    ends: Vec<u32>,
    pub(crate) next: Offset,
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.set.bytes() as u64
    }

    /// The bytes of the first `len` records.
    fn bytes_below(&self, len: usize) -> u64 {
        if len == 0 { 0 } else { u64::from(self.ends[len - 1]) }
    }

    /// The records from the `from`th on that a demand admits, and their bytes: one at least, however large.
    pub(crate) fn admit(&self, from: usize, records: usize, bytes: u64) -> (Range<usize>, u64) {
        let before = self.bytes_below(from);
        let mut to = self.len().min(from.saturating_add(records.max(1)));
        if self.bytes_below(to) - before > bytes {
            let fits = self.ends[from..to].partition_point(|&end| u64::from(end) - before <= bytes);
            to = from + fits.max(1);
        }
        (from..to, self.bytes_below(to) - before)
    }

    /// The offset after `range`: that of the record that follows, or the segment's end.
    pub(crate) fn next_after(&self, range: &Range<usize>) -> Offset {
        if range.end < self.len() { self.set.view(range.end).offset() } else { self.next }
    }
}

/// A segment that is still written.
#[derive(Debug, Default)]
pub(crate) struct Open {
    builder: RecordSetBuilder,
    ends: Vec<u32>,
}

impl Open {
    /// An empty one for records from `first` on.
    pub(crate) fn new(first: Offset) -> Self {
        Open { builder: RecordSetBuilder::new(first), ends: Vec::new() }
    }

    /// An empty one with room for what is about to be written, so that a batch read as it was written is allocated once.
    pub(crate) fn with_room(first: Offset, records: usize, bytes: usize) -> Self {
        Open { builder: RecordSetBuilder::with_capacity(first, records, bytes), ends: Vec::with_capacity(records) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.builder.bytes()
    }

    pub(crate) fn push(&mut self, offset: Offset, timestamp: i64, record: RecordView<'_>) {
        self.builder.push_view(offset, timestamp, record);
        self.ends.push(u32::try_from(self.builder.bytes()).expect("a segment stays below 4 GiB"));
    }

    /// Ends the writing; the segment covers everything below `next`.
    pub(crate) fn seal(self, next: Offset) -> Segment {
        Segment { set: Arc::new(self.builder.build()), ends: self.ends, next }
    }
}
