//! The contract's clauses as cases: each is a generic function over a [`Harness`], named as the promise it checks, and
//! cites its clauses. A backend runs every case as a test of its own, so that one that cannot is seen to be ignored.
//!
//! Cases run against logs in other processes too: deadlines are generous, nothing sleeps to wait for something, and that
//! nothing comes is concluded from what comes after it. They panic in words.

mod driver;

pub mod assignment;
pub mod consumer;
pub mod deduplicator;
pub mod group;
pub mod producer;
pub mod transport;

use millstream_core::contract::Transport;
use millstream_core::topic::Topic;
use std::time::Duration;

/// A backend to be examined, and the log behind it.
pub trait Harness: Sync {
    /// The client.
    type Transport: Transport;

    /// A client of the log. May be called many times.
    fn transport(&self) -> impl Future<Output = Self::Transport> + Send;

    /// Makes an empty topic of `partitions` partitions. `name` is unique among cases; where a log outlives a run the
    /// harness makes it unique among runs.
    fn create_topic(&self, name: &str, partitions: u32) -> impl Future<Output = Topic> + Send;

    /// The name of a group that nobody has used. Default: `name`, for logs that do not outlive a case.
    fn group(&self, name: &str) -> String {
        name.to_owned()
    }

    /// How long a case waits for something before it gives up. Default 30 s: far above what a rebalance takes.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// The session of members that fall silent. Default 6 s, the least Kafka's brokers take by default.
    fn session(&self) -> Duration {
        Duration::from_secs(6)
    }
}
