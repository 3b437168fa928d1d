//! Owns what a consumer says. Leaves what to do about it to the service's intake.

use super::{Applied, CommitId, Epoch, Error, Offset, RecordBatch, TopicId, TopicPartition};
use std::time::Duration;

/// A committed offset as the group stores it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch stored with it.
    pub leader_epoch: Option<i32>,
    /// The text stored with it; may be somebody else's.
    pub metadata: Option<String>,
}

impl CommittedOffset {
    /// A committed offset with its metadata.
    pub fn new(offset: Offset, metadata: Option<String>) -> Self {
        CommittedOffset { offset, leader_epoch: None, metadata }
    }
}

/// A partition was given to this member, under a new epoch. Nothing is delivered until `Command::Start`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Assigned {
    /// The partition.
    pub partition: TopicPartition,
    /// The ownership session that begins.
    pub epoch: Epoch,
    /// The broker's identity of the topic.
    pub topic_id: TopicId,
    /// What the group has committed; `None` if it never has.
    pub committed: Option<CommittedOffset>,
    /// The first offset still in the log, if known.
    pub log_start: Option<Offset>,
    /// The offset after the last record, if known.
    pub end: Option<Offset>,
    /// Where a `Command::Restart` asked to resume.
    pub resume: Option<Offset>,
}

impl Assigned {
    /// An assignment of `partition` under `epoch` about which nothing more is known.
    pub fn new(partition: TopicPartition, epoch: Epoch, topic_id: TopicId) -> Self {
        Assigned { partition, epoch, topic_id, committed: None, log_start: None, end: None, resume: None }
    }
}

/// How an epoch ends. Exhaustive: every consumer answers each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EpochEnd {
    /// The group takes the partition away in order. Until `Command::Release`, or for this long, it is still owned:
    /// finish, commit, release.
    Revoking(Duration),
    /// It was taken already (session expired, budget over, fenced, restarted). Commit nothing. Comes after `Revoking` too,
    /// unless the epoch was released.
    Lost,
}

/// What is wrong with one partition while the consumer goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartitionFault {
    /// The offset to read lies outside the log. Nothing is reset silently (F20).
    OutOfRange {
        /// The offset asked for.
        requested: Offset,
        /// The first offset in the log.
        log_start: Offset,
        /// The offset after the last.
        end: Offset,
    },
    /// Reading it is not allowed.
    Unauthorized,
    /// The topic does not exist any more.
    UnknownTopic,
    /// The topic was deleted and created again under the same name.
    Recreated(TopicId),
    /// The record at this offset cannot be read.
    Corrupt(Offset),
    /// The record at this offset is larger than can be fetched.
    TooLarge(Offset),
    /// The log was cut below what was read: to this offset, or to one below it where the transport cannot tell.
    Truncated(Offset),
}

/// The outcome of a commit, one answer a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Committed {
    /// The commit's name.
    pub id: CommitId,
    /// Each entry's epoch and offset, and what became of it.
    pub results: Vec<(Epoch, Offset, Applied)>,
}

impl Committed {
    /// The outcome of commit `id`.
    pub fn new(id: CommitId, results: Vec<(Epoch, Offset, Applied)>) -> Self {
        Committed { id, results }
    }
}

/// What the transport has to say.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConsumerEvent {
    /// A partition was assigned.
    Assigned(Assigned),
    /// Records of one started partition, within its demand.
    Records(RecordBatch),
    /// Everything below `next` is delivered or does not exist: `RecordBatch::next` without records, for control records
    /// and compaction at the tail (F107).
    Advanced {
        /// The epoch.
        epoch: Epoch,
        /// The next offset to read.
        next: Offset,
    },
    /// An epoch ends.
    Ending {
        /// The epoch.
        epoch: Epoch,
        /// How.
        how: EpochEnd,
    },
    /// Something is wrong with one partition; it yields nothing until restarted or lost.
    Fault {
        /// The epoch.
        epoch: Epoch,
        /// What.
        fault: PartitionFault,
    },
    /// A commit's outcome.
    Committed(Committed),
    /// The group knows this member, as of an exchange that began after the last `Command::Confirm`.
    Confirmed,
    /// The transport has trouble and goes on trying. One that the cluster turns away says so with an error of the kind
    /// [`Unauthorized`](crate::contract::ErrorKind::Unauthorized), again and again while that lasts.
    Degraded(Error),
    /// The consumer cannot go on.
    Fatal(Error),
}
