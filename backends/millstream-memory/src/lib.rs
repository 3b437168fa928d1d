//! The in-process log: the reference transport of Millstream, with the semantics of Kafka's logs and consumer groups.
//!
//! [`Memory`] is a whole cluster in one value: topics with partitions, retention and compaction; consumer groups with
//! sessions and both ways of handing partitions over; and switches for what goes wrong in production. Clones share the
//! log. It spawns nothing and rolls no dice: on a current-thread runtime under paused time two runs are alike.
//!
//! What a Kafka cluster has and this has not: transactions (an offset without a record can be made), retention by time,
//! static members, authorization, more than one broker, and quotas. Compaction keeps no record back for a time: a tombstone
//! falls in the second compaction that meets it.
//!
//! | file | noun |
//! | --- | --- |
//! | `memory` · `inspect` · `audit` · `faults` | the handle: administration, looking inside, watching commits, what goes wrong |
//! | `url` | logs that are found by name within the process |
//! | `transport` · `producer` · `consumer` · `owned` | the contract's traits; a partition as its consumer sees it |
//! | `config` · `error` | settings; words for errors |
//! | `broker` · `topic` · `partition` | what clones share; a topic; a partition behind its lock |
//! | `log` · `segment` · `compaction` | a partition's records |
//! | `group` · `member` · `assignor` · `offsets` | a consumer group: who holds what, who should, what is committed |
//! | `signal` · `alarm` | how a consumer is woken and seen alive; its timer |

// Runs of one seed are equal (I14): what clippy.toml lists is refused here, except in tests.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod alarm;
mod assignor;
mod audit;
mod broker;
mod compaction;
mod config;
mod consumer;
mod error;
mod faults;
mod group;
mod inspect;
mod log;
mod member;
mod memory;
mod offsets;
mod owned;
mod partition;
mod producer;
mod segment;
mod signal;
mod topic;
mod transport;
mod url;

pub use audit::Commit;
pub use config::{Cleanup, MemoryConfig, TopicConfig, WallClock};
pub use consumer::MemoryConsumer;
pub use faults::{CommitFault, SendFault, Stall};
pub use inspect::GroupMember;
pub use member::MemberId;
pub use memory::Memory;
pub use producer::MemoryProducer;
