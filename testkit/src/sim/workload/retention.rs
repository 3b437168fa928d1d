//! Owns the workload of retention: records are deleted that nobody has read yet.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, WITHIN, fed};
use crate::sim::{Dice, Fault, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Attempt, Event, HandlerError};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_memory::TopicConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const INPUT: &str = "paper.audit.entries";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    number: u64,
    of: String,
    fails: u32,
    takes: u64,
}

impl EventData for Entry {
    const TYPE: &'static str = "entry";
    fn key(&self) -> Key<'_> {
        self.of.as_str().into()
    }
}

async fn on_entry(node: &Node, entry: Event<Entry>, attempt: Attempt) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(entry.takes)).await;
    if attempt.number() <= entry.fails {
        return Err(HandlerError::transient("the archive is away"));
    }
    node.note("entry", entry.number.to_string());
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Node> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    // A small window, so that much is unread.
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT / 4, 32 << 20).concurrency(2);
    StreamServiceBuilder::new("audit", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .with_state(node.clone())
        .add_consumer_handler_with(INPUT, "audit.entries", on_entry, settings)
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(30, 80);
    let mut records = Vec::new();
    for number in 0..count {
        let of = format!("e{}", dice.below(4));
        let fails = if dice.chance(100) { 1 } else { 0 };
        let entry = Entry { number, of, fails, takes: dice.between(50, 1_500) };
        records.push(fed::record(INPUT, ids.next(fed::MADE + number), &entry.of, &entry));
    }
    records
}

/// A service that is slower than its log is kept. What was deleted unread parks its partition, which the health then says:
/// each partition is settled or parked in the end, and no commit skips anything.
pub fn retention() -> Simulation {
    Simulation::new()
        .service("audit", 2, service)
        .topic(INPUT, TopicConfig::new(2))
        .feed(feed)
        .also(Fault::RecordsDeleted)
        .also(Fault::PartitionAdded)
        .may_park()
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT / 4)
        .stops_within(WITHIN)
}
