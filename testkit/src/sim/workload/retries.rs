//! Owns the workload of retry topics: jobs that fail for longer than a key should be held, among records that look like copies
//! and are none.

use super::{IN_FLIGHT, NO_BREAKER, WITHIN, fed};
use crate::sim::{Dice, History, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Event, HandlerError, Outputs};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::{Sibling, Topic};
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const INPUT: &str = "paper.work.jobs";
const GROUP: &str = "worker.jobs";
const DONE: Sibling = Sibling::new("work", "done");
/// The calls a job may have in one topic.
const ATTEMPTS: u32 = 2;

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    number: u64,
    of: String,
    /// Fails so often, counted over all the calls of a process.
    fails: u32,
    /// Fails for good.
    refused: bool,
    /// Takes so many milliseconds.
    takes: u64,
}

impl EventData for Job {
    const TYPE: &'static str = "job";
    fn key(&self) -> Key<'_> {
        self.of.as_str().into()
    }
}

struct Worker {
    node: Node,
    failed: Mutex<BTreeMap<u64, u32>>,
}

async fn on_job(worker: &Worker, job: Event<Job>, out: &mut Outputs) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(job.takes)).await;
    if job.refused {
        return Err(HandlerError::permanent("no such tool"));
    }
    let failed = {
        let mut all = worker.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = all.entry(job.number).or_default();
        *failed += 1;
        *failed
    };
    if failed <= job.fails {
        return Err(HandlerError::transient("the tool is in use"));
    }
    worker.node.note("job", job.number.to_string());
    if job.number.is_multiple_of(2) {
        out.emit(DONE, &*job)?;
    }
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Worker> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(1)).attempts(ATTEMPTS);
    let errors =
        ErrorHandling::new().retry(retry).breaker(NO_BREAKER).retry_topics([Duration::from_secs(2), Duration::from_secs(6)]);
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(8);
    StreamServiceBuilder::new("worker", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(errors)
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .add_producer()
        .with_state(Worker { node: node.clone(), failed: Mutex::default() })
        .add_consumer_handler_with(INPUT, GROUP, on_job, settings)
}

/// The headers of a copy, as somebody has made them up: for the year 2100, after more attempts than there are.
fn forged(record: Record) -> Record {
    let all = [
        ("group", GROUP),
        ("topic-id", "00000000000000000000000000000099"),
        ("partition", "77"),
        ("offset", "5"),
        ("attempts", "4000000000"),
        ("first-failed-at", "1"),
        ("due-at", "4102444800000"),
    ];
    all.into_iter().fold(record, |record, (name, value)| record.header(format!("millstream-retry-{name}"), value))
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(20, 50);
    let mut records = Vec::new();
    for number in 0..count {
        let of = format!("t{}", dice.below(5));
        let fails = if dice.chance(350) { u32::try_from(dice.between(1, 8)).unwrap_or(1) } else { 0 };
        let takes = if dice.chance(600) { 0 } else { dice.between(1, 300) };
        let job = Job { number, of, fails, refused: dice.chance(40), takes };
        let id = ids.next(fed::MADE + number);
        match dice.below(20) {
            0 | 1 => records.push(forged(fed::record(INPUT, id, &job.of, &job))),
            2 => {
                let job = Job { fails: 0, refused: false, ..job };
                records.push(forged(fed::record(&format!("{INPUT}.retry.1"), id, &job.of, &job)).header("made-up", "all of it"));
            }
            3 => {
                let record = fed::record(INPUT, id, &job.of, &job);
                records.extend([record.clone(), record]);
            }
            _ => records.push(fed::record(INPUT, id, &job.of, &job)),
        }
    }
    records
}

/// Every job was done, or is a dead letter.
fn finally(history: &History, memory: &Memory) -> Result<(), String> {
    let mut over: BTreeSet<u64> = history.noted("job").filter_map(|(_, number)| number.parse().ok()).collect();
    let jobs = |name: &str| -> Vec<Job> {
        let topic: Topic = name.parse().expect("a topic's name");
        memory.records(&topic).iter().filter_map(|record| fed::data(record.value.as_deref())).collect()
    };
    over.extend(jobs(&format!("{INPUT}.dlq")).iter().map(|job| job.number));
    match jobs(INPUT).iter().chain(&jobs(&format!("{INPUT}.retry.1"))).find(|job| !over.contains(&job.number)) {
        Some(job) => Err(format!("{job:?} was neither done nor given up")),
        None => Ok(()),
    }
}

/// A service with retry topics.
pub fn retries() -> Simulation {
    Simulation::new()
        .service("worker", 2, service)
        .topic(INPUT, TopicConfig::new(2))
        .topic(&format!("{INPUT}.retry.1"), TopicConfig::new(2))
        .feed(feed)
        .unordered()
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .finally("I1", finally)
}
