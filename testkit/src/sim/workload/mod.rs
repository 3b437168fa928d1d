//! The workload with which Millstream simulates itself: orders that behave in every way a handler can, and a second service
//! downstream in which loss and doubling show.
//!
//! | file | noun |
//! | --- | --- |
//! | `order` | what is fed: an order that says how its handler is to behave |
//! | `desk` | the first service: orders become fills |
//! | `ledger` | the second: fills become entries, each once |
//!
//! And smaller ones, a file each, for what this one does not do:
//!
//! | file | noun |
//! | --- | --- |
//! | `tables` | state that a service keeps, in a compacted topic |
//! | `retries` | retry topics |
//! | `letters` | a service that reads dead letters, and letters that are put back |
//! | `sinks` | dead letters that go to the error sink |
//! | `positions` | bare payloads, in topics that are created again |
//! | `retention` | records that are deleted unread |
//! | `claims` | ids of which one record at a time is handled |
//! | `breaker` | what handlers call is away, for longer than a record may fail |
//! | `outputs` | outputs in another order, sent at once, and kept waiting |
//! | `sessions` | epochs that end and begin again at once |
//! | `fed` | how an event from outside becomes a record |

mod breaker;
mod claims;
mod desk;
mod fed;
mod ledger;
mod letters;
mod order;
mod outputs;
mod positions;
mod retention;
mod retries;
mod sessions;
mod sinks;
mod tables;

use super::Simulation;
use millstream_core::engine::Breaker;
use std::time::Duration;

pub use breaker::breaker;
pub use claims::claims;
pub use letters::letters;
pub use order::{Audit, Behaviour, Fill, Order};
pub use outputs::outputs;
pub use positions::positions;
pub use retention::retention;
pub use retries::retries;
pub use sessions::sessions;
pub use sinks::sinks;
pub use tables::tables;

/// The calls that a record may have in one epoch: the attempts of the desk's policy.
const ATTEMPTS: u32 = 3;
/// The window of the desk's handlers.
const IN_FLIGHT: u64 = 12;
/// How long a silent member keeps its partitions.
const SESSION: Duration = Duration::from_secs(10);
/// How long the services have to end.
const WITHIN: Duration = Duration::from_secs(10);

/// A breaker that never opens: its probes are calls that count no attempt.
const NO_BREAKER: Breaker = Breaker::after(u32::MAX);

/// The simulation of the workload.
pub fn orders() -> Simulation {
    let simulation = Simulation::new()
        .service("desk", 2, desk::service)
        .service("ledger", 1, ledger::service)
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .session(SESSION)
        .stops_within(WITHIN);
    let simulation = ["paper", "zerodha"].into_iter().fold(simulation, order::topics);
    simulation
        .feed(order::feed)
        .finally("I1 every order has all its fills, each once, or a dead letter", ledger::complete)
        .always("I15 no fill has two entries", ledger::each_once)
}
