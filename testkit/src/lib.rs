//! What tests of Millstream's services and backends are made of. The guide *Test your service* (`millstream::guide::testing`) shows
//! all of it at work.
//!
//! A service is tested at four levels; each runs more than the one before it, and finds other mistakes:
//!
//! | level | with | finds |
//! | --- | --- | --- |
//! | call the handler | [`TestEvent`], [`assert_published`] | wrong decisions |
//! | run the service on memory | [`TestBench`], and [`FlakySink`] and its like for parts that fail | what follows a failure, order, restarts, wrong topics |
//! | simulate it | [`sim::Simulation`] | what crashes, rebalances and outages break, and what only two members can |
//! | mock a trait | `mocks`, [`RecordingProducer`] | what is asked of a store, a sink, a producer |
//!
//! A backend of one's own runs the contract's suites, [`conformance`].
//!
//! # What is where
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`bench`](TestBench) | [`TestBench`]: a whole service on memory, fed and watched by a test |
//! | `test_event` | [`TestEvent`]: an event as a test says it, to be sent, given to a handler, or expected |
//! | `published` | [`assert_published`] and its like: what was published, compared field by field |
//! | `recording_producer` | [`RecordingProducer`]: keeps what it is given |
//! | `mocks` | mocks of the four traits, in the feature `mocks` |
//! | `dead_letter` | [`FoundLetter`]: a dead letter as a test reads it |
//! | [`conformance`] | the contract's clauses as cases that any backend can run |
//! | [`model`] | every interleaving of a small world, with the engine's own values |
//! | `naive_deduplicator` | [`NaiveDeduplicator`]: the contract in its plainest form, whole or with one planted [`Flaw`] |
//! | [`sim`] | the simulator: a user's own services on virtual time, with everything that can go wrong |
//! | `now` | the look at the clock |
//! | `switches` | [`Switches`]: what befalls the calls of a faulty part, switched by the test |
//! | `flaky_deduplicator` · `flaky_sink` · `flaky_transport` | parts that fail as stores, sinks and brokers do |

// Runs of one seed are equal (I14): what clippy.toml lists is refused here, except in tests.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod bench;
pub mod conformance;
mod dead_letter;
mod flaky_deduplicator;
mod flaky_sink;
mod flaky_transport;
#[cfg(feature = "mocks")]
pub mod mocks;
pub mod model;
mod naive_deduplicator;
mod now;
mod published;
mod recording_producer;
pub mod sim;
mod switches;
mod test_event;

pub use bench::TestBench;
pub use dead_letter::FoundLetter;
pub use flaky_deduplicator::{FlakyDeduplicator, MarkCall};
pub use flaky_sink::FlakySink;
pub use flaky_transport::{FlakyProducer, FlakyTransport, SendCall};
pub use naive_deduplicator::{Flaw, NaiveDeduplicator};
pub use published::{FoundEvents, FoundRecord, Published, assert_no_dead_letters, assert_nothing_published, assert_published};
pub use recording_producer::RecordingProducer;
pub use switches::{Fate, Switches};
pub use test_event::TestEvent;
