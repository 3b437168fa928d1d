//! The contract: what a backend promises and what the rest of Millstream may rely on.
//!
//! Four traits that a service is driven by ([`Producer`], [`Consumer`], [`Deduplicator`], [`ErrorSink`]), [`Transport`], which
//! makes the first two of them, the values they exchange, and one [`Error`]. Each trait lists its promises as numbered clauses
//! (`P1`, `C1`, `D1`, `E1` …), and each clause names the conformance cases that check it. Nothing here waits for anything but a
//! backend's answer, reads a clock or rolls dice, and no runtime is named.
//!
//! | file | noun |
//! | --- | --- |
//! | `record` | [`Record`], one record to be produced |
//! | `batch` | [`RecordSet`] and its views: many records in one arena |
//! | `position` | [`TopicPartition`], [`Epoch`], [`Position`] |
//! | `producer` · `consumer` · `deduplicator` · `error_sink` | the four traits |
//! | `event` · `command` | what a consumer says, and what it is told |
//! | `transport` | a client that makes producers and consumers |
//! | `transports` · `transport_url` | which URL opens which, and what of it may be shown |
//! | `reader` | the direct tier's way of reading |
//! | `described_topic` | what a cluster says of a topic |
//! | `capabilities` | what a backend can and cannot do |
//! | `error` | the one error |
//! | `erased` | boxed mirrors, one box per call |
//! | `nearest` | what a misspelt word was meant to be |
//! | `secret` | which names are those of secrets |

mod batch;
mod capabilities;
mod command;
mod consumer;
mod deduplicator;
mod described_topic;
mod erased;
mod error;
mod error_sink;
mod event;
mod nearest;
mod partitioner;
mod position;
mod producer;
mod reader;
mod record;
mod secret;
mod transport;
mod transport_url;
mod transports;

pub use batch::{Headers, RecordBatch, RecordRef, RecordSet, RecordSetBuilder, RecordView, Records};
pub use capabilities::{Capabilities, Ordering, Support};
pub use command::{Close, Command, CommitEntry, CommitId};
pub use consumer::{Consumer, ConsumerExt};
pub use deduplicator::{DedupScope, Deduplicator, Fingerprint, Mark, Marked, Scope, Seen};
pub use described_topic::DescribedTopic;
pub use erased::{AnyConsumer, AnyDeduplicator, AnyErrorSink, AnyProducer, AnyTransport};
pub use error::{Applied, BoxError, Error, ErrorKind, NotApplied, Operation, TryAgain};
pub use error_sink::{DeadLetter, DeadLetterReason, Durability, ErrorSink};
pub use event::{Assigned, Committed, CommittedOffset, ConsumerEvent, EpochEnd, PartitionFault};
pub use nearest::nearest;
pub use partitioner::partition_for_key;
pub use position::{Epoch, Offset, PartitionId, Position, TopicId, TopicPartition};
pub use producer::{Produce, Producer, ProducerExt, Receipt};
pub use reader::Reader;
pub use record::Record;
pub use secret::is_secret;
pub use transport::{ConsumerRequest, Protocol, Transport, TransportExt};
pub use transport_url::TransportUrl;
pub use transports::Transports;
