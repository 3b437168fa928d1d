//! Owns what a case asks to befall the log, beyond what its clients can do. Leaves how to the harness.

use super::{Excuse, Need};
use millstream_core::contract::{Offset, TopicPartition};
use millstream_core::topic::Topic;
use std::fmt;

/// What an operator, a neighbour or misfortune does to the log, at a case's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act<'a> {
    /// Ends a member's session as if its time had passed.
    Expire {
        /// Its group.
        group: &'a str,
        /// The name it gave itself.
        client_id: &'a str,
    },
    /// From now on the log does not answer this member: its peer hangs. The member's session may run out by it.
    Silence {
        /// Its group.
        group: &'a str,
        /// The name it gave itself.
        client_id: &'a str,
    },
    /// The group's next commit is not written and answered as stale, though its epochs are open.
    StaleCommit {
        /// The group.
        group: &'a str,
    },
    /// The answer to the group's next commit is lost.
    UnknownCommit {
        /// The group.
        group: &'a str,
        /// Whether the commit is written.
        written: bool,
    },
    /// The next record sent to the topic is not written, for a cause that passes.
    FailSend {
        /// The topic.
        topic: &'a Topic,
    },
    /// The answer to the next record sent to the topic is lost.
    UnknownSend {
        /// The topic.
        topic: &'a Topic,
        /// Whether the record is written.
        written: bool,
    },
    /// The partition's next offset is taken by something that is no record, as a transaction's marker.
    Gap {
        /// The partition.
        place: &'a TopicPartition,
    },
    /// Of each key only the last record stays, now. Something that is no record may come to lie behind the last one.
    Compact {
        /// The topic.
        topic: &'a Topic,
    },
    /// The partition's records below an offset are dropped.
    Trim {
        /// The partition.
        place: &'a TopicPartition,
        /// The first offset that stays.
        before: Offset,
    },
    /// The partition is cut to end at an offset, as by a leader that lacks the rest.
    Truncate {
        /// The partition.
        place: &'a TopicPartition,
        /// Its new end.
        to: Offset,
    },
    /// The topic is deleted and created again, empty, under the same name.
    Recreate {
        /// The topic.
        topic: &'a Topic,
    },
}

impl Act<'_> {
    /// The need of a case that asks for it.
    pub fn need(&self) -> Need {
        match self {
            Act::Expire { .. } => Need::Expiry,
            Act::Silence { .. } => Need::Silence,
            Act::StaleCommit { .. } | Act::UnknownCommit { .. } => Need::CommitFaults,
            Act::FailSend { .. } | Act::UnknownSend { .. } => Need::SendFaults,
            Act::Gap { .. } => Need::Gaps,
            Act::Compact { .. } => Need::Compaction,
            Act::Trim { .. } => Need::Trimming,
            Act::Truncate { .. } => Need::Truncation,
            Act::Recreate { .. } => Need::Recreation,
        }
    }

    /// Why a case that asks for it is ignored, where the harness knows no way.
    pub fn unsupported(&self) -> Excuse {
        Excuse::from(format!("the harness cannot {self}"))
    }
}

/// What it does, after "the harness can".
impl fmt::Display for Act<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Act::Expire { .. } => "end a member's session",
            Act::Silence { .. } => "keep the log from answering a member",
            Act::StaleCommit { .. } => "have a commit answered as stale",
            Act::UnknownCommit { .. } => "lose the answer to a commit",
            Act::FailSend { .. } => "fail a record for a cause that passes",
            Act::UnknownSend { .. } => "lose the answer to a record",
            Act::Gap { .. } => "take an offset without a record",
            Act::Compact { .. } => "compact a topic at once",
            Act::Trim { .. } => "drop a partition's oldest records",
            Act::Truncate { .. } => "cut a partition's end off",
            Act::Recreate { .. } => "create a topic again",
        })
    }
}
