//! Owns every `unsafe` line of this backend: what librdkafka can do and the safe wrapper around it cannot. Leaves all
//! decisions to those who call it.
//!
//! Why it earns its place: the wrapper copies each record that it reads from a partition's queue; only
//! `rd_kafka_commit_queue` tells the outcome of a commit without blocking a thread; only a described topic has its identity.
//! Each block says why it is sound.
//!
//! | file | noun |
//! | --- | --- |
//! | `message` · `queue` | a record as librdkafka holds it; a partition's queue, read event by event |
//! | `commit` | a commit whose outcome comes back as an event |
//! | `leader_epoch` | the leader epochs in a list of partitions |
//! | `describe` | topics with their identities |
//! | `token` | a token for a client that nobody polls |
//! | `produced` | whether a record that failed may have been written |

mod commit;
mod describe;
mod leader_epoch;
mod message;
mod produced;
mod queue;
mod token;

pub(crate) use commit::commit;
pub(crate) use describe::topic_ids;
pub(crate) use leader_epoch::{leader_epoch, set_leader_epoch};
pub(crate) use message::Message;
pub(crate) use produced::possibly_written;
pub(crate) use queue::{PartitionHandle, Polled};
pub(crate) use token::set_token;
