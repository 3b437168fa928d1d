//! Owns the words in which a partition speaks of its records: what a new one may do, and where a held one is. Leaves the
//! rules to `partition`.

use super::{Attempts, LaneKey, LanePolicy, Retry};
use crate::clock::MonoTime;
use crate::contract::DeadLetterReason;

/// What becomes of a key's waiting records when one before them became a dead letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Followers {
    /// They go on. The default: most events stand for themselves.
    #[default]
    Continue,
    /// They become dead letters too, with reason `predecessor`: for events that mean nothing without the one before.
    Park,
}

/// What a newly arrived record may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// Start now.
    Start,
    /// Wait: its key is busy, or its id is under way. It comes out of [`Partition::next_runnable`](super::Partition::next_runnable) when it may go on.
    Wait,
}

/// Where a held record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Its key is busy.
    Waiting,
    /// Its id is under way. Its key, if it has one, is its own meanwhile.
    Twin,
    /// It may start.
    Runnable,
    /// Its handler runs.
    Running,
    /// It is tried again at this point.
    Backoff(MonoTime),
    /// Its handler put it off until this point.
    Deferred(MonoTime),
    /// It was the probe of an open breaker and failed: it may start again when the others have been, or the breaker has closed.
    Probed,
    /// Its dead letter is on its way.
    Letter(DeadLetterReason),
}

/// A record off the fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Its lane, if its policy gives it one.
    pub lane: Option<LaneKey>,
    /// Its id.
    pub id: u128,
    /// What it has failed so far.
    pub attempts: Option<Attempts>,
    /// Where it is.
    pub stage: Stage,
}

/// How a partition treats its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PartitionPolicy {
    /// Which records may run at the same time.
    pub lanes: LanePolicy,
    /// How often failing ones are tried.
    pub retry: Retry,
    /// What becomes of those behind a dead letter.
    pub followers: Followers,
    /// Whether ids are watched for twins: with a deduplicator.
    pub twins: bool,
}

impl PartitionPolicy {
    /// Key order, the default retries, followers go on.
    pub fn new(twins: bool) -> Self {
        PartitionPolicy { lanes: LanePolicy::ByKey, retry: Retry::default(), followers: Followers::default(), twins }
    }
}
