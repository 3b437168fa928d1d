//! Millstream: services that consume, process and produce streams of events, with settlement that is proven.
//!
//! A user writes a handler; Millstream owns consumer groups, the event envelope, deduplication, retries, dead letters,
//! commits, rebalances, shutdown and metrics. The transport is a plug.
//!
//! ```
//! use millstream::prelude::*;
//!
//! async fn print(event: Event<serde_json::Value>) {
//!     println!("{} {}", event.timestamp(), *event);
//! }
//!
//! # fn main() -> Result<(), Error> {
//! let service = StreamServiceBuilder::new("hello", Memory::new())
//!     .add_consumer_handler("market.ticks", "hello.ticks", print)
//!     .build()?;
//! # drop(service);
//! # Ok(())
//! # }
//! ```
//!
//! **By value, it comes from the record; `&T`, it is the service's state; `&mut`, it is what goes out: `&mut Outputs`, and the
//! entry of a table.**

pub use millstream_core::{builder, clock, contract, engine, envelope, handler, layer, service, topic};

#[cfg(feature = "logging")]
pub use millstream_logging as logging;
#[cfg(feature = "memory")]
pub use millstream_memory as memory;
#[cfg(feature = "moka")]
pub use millstream_moka as moka;
#[cfg(feature = "opentelemetry")]
pub use millstream_opentelemetry as opentelemetry;
#[cfg(feature = "prometheus")]
pub use millstream_prometheus as prometheus;
#[cfg(feature = "rdkafka")]
pub use millstream_rdkafka as rdkafka;
#[cfg(feature = "testkit")]
pub use millstream_testkit as testkit;

#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "settings")]
pub mod settings;
pub mod transports;

pub use millstream_core::builder::StreamServiceBuilder;
pub use millstream_core::envelope::EventData;
pub use millstream_core::service::exit_code;
#[cfg(feature = "derive")]
pub use millstream_derive::EventData;

#[cfg(any(doc, all(doctest, feature = "testkit")))]
pub mod guide;

/// What almost every service needs.
pub mod prelude {
    #[cfg(feature = "redis")]
    pub use crate::redis::{Redis, WithRedis};
    #[cfg(feature = "settings")]
    pub use crate::settings::{FromSettings, Settings};
    pub use crate::transports::{BuiltinTransports, OpenTransport};
    pub use millstream_core::builder::StreamServiceBuilder;
    pub use millstream_core::clock::Clock;
    pub use millstream_core::contract::{
        AnyTransport, ConsumerExt, Error, Headers, Position, ProducerExt, Reader, Record, Transport, TransportExt, Transports,
    };
    pub use millstream_core::engine::{Breaker, Failure, Followers, Retry};
    pub use millstream_core::envelope::{ContentMode, EventData, EventDraft, EventEnvelope, EventId, Key, Timestamp};
    pub use millstream_core::handler::{
        AnyEmit, Attempt, Batch, BatchOutputs, Delivery, Emit, EmitError, Event, Extract, HandlerError, Json, OrFail, OrFailIf,
        Outcome, Outcomes, Outputs, Provide, RawEvent, Rejection, Slot, TableEntry,
    };
    pub use millstream_core::layer::{DeliveryInfo, Layer, Next};
    pub use millstream_core::service::{
        Account, BatchSettings, DeadLetterTopic, ErrorHandling, ErrorSinkExt, HandlerSettings, Health, IdSource,
        ProducerSettings, Publisher, ServiceHandle, Services, Shutdown, StreamService, TableSettings, TableStart,
    };
    pub use millstream_core::topic::{Namespace, Sibling, Topic, TopicMap};

    #[cfg(feature = "derive")]
    pub use millstream_derive::EventData;
    #[cfg(feature = "memory")]
    pub use millstream_memory::Memory;
    #[cfg(feature = "moka")]
    pub use millstream_moka::{MokaDeduplicator, WindowDeduplicator};
    #[cfg(feature = "rdkafka")]
    pub use millstream_rdkafka::Rdkafka;
    /// Apache Kafka, by the client that the features brought: `Kafka::from_env()?` says nothing of which one.
    #[cfg(feature = "rdkafka")]
    pub use millstream_rdkafka::Rdkafka as Kafka;
}
