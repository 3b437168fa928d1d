//! Owns the workload of sessions: partitions whose epochs end and begin again at once with the same member, of a service that
//! is slower than what comes.

use super::{ATTEMPTS, NO_BREAKER, SESSION, WITHIN, fed};
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

const INPUT: &str = "paper.work.tasks";
/// A small window, so that more lies in the log than is in flight.
const IN_FLIGHT: u64 = 4;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    number: u64,
    of: String,
    fails: u32,
    takes: u64,
}

impl EventData for Task {
    const TYPE: &'static str = "task";
    fn key(&self) -> Key<'_> {
        self.of.as_str().into()
    }
}

async fn on_task(node: &Node, task: Event<Task>, attempt: Attempt) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(task.takes)).await;
    if attempt.number() <= task.fails {
        return Err(HandlerError::transient("the tool is in use"));
    }
    node.note("task", task.number.to_string());
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Node> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(3);
    StreamServiceBuilder::new("worker", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(SESSION, Duration::from_secs(8))
        .with_state(node.clone())
        .add_consumer_handler_with(INPUT, "worker.tasks", on_task, settings)
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(30, 80);
    let mut records = Vec::new();
    for number in 0..count {
        let of = format!("t{}", dice.below(6));
        let fails = if dice.chance(100) { 1 } else { 0 };
        let task = Task { number, of, fails, takes: dice.between(50, 2_500) };
        records.push(fed::record(INPUT, ids.next(fed::MADE + number), &task.of, &task));
    }
    records
}

/// Every task was done.
fn finally(history: &History, memory: &Memory) -> Result<(), String> {
    let done: BTreeSet<u64> = history.noted("task").filter_map(|(_, number)| number.parse().ok()).collect();
    let topic: Topic = INPUT.parse().expect("a topic's name");
    let records = memory.records(&topic);
    let mut tasks = records.iter().filter_map(|record| fed::data::<Task>(record.value.as_deref()));
    match tasks.find(|task| !done.contains(&task.number)) {
        Some(task) => Err(format!("{task:?} was not done")),
        None => Ok(()),
    }
}

/// A slow service whose partitions are given to it again and again.
pub fn sessions() -> Simulation {
    Simulation::new()
        .service("worker", 2, service)
        .topic(INPUT, TopicConfig::new(2))
        .feed(feed)
        .also(Fault::GivenAgain)
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .session(SESSION)
        .stops_within(WITHIN)
        .finally("I1", finally)
}
