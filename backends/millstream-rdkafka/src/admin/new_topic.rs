//! Owns what a topic is to be.

use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::time::Duration;

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTopic {
    /// Its name.
    pub topic: Topic,
    /// How many partitions it gets.
    pub partitions: u32,
    /// How many replicas each gets; `None` leaves it to the cluster.
    pub replicas: Option<u32>,
    /// Settings by Kafka's names.
    pub settings: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic of `partitions` partitions; all else is left to the cluster.
    pub fn new(topic: Topic, partitions: u32) -> Self {
        NewTopic { topic, partitions, replicas: None, settings: BTreeMap::new() }
    }

    /// The same with so many replicas.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// The same, whose records are kept so long.
    #[must_use]
    pub fn retention(self, retention: Duration) -> Self {
        self.set("retention.ms", retention.as_millis().to_string())
    }

    /// The same, of each of whose keys only the last record is kept.
    #[must_use]
    pub fn compacted(self) -> Self {
        self.set("cleanup.policy", "compact")
    }

    /// The same with a setting by Kafka's name.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }
}
