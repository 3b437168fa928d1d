//! The workload with which Millstream simulates itself: orders that behave in every way a handler can, and a second service
//! downstream in which loss and doubling show.
//!
//! | file | noun |
//! | --- | --- |
//! | `order` | what is fed: an order that says how its handler is to behave |
//! | `desk` | the first service: orders become fills |
//! | `ledger` | the second: fills become entries, each once |

mod desk;
mod ledger;
mod order;

use super::Simulation;
use std::time::Duration;

pub use order::{Audit, Behaviour, Fill, Order};

/// The calls that a record may have in one epoch: the attempts of the desk's policy.
const ATTEMPTS: u32 = 3;
/// The window of the desk's handlers.
const IN_FLIGHT: u64 = 12;
/// How long a silent member keeps its partitions.
const SESSION: Duration = Duration::from_secs(10);
/// How long the services have to end.
const WITHIN: Duration = Duration::from_secs(10);

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
        .finally("every order has all its fills, each once, or a dead letter", ledger::complete)
        .always("no fill has two entries", ledger::each_once)
}
