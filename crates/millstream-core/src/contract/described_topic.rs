//! Owns what a cluster says of a topic. Leaves what is wrong with it to whoever asked.

use std::time::Duration;

/// What a topic is, as its cluster says it; `None` is what it does not say, or not to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedTopic {
    /// How many partitions it has.
    pub partitions: u32,
    /// The fewest replicas that any of them has.
    pub replicas: Option<u32>,
    /// How many of them must have a record before it is acknowledged.
    pub min_in_sync: Option<u32>,
    /// How long a record is kept; [`Duration::MAX`] for as long as there is room.
    pub retention: Option<Duration>,
    /// Whether of each key only the last record is kept.
    pub compacted: Option<bool>,
    /// The largest batch that it takes, in bytes.
    pub max_batch_bytes: Option<u64>,
}

impl DescribedTopic {
    /// A topic of which no more is known than how many partitions it has.
    pub fn new(partitions: u32) -> Self {
        DescribedTopic { partitions, replicas: None, min_in_sync: None, retention: None, compacted: None, max_batch_bytes: None }
    }
}
