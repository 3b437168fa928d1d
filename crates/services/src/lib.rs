//! Kafka and Redis for tests and demonstrations: one to three brokers and a store as processes of one's own, on free ports of
//! loopback, that can be killed, paused and restarted, and that are gone with the value that started them, whatever ends it.
//!
//! `cargo xtask services` is this for a shell, `cargo xtask test` for the whole suite. A test that wants a broker to itself:
//!
//! ```no_run
//! use millstream_services::Kafka;
//!
//! let mut kafka = Kafka::start()?;
//! let servers = kafka.bootstrap_servers();
//! kafka.node_mut(1).kill()?;      // -9; clients of `servers` see resets
//! kafka.node_mut(1).start()?;     // the same address, the same data
//! # Ok::<(), millstream_services::Error>(())
//! ```
//!
//! | noun | file |
//! | --- | --- |
//! | [`Kafka`], [`KafkaSettings`], [`Secured`] | `kafka/` |
//! | [`Redis`], [`RedisSettings`] | `redis.rs` |
//! | [`Node`], one server: a process of ours, or a container | `node.rs`, `server.rs`, `compose.rs` |
//! | [`offered`], what a test is given | `offered.rs` |
//! | what must be installed, and how it is | `tools.rs`, `kafka/jars.rs` |
//! | that nothing outlives its owner | `owned.rs`, `keeper.rs`, `process.rs`, `place.rs` |
//!
//! Unix only.

mod compose;
mod error;
mod kafka;
mod keeper;
mod node;
pub mod offered;
mod owned;
mod place;
mod ports;
mod process;
mod redis;
mod server;
mod tools;

pub use compose::runs as docker_runs;
pub use error::Error;
pub use kafka::jars::{KAFKA, fetch, take_in};
pub use kafka::processes::{archive_classes, is_archived};
pub use kafka::{Kafka, KafkaSettings, Secured};
pub use node::{Node, State};
pub use place::{lock, root};
pub use redis::{Redis, RedisSettings};
pub use tools::{Remedy, Tool, missing_for_build, remedy};
