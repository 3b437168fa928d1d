//! Owns how a partition treats its records: order, retries, and the fate of those behind a dead letter.

use super::{LanePolicy, RetryPolicy};

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

/// How a partition treats its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PartitionPolicy {
    /// Which records may run at the same time.
    pub lanes: LanePolicy,
    /// How often failing ones are tried.
    pub retry: RetryPolicy,
    /// What becomes of those behind a dead letter.
    pub followers: Followers,
    /// Whether ids are watched for twins: with a deduplicator.
    pub twins: bool,
}

impl PartitionPolicy {
    /// Key order, the default retries, followers go on.
    pub fn new(twins: bool) -> Self {
        PartitionPolicy { lanes: LanePolicy::ByKey, retry: RetryPolicy::default(), followers: Followers::default(), twins }
    }
}
