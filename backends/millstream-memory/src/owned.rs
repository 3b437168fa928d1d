//! Owns one partition as its consumer sees it: where it reads, how much it may, and whether it may at all. Leaves who owns
//! it to `group`.

use crate::group::Grant;
use crate::log::Fetched;
use crate::partition::Partition;
use millstream_core::contract::{Epoch, Offset, PartitionFault, RecordBatch, TopicPartition};
use std::sync::Arc;

/// One epoch of one partition.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) place: TopicPartition,
    pub(crate) epoch: Epoch,
    pub(crate) partition: Arc<Partition>,
    position: Offset,
    records: u32,
    bytes: u64,
    /// Nothing was yielded since the last demand: one record is admitted, however large.
    fresh: bool,
    /// How many cuts of the log are known to lie above what was read.
    cuts: usize,
    started: bool,
    faulted: bool,
    pub(crate) paused: bool,
    pub(crate) revoking: bool,
}

/// What a partition has to say.
#[derive(Debug)]
pub(crate) enum Read {
    Records(RecordBatch),
    Advanced(Offset),
    Fault(PartitionFault),
    /// Its topic was deleted, and maybe made again.
    Gone,
}

impl Owned {
    pub(crate) fn new(grant: &Grant) -> Self {
        Owned {
            place: grant.place.clone(),
            epoch: grant.epoch,
            partition: grant.partition.clone(),
            position: 0,
            records: 0,
            bytes: 0,
            fresh: false,
            cuts: 0,
            started: false,
            faulted: false,
            paused: false,
            revoking: false,
        }
    }

    pub(crate) fn want(&mut self, records: u32, bytes: u64) {
        (self.records, self.bytes, self.fresh) = (records, bytes, true);
    }

    /// Begins delivery, once. An offset outside the log is a fault at once, whatever the demand.
    pub(crate) fn start(&mut self, at: Offset) -> Option<PartitionFault> {
        if self.started {
            return None;
        }
        (self.started, self.position, self.cuts) = (true, at, self.partition.cuts());
        let outside = at < self.partition.start() || at > self.partition.end();
        (outside && !self.partition.is_gone()).then(|| self.out_of_range())
    }

    /// The next thing within the demand.
    pub(crate) fn read(&mut self, max_batch: usize) -> Option<Read> {
        if !self.started || self.faulted || self.revoking {
            return None;
        }
        if self.partition.is_gone() {
            self.faulted = true;
            return Some(Read::Gone);
        }
        if self.cuts != self.partition.cuts() {
            let cut = self.partition.cut_since(self.cuts).filter(|&cut| cut < self.position);
            self.cuts = self.partition.cuts();
            if let Some(cut) = cut {
                self.faulted = true;
                return Some(Read::Fault(PartitionFault::Truncated(cut)));
            }
        }
        if self.records == 0 || self.paused || self.position == self.partition.end() {
            return None;
        }
        let most = max_batch.min(self.records as usize);
        match self.partition.fetch(self.position, most, self.bytes) {
            // The next record does not fit into what is left of the demand.
            Fetched::Records { bytes, .. } if bytes > self.bytes && !self.fresh => None,
            Fetched::Records { set, range, bytes, next } => {
                self.position = next;
                self.records -= u32::try_from(range.len()).unwrap_or(self.records);
                self.bytes = self.bytes.saturating_sub(bytes);
                self.fresh = false;
                let end = self.partition.end();
                let batch = RecordBatch::new(self.place.clone(), self.epoch, set, range, next).with_end(end, end);
                Some(Read::Records(batch))
            }
            Fetched::Gap(next) => {
                self.position = next;
                Some(Read::Advanced(next))
            }
            Fetched::OutOfRange => Some(Read::Fault(self.out_of_range())),
            Fetched::Nothing => None,
        }
    }

    fn out_of_range(&mut self) -> PartitionFault {
        self.faulted = true;
        let (log_start, end) = (self.partition.start(), self.partition.end());
        PartitionFault::OutOfRange { requested: self.position, log_start, end }
    }
}
