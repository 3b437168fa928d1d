//! Owns the settings of the log and of its topics, with their defaults and reasons.

use crate::Memory;
use millstream_core::clock::Clock;

/// Settings of a [`Memory`]. Made by [`Memory::builder`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// Whether a topic that is produced to, consumed or looked up is created. Default true, as Kafka's brokers do.
    pub auto_create: bool,
    /// The topics that are created so.
    pub topic: TopicConfig,
    /// What stamps records that bring no timestamp.
    pub wall: WallClock,
    /// What measures sessions and budgets; `None` makes one at the first use, so that it belongs to the runtime (and its
    /// paused time) in which the log is used.
    pub clock: Option<Clock>,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        MemoryConfig { auto_create: true, topic: TopicConfig::new(1), wall: WallClock::System, clock: None }
    }
}

impl MemoryConfig {
    /// Sets whether unknown topics are created.
    #[must_use]
    pub fn auto_create(mut self, yes: bool) -> Self {
        self.auto_create = yes;
        self
    }

    /// Sets how many partitions a topic gets that is created by use. Default 1, Kafka's own.
    #[must_use]
    pub fn default_partitions(mut self, partitions: u32) -> Self {
        self.topic.partitions = partitions.max(1);
        self
    }

    /// Sets what topics are like that are created by use.
    #[must_use]
    pub fn default_topic(mut self, topic: TopicConfig) -> Self {
        self.topic = topic;
        self
    }

    /// Sets what stamps records.
    #[must_use]
    pub fn wall(mut self, wall: WallClock) -> Self {
        self.wall = wall;
        self
    }

    /// Sets the clock that measures sessions and budgets.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The log with these settings.
    pub fn build(self) -> Memory {
        Memory::with(self)
    }
}

/// What stamps records that bring no timestamp. Within a partition such stamps never fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WallClock {
    /// The machine's own. The default.
    #[default]
    System,
    /// This many milliseconds since the Unix epoch at the log's beginning, and from there on by the monotonic clock: two
    /// runs under paused time stamp alike.
    Virtual(u64),
}

/// What happens to old records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cleanup {
    /// Dropped from the front, a segment at a time, above [`TopicConfig::retention_bytes`]. The default, as Kafka's.
    #[default]
    Delete,
    /// Only the last record of a key stays.
    Compact,
    /// Both.
    Both,
}

impl Cleanup {
    pub(crate) fn compacts(self) -> bool {
        matches!(self, Cleanup::Compact | Cleanup::Both)
    }

    pub(crate) fn deletes(self) -> bool {
        matches!(self, Cleanup::Delete | Cleanup::Both)
    }
}

/// Settings of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicConfig {
    /// How many partitions it has.
    pub partitions: u32,
    /// The bytes a partition keeps at least before it drops segments; `None`, the default, keeps all: a test's audit reads
    /// the whole log.
    pub retention_bytes: Option<u64>,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// The largest record, in bytes of key, value and headers. Default 1 MiB, Kafka's own.
    pub max_record_bytes: usize,
    /// The records of a segment at most. Default 4,096: eight default batches, and the most that is dropped or merged at once.
    pub segment_records: usize,
    /// The bytes of a segment at most, a quarter of the retention at most. Default 1 MiB: small beside a cache of records,
    /// large beside the cost of a segment. One larger record is admitted alone.
    pub segment_bytes: usize,
}

impl TopicConfig {
    /// A topic of `partitions` partitions (1 at least) that keeps everything.
    pub fn new(partitions: u32) -> Self {
        TopicConfig {
            partitions: partitions.max(1),
            retention_bytes: None,
            cleanup: Cleanup::Delete,
            max_record_bytes: 1_048_576,
            segment_records: 4_096,
            segment_bytes: 1_048_576,
        }
    }

    /// A compacted topic of `partitions` partitions.
    pub fn compacted(partitions: u32) -> Self {
        TopicConfig::new(partitions).cleanup(Cleanup::Compact)
    }

    /// Sets the bytes a partition keeps.
    #[must_use]
    pub fn retention_bytes(mut self, bytes: u64) -> Self {
        self.retention_bytes = Some(bytes);
        self
    }

    /// Sets what happens to old records.
    #[must_use]
    pub fn cleanup(mut self, cleanup: Cleanup) -> Self {
        self.cleanup = cleanup;
        self
    }

    /// Sets the largest record.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }

    /// Sets the records of a segment.
    #[must_use]
    pub fn segment_records(mut self, records: usize) -> Self {
        self.segment_records = records.max(1);
        self
    }

    /// Sets the bytes of a segment.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: usize) -> Self {
        self.segment_bytes = bytes.max(1);
        self
    }
}
