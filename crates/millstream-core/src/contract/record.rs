//! Owns one record to be produced, as users and dead letters write it. Many records travel in a
//! [`RecordSet`](super::RecordSet).

use super::PartitionId;
use crate::topic::Topic;
use bytes::Bytes;

/// One record on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Where it goes.
    pub topic: Topic,
    /// The partition it goes to; `None` lets the partitioner choose by key.
    pub partition: Option<PartitionId>,
    /// The key, by which order is kept. `None` is a keyless record, chosen on purpose.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order; names may repeat and values may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Milliseconds since the Unix epoch; `None` lets the broker stamp it.
    pub timestamp: Option<i64>,
}

impl Record {
    /// A record with a key and a value, without headers, stamped by the broker.
    pub fn new(topic: Topic, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Record { topic, partition: None, key: Some(key.into()), value: Some(value.into()), headers: Vec::new(), timestamp: None }
    }

    /// A record that deletes `key` from a compacted topic.
    pub fn tombstone(topic: Topic, key: impl Into<Bytes>) -> Self {
        Record { value: None, ..Record::new(topic, key, Bytes::new()) }
    }

    /// The same record without a key.
    #[must_use]
    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    /// The same record with one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// The same record, to exactly this partition.
    #[must_use]
    pub fn to_partition(mut self, partition: PartitionId) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The same record, stamped with `millis` since the Unix epoch.
    #[must_use]
    pub fn at(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }
}
