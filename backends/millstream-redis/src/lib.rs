//! Redis for Millstream: deduplication that all members of a group share, a cache by namespace, and kept metrics. No type of
//! the client is in a public signature.
//!
//! | file | noun |
//! | --- | --- |
//! | `redis` | the handle that users open |
//! | `address` · `link` · `tls` | where it is; the connection, with a deadline on every wait; where it is to be trusted |
//! | `trouble` · `eviction` | what errors mean; what a full Redis does |
//! | `deduplicator` · `near` | the contract's deduplicator; the marks of the last seconds in front of it |
//! | `claims` | who works on which id, if it is asked for |
//! | `cache` · `ttl` | entries by namespace; how long they live |
//! | `metrics` | numbers of services |
//! | `keys` | how keys and values read |
#![doc = include_str!("../README.md")]

mod address;
mod cache;
mod claims;
mod deduplicator;
mod eviction;
mod keys;
mod link;
mod metrics;
mod near;
mod redis;
mod tls;
mod trouble;
mod ttl;

pub use cache::{NamespacedCache, RedisCache};
pub use deduplicator::RedisDeduplicator;
pub use eviction::Eviction;
pub use metrics::{KeptMetrics, RedisMetrics};
pub use redis::{IntoRedis, Redis, RedisSettings};
pub use ttl::Ttl;
