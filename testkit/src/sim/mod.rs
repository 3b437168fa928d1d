//! The simulator: a user's own services on virtual time, over a fake cluster in which everything goes wrong that can, with
//! the invariants checked as it happens.
//!
//! | file | noun |
//! | --- | --- |
//! | `simulation` | [`Simulation`]: what is to be simulated |
//! | `seeds` | running it: a seed, many, once more, with fewer faults |
//! | `report` | [`Report`]: what a run has shown |
//! | `replay` | the line that replays a run |
//! | `driver` | one run: what befalls the members, and when |
//! | `fault` · `rule` | [`Fault`], [`Schedule`]: what goes wrong; [`Rule`]: what befalls a certain request |
//! | `node` · `watch` | [`Node`]: a member's process; how its attempts are seen |
//! | `world` · `served` · `network` | what members share; what servers do; the way there |
//! | `cluster` | brokers, groups, idempotent producers |
//! | `client` | the contract's traits over all that |
//! | `store` · `claims` · `taken` | the shared store of ids; who works on one; what its client has claimed |
//! | `sink` | the shared error sink |
//! | `operator` | what is done to topics: compaction, deletion, creating again |
//! | `history` | [`History`]: what happened, its hash and its time line |
//! | `checks` | the invariants |
//! | [`workload`] | the services with which the framework simulates itself |
//! | `dice` | [`Dice`]: chance, from a seed |

mod checks;
mod claims;
mod client;
mod cluster;
mod dice;
mod driver;
mod fault;
mod history;
mod network;
mod node;
mod operator;
mod replay;
mod report;
mod rule;
mod seeds;
mod served;
mod simulation;
mod sink;
mod store;
mod taken;
mod watch;
pub mod workload;
mod world;

pub use checks::Violation;
pub use client::{SimConsumer, SimProducer, SimTransport};
pub use dice::Dice;
pub use driver::Mode;
pub use fault::{Fault, Schedule};
pub use history::{Ended, Event, History, What};
pub use network::Server;
pub use node::Node;
pub use report::Report;
pub use rule::{Effect, Request, Rule};
pub use simulation::{Describes, Simulation};
pub use sink::SimErrorSink;
pub use store::SimDeduplicator;
