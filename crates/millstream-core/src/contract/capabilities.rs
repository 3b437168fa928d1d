//! Owns what a backend says it can and cannot do, so that `build()` refuses in words what would fail in production.

use std::time::Duration;

/// Whether a backend can do something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot, and why.
    No(&'static str),
}

impl Support {
    /// Whether it can.
    pub fn is_yes(&self) -> bool {
        matches!(self, Support::Yes)
    }
}

/// How produced records of one partition stay in order after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ordering {
    /// The client keeps order and drops its own duplicates (idempotence).
    Idempotent,
    /// One request in flight per partition keeps order; a resend may duplicate.
    OneInFlight,
}

/// What a backend can and cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The backend's name.
    pub name: &'static str,
    /// How produced records stay in order.
    pub ordering: Ordering,
    /// Null header values and repeated header names, in order.
    pub headers: Support,
    /// Consumer groups.
    pub groups: Support,
    /// Reading named partitions without a group (clause C17); state is restored by it.
    pub assignment: Support,
    /// Compacted topics.
    pub compaction: Support,
    /// The largest record it takes, in bytes.
    pub max_record_bytes: usize,
    /// The largest commit metadata it takes, in bytes.
    pub max_metadata_bytes: usize,
    /// The shortest session of a group's member it takes.
    pub shortest_session: Duration,
    /// The longest session of a group's member it takes.
    pub longest_session: Duration,
    /// Whether the log survives the process.
    pub durable: bool,
}

impl Capabilities {
    /// A backend that can do everything, with Kafka's default limits.
    pub fn all(name: &'static str) -> Self {
        Capabilities {
            name,
            ordering: Ordering::Idempotent,
            headers: Support::Yes,
            groups: Support::Yes,
            assignment: Support::Yes,
            compaction: Support::Yes,
            max_record_bytes: 1_048_576,
            max_metadata_bytes: 4_096,
            shortest_session: Duration::from_secs(6),
            longest_session: Duration::from_secs(30 * 60),
            durable: true,
        }
    }
}
