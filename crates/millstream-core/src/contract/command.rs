//! Owns what a consumer is told. A command only submits; its outcome comes out of `poll` as a `ConsumerEvent`.

use super::{Epoch, Offset, TopicPartition};
use std::time::Duration;

/// The caller's name for one commit; its outcome carries it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

/// One partition's part of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CommitEntry {
    /// The partition.
    pub partition: TopicPartition,
    /// The epoch under which it is owned; checked again at the moment of writing.
    pub epoch: Epoch,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record below it, if known.
    pub leader_epoch: Option<i32>,
    /// A text kept beside the offset; at most 4 KiB on Kafka.
    pub metadata: Option<String>,
}

impl CommitEntry {
    /// Commits `offset` for `partition` under `epoch`, without metadata.
    pub fn new(partition: TopicPartition, epoch: Epoch, offset: Offset) -> Self {
        CommitEntry { partition, epoch, offset, leader_epoch: None, metadata: None }
    }

    /// The same entry with a text beside the offset.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<String>) -> Self {
        self.metadata = Some(metadata.into());
        self
    }
}

/// What a consumer is told. Commands for an epoch that has ended are dropped without a word, except a commit, which is
/// answered `NotApplied`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Sets the demand of an epoch: at most this many records and bytes more may be yielded. Replaces the demand before.
    /// If `records` is above 0 the first record after a `Want` is admitted however large it is; from then on `bytes` is a
    /// limit until the next `Want`, so a demand is passed by less than one record.
    Want {
        /// The epoch.
        epoch: Epoch,
        /// Records that may still be yielded.
        records: u32,
        /// Bytes that may still be yielded.
        bytes: u64,
    },
    /// Begins delivery of an assigned epoch at an offset. Only the first one of an epoch counts; to seek, restart.
    Start {
        /// The epoch.
        epoch: Epoch,
        /// The first offset to read.
        at: Offset,
    },
    /// Ends an epoch (as [`EpochEnd::Lost`](super::EpochEnd::Lost)) and assigns its partition again under a new one, whose
    /// `Assigned` carries `resume: Some(at)`. The answer to a partition's fault, and the only way to seek. Of an epoch that
    /// is being revoked it is a release that is answered by `Lost`; if the topic is gone, `Assigned` comes when it is back.
    Restart {
        /// The epoch that ends.
        epoch: Epoch,
        /// Where the new one should start.
        at: Offset,
    },
    /// Moves committed offsets. Its outcome is a [`ConsumerEvent::Committed`](super::ConsumerEvent::Committed).
    Commit {
        /// The caller's name for it.
        id: CommitId,
        /// One entry a partition.
        entries: Vec<CommitEntry>,
    },
    /// Parks an epoch for long; what was prefetched may be dropped. Ends with the epoch.
    Pause {
        /// The epoch.
        epoch: Epoch,
    },
    /// Ends a pause.
    Resume {
        /// The epoch.
        epoch: Epoch,
    },
    /// Gives up an epoch that is being revoked: after its last commit's outcome or the end of the budget. After it nothing
    /// is said of the epoch any more. An epoch that is not being revoked may be given up too, as when it was assigned
    /// during a drain; its partition is not offered to this member again before the next rebalance.
    Release {
        /// The epoch.
        epoch: Epoch,
    },
    /// Asks the group whether this member still belongs to it; answered by
    /// [`ConsumerEvent::Confirmed`](super::ConsumerEvent::Confirmed) or by the end of the epochs.
    Confirm,
}

/// How a consumer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Close {
    /// Leaves the group at once, so that others take over; at most this long.
    Leave(Duration),
    /// Goes without leaving, for a static member that will be back; at most this long.
    Stay(Duration),
}
