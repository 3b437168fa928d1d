//! Owns the workload of claims: orders that come twice, in two partitions, and of which one at a time may be worked on.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, WITHIN, fed};
use crate::sim::{Dice, Fault, History, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Attempt, Event, HandlerError};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

const INPUT: &str = "paper.payments.due";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Payment {
    number: u64,
    to: String,
    fails: u32,
    takes: u64,
}

impl EventData for Payment {
    const TYPE: &'static str = "payment";
    fn key(&self) -> Key<'_> {
        self.to.as_str().into()
    }
}

async fn on_payment(node: &Node, payment: Event<Payment>, attempt: Attempt) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(payment.takes)).await;
    if attempt.number() <= payment.fails {
        return Err(HandlerError::transient("the bank is away"));
    }
    node.note("paid", payment.number.to_string());
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Node> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(1)).attempts(ATTEMPTS);
    // An attempt ends long before its claim does.
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(6)).concurrency(8);
    StreamServiceBuilder::new("payer", node.transport())
        .with_deduplicator(node.claiming_deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .with_state(node.clone())
        .add_consumer_handler_with(INPUT, "payer.payments", on_payment, settings)
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(10, 30);
    let mut records = Vec::new();
    for number in 0..count {
        let to = format!("p{}", dice.below(5));
        let fails = if dice.chance(150) { u32::try_from(dice.between(1, 2)).unwrap_or(1) } else { 0 };
        let payment = Payment { number, to, fails, takes: dice.between(200, 4_000) };
        let record = fed::record(INPUT, ids.next(fed::MADE + number), &payment.to, &payment);
        if dice.chance(600) {
            let first = u32::try_from(dice.below(3)).unwrap_or(0);
            records.push(record.clone().to_partition(first));
            records.push(record.clone().to_partition((first + 1) % 3));
            if dice.chance(300) {
                records.push(record.to_partition((first + 2) % 3));
            }
        } else {
            records.push(record);
        }
    }
    records
}

/// Every payment was made.
fn finally(history: &History, memory: &Memory) -> Result<(), String> {
    let paid: BTreeSet<u64> = history.noted("paid").filter_map(|(_, number)| number.parse().ok()).collect();
    let topic: Topic = INPUT.parse().expect("a topic's name");
    let records = memory.records(&topic);
    let due = records.iter().filter_map(|record| fed::data::<Payment>(record.value.as_deref()));
    match due.into_iter().find(|payment| !paid.contains(&payment.number)) {
        Some(payment) => Err(format!("{payment:?} was not made")),
        None => Ok(()),
    }
}

/// A service whose deduplicator claims ids, and twins that meet in different partitions: also in one that comes while it works, and
/// with a store that has forgotten who works on what.
pub fn claims() -> Simulation {
    Simulation::new()
        .service("payer", 2, service)
        .topic(INPUT, TopicConfig::new(3))
        .feed(feed)
        .claims()
        .also(Fault::StoreEmptied)
        .also(Fault::PartitionAdded)
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .finally("I1", finally)
}
