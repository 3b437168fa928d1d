//! Apache Kafka by way of librdkafka: the most complete client there is, in C.
//!
//! [`Rdkafka`] is a cluster. Building it needs a C compiler, `zlib1g-dev` and `libssl-dev`.
//!
//! | file | noun |
//! | --- | --- |
//! | `transport` | [`Rdkafka`], the contract's view of a cluster |
//! | `config` | settings: presets, safety, security, what librdkafka is given |
//! | `producer` | writing, answered out of delivery reports |
//! | `consumer` | reading, in a group or alone |
//! | `admin` | describing and creating topics |
//! | `asker` | the client that looks topics up |
//! | `client` · `credentials` · `token` · `secret` | callbacks of every client; tokens and where they come from; what is never shown |
//! | `error` | what librdkafka's errors mean |
//! | `blocking` | threads for calls that block |
//! | `raw` | every line of `unsafe` |

// One room may do what the safe wrapper cannot; everything else is safe.
#![deny(unsafe_code)]

mod admin;
mod asker;
mod blocking;
mod client;
mod config;
mod consumer;
mod credentials;
mod error;
mod producer;
#[allow(unsafe_code, reason = "the one audited room; each block says why it is sound")]
mod raw;
mod secret;
mod token;
mod transport;

pub use admin::{NewTopic, RdkafkaAdmin};
pub use config::{GroupProtocol, Preset, RdkafkaConfig, Sasl, Setting};
pub use consumer::RdkafkaConsumer;
pub use producer::RdkafkaProducer;
pub use secret::Secret;
pub use token::{Token, TokenFuture, TokenSource};
pub use transport::Rdkafka;
