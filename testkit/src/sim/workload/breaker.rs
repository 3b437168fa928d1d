//! Owns the workload of the breaker: payments through a bank that is away for longer than a payment may fail.

use super::{IN_FLIGHT, WITHIN, fed};
use crate::sim::{Dice, Fault, History, Node, Simulation, What};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::engine::{Breaker, Retry};
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Event, HandlerError};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const INPUT: &str = "paper.bank.payments";
const ATTEMPTS: u32 = 10;
/// A payment may fail for so long. The bank is away for longer, and one that is there fails it for less.
const DEADLINE: Duration = Duration::from_secs(8);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Payment {
    number: u64,
    from: String,
    /// When the bank is away, in milliseconds since the run's beginning: the same for all payments of a run.
    away: Vec<(u64, u64)>,
    /// Fails so often in a process while the bank is there.
    fails: u32,
}

impl EventData for Payment {
    const TYPE: &'static str = "payment";
    fn key(&self) -> Key<'_> {
        self.from.as_str().into()
    }
}

struct Bank {
    node: Node,
    failed: Mutex<BTreeMap<u64, u32>>,
}

impl Bank {
    fn fails(&self, payment: &Payment) -> bool {
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = all.entry(payment.number).or_default();
        *failed += 1;
        *failed <= payment.fails
    }
}

async fn on_payment(bank: &Bank, payment: Event<Payment>) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(3)).await;
    let now = bank.node.since_start().as_millis();
    if payment.away.iter().any(|(from, to)| (u128::from(*from)..u128::from(*to)).contains(&now)) {
        return Err(HandlerError::transient("the bank is away"));
    }
    if bank.fails(&payment) {
        return Err(HandlerError::transient("the bank is busy"));
    }
    bank.node.note("paid", payment.number.to_string());
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Bank> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(1)).attempts(ATTEMPTS).within(DEADLINE);
    let errors = ErrorHandling::new().retry(retry).breaker(Breaker::after(3).probe_every(Duration::from_secs(1)));
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(8);
    StreamServiceBuilder::new("payer", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(errors)
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .with_state(Bank { node: node.clone(), failed: Mutex::default() })
        .add_consumer_handler_with(INPUT, "payer.payments", on_payment, settings)
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let first = dice.between(3_000, 10_000);
    let back = first + dice.between(10_000, 16_000);
    let away = vec![(first, back)];
    let count = dice.between(20, 50);
    let mut records = Vec::new();
    for number in 0..count {
        let from = format!("a{}", dice.below(6));
        let fails = if dice.chance(300) { u32::try_from(dice.between(1, 2)).unwrap_or(1) } else { 0 };
        let payment = Payment { number, from, away: away.clone(), fails };
        records.push(fed::record(INPUT, ids.next(fed::MADE + number), &payment.from, &payment));
    }
    records
}

fn payments(memory: &Memory, topic: &str) -> Vec<Payment> {
    let topic: Topic = topic.parse().expect("a topic's name");
    memory.records(&topic).iter().filter_map(|record| fed::data(record.value.as_deref())).collect()
}

/// No payment is given up because the bank was away: it has attempts and time left. Of a process that was stopped nobody can
/// say how much, nor of one whose brokers were away: under care a record's next attempt waits for a commit, and its time runs.
fn always(history: &History, memory: &Memory) -> Result<(), String> {
    let stopped = |what: &What| matches!(what, What::Fault(text) if text == "goes on" || text.starts_with("broker"));
    if history.events().iter().any(|event| stopped(&event.what)) {
        return Ok(());
    }
    match payments(memory, &format!("{INPUT}.dlq")).first() {
        Some(Payment { number, away, fails, .. }) => {
            Err(format!("payment {number} was given up: the bank was away {away:?}, and fails it {fails} times"))
        }
        None => Ok(()),
    }
}

/// Every payment was made, or is a dead letter.
fn finally(history: &History, memory: &Memory) -> Result<(), String> {
    let mut over: BTreeSet<u64> = history.noted("paid").filter_map(|(_, number)| number.parse().ok()).collect();
    over.extend(payments(memory, &format!("{INPUT}.dlq")).iter().map(|payment| payment.number));
    match payments(memory, INPUT).iter().find(|payment| !over.contains(&payment.number)) {
        Some(payment) => Err(format!("{payment:?} was neither made nor given up")),
        None => Ok(()),
    }
}

/// A service of which what it calls is away, for longer than its records may fail, and which is restarted meanwhile.
pub fn breaker() -> Simulation {
    let restart = |member| Fault::Restart { member, down: Duration::from_millis(500), twice: false };
    Simulation::new()
        .service("payer", 2, service)
        .topic(INPUT, TopicConfig::new(2))
        .feed(feed)
        .also(restart(0))
        .also(restart(1))
        .faults(Duration::from_secs(40), 12)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .always("I5", always)
        .finally("I1", finally)
}
