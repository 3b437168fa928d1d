//! Owns one partition as its consumer holds it: where it reads, what it may take, and the request under way.

use super::fetch::Fetching;
use millstream_core::contract::{CommittedOffset, Epoch, Offset, RecordBatch, TopicId, TopicPartition};
use tokio::time::Instant;

/// One epoch of one partition.
pub(super) struct Held {
    pub(super) place: TopicPartition,
    pub(super) epoch: Epoch,
    /// The coordinator's number of it; 0 for one that belongs to no group.
    pub(super) grant: u64,
    pub(super) topic_id: TopicId,
    pub(super) committed: Option<CommittedOffset>,
    pub(super) position: Offset,
    pub(super) records: u32,
    pub(super) bytes: u64,
    /// Nothing came since the last demand: one record is taken, however large.
    pub(super) fresh: bool,
    pub(super) started: bool,
    pub(super) paused: bool,
    pub(super) revoking: bool,
    /// When its time to be given up is over.
    pub(super) until: Option<Instant>,
    pub(super) faulted: bool,
    pub(super) fetching: Option<Fetching>,
    /// Who led it when it was read last.
    #[cfg(millstream_planted)]
    pub(super) leader: Option<u8>,
}

impl Held {
    pub(super) fn new(place: TopicPartition, epoch: Epoch, grant: u64, topic_id: TopicId) -> Self {
        Held {
            place,
            epoch,
            grant,
            topic_id,
            committed: None,
            position: 0,
            records: 0,
            bytes: 0,
            fresh: false,
            started: false,
            paused: false,
            revoking: false,
            until: None,
            faulted: false,
            fetching: None,
            #[cfg(millstream_planted)]
            leader: None,
        }
    }

    /// Whether it is to ask for more now.
    pub(super) fn wants(&self) -> bool {
        self.started && !self.paused && !self.faulted && self.records > 0 && self.fetching.is_none()
    }

    /// What of a batch lies within the demand, which may have become smaller since it was asked for.
    pub(super) fn within_demand(&self, batch: RecordBatch) -> Option<RecordBatch> {
        let mut bytes = 0;
        let fits = batch.iter().take(self.records as usize).take_while(|view| {
            bytes += view.size() as u64;
            bytes <= self.bytes
        });
        let fits = fits.count().max(usize::from(self.fresh && self.records > 0));
        (fits > 0).then(|| batch.slice(0..fits))
    }

    /// So many records and bytes have come.
    pub(super) fn took(&mut self, records: usize, bytes: usize) {
        self.records = self.records.saturating_sub(u32::try_from(records).unwrap_or(u32::MAX));
        self.bytes = self.bytes.saturating_sub(bytes as u64);
        self.fresh = false;
    }
}
