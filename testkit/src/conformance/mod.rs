//! The contract's clauses as cases that any backend can run: one suite per trait, one call from a small harness.
//!
//! | file | noun |
//! | --- | --- |
//! | `case` · `act` | a case as data: clauses, needs; what a case asks to befall the log |
//! | `harness` · `pace` | what a backend gives; how time passes for it |
//! | `memory_world` | a world in which everything can be arranged, for `Memory` and wrappers around it |
//! | `suite` · `examine` | the list and its run; one case's run |
//! | `transport` | the cases of `Transport`, `Producer` and `Consumer` |
//! | [`deduplicator`](mod@deduplicator) · [`error_sink`](mod@error_sink) | those of `Deduplicator`, with a harness of its own, and of `ErrorSink`, with a world of its own |
//!
//! A test target with `harness = false` is one line:
//!
//! ```no_run
//! # use millstream_core::topic::Topic;
//! # use millstream_memory::{Memory, TopicConfig};
//! use millstream_testkit::conformance::{self, Case, Harness, World};
//!
//! struct InMemory;
//!
//! impl Harness for InMemory {
//!     type World = Log;
//!
//!     async fn create(&self, _case: &Case) -> Log {
//!         Log(Memory::new())
//!     }
//! }
//!
//! struct Log(Memory);
//!
//! impl World for Log {
//!     type Transport = Memory;
//!
//!     async fn transport(&self) -> Memory {
//!         self.0.clone()
//!     }
//!
//!     async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
//!         let topic: Topic = format!("shared.{name}").parse().expect("cases name topics well");
//!         self.0.create_topic(&topic, TopicConfig::new(partitions)).expect("names are unique");
//!         topic
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     conformance::transport(InMemory).run()
//! }
//! ```
//!
//! ```text
//! test producer::P1::send_answers_once_per_record_in_order ... ok
//! test consumer::C5::an_offset_without_a_record_is_passed_over ... ignored (the harness cannot take an offset without a record)
//! ```
//!
//! Each clause names its cases in the trait's docs. A case that does not apply, by the backend's capabilities, by an act its
//! world does not know, or by the harness' excuse, is reported as ignored with the reason, never as passed.
//!
//! Cases run against logs in other processes too: deadlines are generous, nothing sleeps to wait for something but for
//! a heartbeat, which nobody can see, and that nothing comes is concluded from what comes after it. They panic in words.

mod act;
mod case;
mod examine;
mod harness;
mod memory_world;
mod pace;
mod suite;

pub mod deduplicator;
pub mod error_sink;
mod transport;

pub use act::Act;
pub use case::{Case, Excuse, Need};
pub use examine::Verdict;
pub use harness::{Harness, World};
pub use memory_world::MemoryWorld;
pub use pace::Pace;
pub use suite::Suite;

use std::sync::Arc;

/// The suite of [`Transport`](millstream_core::contract::Transport), and of the
/// [`Producer`](millstream_core::contract::Producer)s and [`Consumer`](millstream_core::contract::Consumer)s it makes.
pub fn transport<H: Harness<World: World>>(harness: H) -> Suite {
    let harness = Arc::new(harness);
    Suite::new(transport::cases::<H::World>().into_iter().map(|entry| {
        let (case, harness) = (entry.case, harness.clone());
        (case, Arc::new(move || examine::transport(&*harness, &entry)) as Arc<_>)
    }))
}

/// The suite of [`Deduplicator`](millstream_core::contract::Deduplicator).
pub fn deduplicator<H: deduplicator::Harness>(harness: H) -> Suite {
    let harness = Arc::new(harness);
    Suite::new(deduplicator::cases::<H>().into_iter().map(|entry| {
        let (case, harness) = (entry.case, harness.clone());
        (case, Arc::new(move || examine::bare(&*harness, &harness.pace(), &entry)) as Arc<_>)
    }))
}

/// The suite of [`ErrorSink`](millstream_core::contract::ErrorSink).
pub fn error_sink<H: Harness<World: error_sink::World>>(harness: H) -> Suite {
    let harness = Arc::new(harness);
    Suite::new(error_sink::cases::<H::World>().into_iter().map(|entry| {
        let (case, harness) = (entry.case, harness.clone());
        (case, Arc::new(move || examine::sink(&*harness, &entry)) as Arc<_>)
    }))
}
