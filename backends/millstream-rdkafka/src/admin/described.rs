//! Owns what a topic is, and what it is to be.

use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a topic is, as its cluster says it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedTopic {
    /// Its name.
    pub topic: Topic,
    /// How many partitions it has.
    pub partitions: u32,
    /// The fewest replicas that any of them has.
    pub replicas: u32,
    /// How many of them must have a record before it is acknowledged, if it is known.
    pub min_in_sync: Option<u32>,
    /// How long records are kept; `None` without end, or if it is not known.
    pub retention: Option<Duration>,
    /// Whether of each key only the last record is kept.
    pub compacted: bool,
    /// The largest batch that it takes, in bytes, if it is known.
    pub max_batch_bytes: Option<u64>,
}

impl DescribedTopic {
    /// A topic with its settings, as far as they are known.
    pub(super) fn new(topic: Topic, partitions: u32, replicas: u32, settings: &BTreeMap<String, String>) -> Self {
        let number = |name: &str| settings.get(name).and_then(|value| value.parse::<i64>().ok());
        let positive = |name: &str| number(name).and_then(|value| u64::try_from(value).ok());
        DescribedTopic {
            topic,
            partitions,
            replicas,
            min_in_sync: positive("min.insync.replicas").and_then(|count| u32::try_from(count).ok()),
            retention: positive("retention.ms").map(Duration::from_millis),
            compacted: settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
            max_batch_bytes: positive("max.message.bytes"),
        }
    }
}

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
