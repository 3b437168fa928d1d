//! Owns the workload of bare payloads, known by their positions, in topics that are deleted and created again.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, WITHIN};
use crate::sim::{Dice, Fault, History, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::engine::Retry;
use millstream_core::handler::{Attempt, HandlerError, Json};
use millstream_core::service::{ErrorHandling, HandlerSettings, IdSource, Shutdown};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

const INPUT: &str = "market.ticks";

/// A payload without an envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tick {
    number: u64,
    fails: u32,
    takes: u64,
}

async fn on_tick(node: &Node, Json(tick): Json<Tick>, attempt: Attempt) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(tick.takes)).await;
    if attempt.number() <= tick.fails {
        return Err(HandlerError::transient("no price"));
    }
    node.note("tick", tick.number.to_string());
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Node> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).concurrency(8).id_source(IdSource::Position);
    StreamServiceBuilder::new("pricer", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .with_state(node.clone())
        .add_consumer_handler_with(INPUT, "pricer.ticks", on_tick, settings)
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let topic: Topic = INPUT.parse().expect("a topic's name");
    let count = dice.between(30, 80);
    let mut records = Vec::new();
    for number in 0..count {
        let fails = if dice.chance(150) { u32::try_from(dice.between(1, 2)).unwrap_or(1) } else { 0 };
        let tick = Tick { number, fails, takes: if dice.chance(700) { 0 } else { dice.between(1, 400) } };
        let value = serde_json::to_vec(&tick).expect("a tick is JSON");
        records.push(Record::new(topic.clone(), format!("s{}", dice.below(6)), value));
    }
    records
}

/// All that lies in the topic as it is now was handled.
fn finally(history: &History, memory: &Memory) -> Result<(), String> {
    let done: BTreeSet<u64> = history.noted("tick").filter_map(|(_, number)| number.parse().ok()).collect();
    let topic: Topic = INPUT.parse().expect("a topic's name");
    for batch in memory.batches(&topic) {
        for view in batch.iter() {
            let tick: Option<Tick> = view.value().and_then(|value| serde_json::from_slice(value).ok());
            if let Some(tick) = tick.filter(|tick| !done.contains(&tick.number)) {
                return Err(format!("{tick:?} at {}@{} was not handled", batch.partition, view.offset()));
            }
        }
    }
    Ok(())
}

/// A service that knows records by their positions, and topics that are created again under their names.
pub fn positions() -> Simulation {
    Simulation::new()
        .service("pricer", 2, service)
        .topic(INPUT, TopicConfig::new(2))
        .feed(feed)
        .also(Fault::TopicRecreated)
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .finally("I1", finally)
}
