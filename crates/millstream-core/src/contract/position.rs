//! Owns the words for places in the log. Leaves what lies there to `record` and `batch`.

use crate::topic::Topic;
use std::fmt;

/// A record's number inside its partition. Offsets rise strictly and may have gaps.
pub type Offset = u64;

/// A partition's number inside its topic.
pub type PartitionId = u32;

/// The broker's identity of a topic: a topic deleted and created again under the same name has another one (F88).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u128);

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition's number.
    pub partition: PartitionId,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: Topic, partition: PartitionId) -> Self {
        TopicPartition { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The count of ownership sessions of a partition, made by the consumer that owns it.
///
/// Local to one process and strictly rising over all partitions of a consumer; a number is never used twice. What
/// leaves the process is never an epoch alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}", self.0)
    }
}

/// Where one record lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition's number.
    pub partition: PartitionId,
    /// The record's offset.
    pub offset: Offset,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}
