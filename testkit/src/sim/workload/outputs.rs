//! Owns the workload of outputs: parts that are made in another order by every other process, some of them sent at once, to
//! topics that cannot be written every now and then.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, SESSION, WITHIN, fed};
use crate::sim::{Dice, Fault, History, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Event, HandlerError, OrFail, Outputs};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::{Sibling, Topic};
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

const INPUT: &str = "paper.plant.wanted";
const MADE: Sibling = Sibling::new("plant", "made");
const LISTED: Sibling = Sibling::new("plant", "listed");

/// What is to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Wanted {
    number: u64,
    by: String,
    parts: u32,
    /// Whether the first part is sent before the others are made.
    at_once: bool,
    takes: u64,
}

impl EventData for Wanted {
    const TYPE: &'static str = "wanted";
    fn key(&self) -> Key<'_> {
        self.by.as_str().into()
    }
}

/// One part. Each has a key of its own, so that an id that two of them share is seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    name: String,
}

impl Part {
    fn of(wanted: &Wanted, part: u32) -> Self {
        Part { name: format!("{}-{part}", wanted.number) }
    }
}

impl EventData for Part {
    const TYPE: &'static str = "part";
    fn key(&self) -> Key<'_> {
        self.name.as_str().into()
    }
}

/// What was made, in another topic than its parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Listed {
    number: u64,
}

impl EventData for Listed {
    const TYPE: &'static str = "listed";
    fn key(&self) -> Key<'_> {
        self.number.into()
    }
}

async fn on_wanted(node: &Node, wanted: Event<Wanted>, out: &mut Outputs) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(wanted.takes)).await;
    if wanted.at_once {
        // Who cannot wait for long gives it up; nothing of it may be sent then.
        let part = Part::of(&wanted, 0);
        let sent = tokio::time::timeout(Duration::from_millis(500), out.publish_now(MADE, &part)).await;
        let _landed = sent.or_transient("it took too long to send")??;
    }
    let mut parts: Vec<u32> = (u32::from(wanted.at_once)..wanted.parts).collect();
    if (node.member() + node.process() as usize).is_multiple_of(2) {
        parts.reverse();
    }
    for part in parts {
        out.emit_named(MADE, &part.to_string(), &Part::of(&wanted, part))?;
    }
    out.emit(LISTED, &Listed { number: wanted.number })?;
    Ok(())
}

fn service(node: &Node) -> StreamServiceBuilder<Node> {
    let retry = Retry::exponential(Duration::from_secs(1), Duration::from_secs(3)).attempts(ATTEMPTS);
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(8);
    StreamServiceBuilder::new("maker", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(SESSION, Duration::from_secs(8))
        .add_producer()
        .with_state(node.clone())
        .add_consumer_handler_with(INPUT, "maker.wanted", on_wanted, settings)
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(20, 50);
    let mut records = Vec::new();
    for number in 0..count {
        let by = format!("w{}", dice.below(5));
        let parts = u32::try_from(dice.between(1, 3)).unwrap_or(1);
        let takes = if dice.chance(600) { 0 } else { dice.between(1, 300) };
        let wanted = Wanted { number, by, parts, at_once: dice.chance(250), takes };
        records.push(fed::record(INPUT, ids.next(fed::MADE + number), &wanted.by, &wanted));
    }
    records
}

/// All that is wanted was made and listed, or is a dead letter.
fn finally(_: &History, memory: &Memory) -> Result<(), String> {
    fn all<T: serde::de::DeserializeOwned>(memory: &Memory, name: &str) -> Vec<T> {
        let topic: Topic = name.parse().expect("a topic's name");
        memory.records(&topic).iter().filter_map(|record| fed::data(record.value.as_deref())).collect()
    }
    let letters: BTreeSet<u64> = all::<Wanted>(memory, &format!("{INPUT}.dlq")).iter().map(|wanted| wanted.number).collect();
    let made: BTreeSet<String> = all::<Part>(memory, "paper.plant.made").into_iter().map(|part| part.name).collect();
    let listed: BTreeSet<u64> = all::<Listed>(memory, "paper.plant.listed").iter().map(|listed| listed.number).collect();
    for wanted in all::<Wanted>(memory, INPUT).iter().filter(|wanted| !letters.contains(&wanted.number)) {
        let lacks = (0..wanted.parts).map(|part| Part::of(wanted, part).name).find(|name| !made.contains(name));
        if lacks.is_some() || !listed.contains(&wanted.number) {
            return Err(format!("{wanted:?} lacks {}", lacks.unwrap_or_else(|| "its line in the list".into())));
        }
    }
    Ok(())
}

/// A service whose outputs wait for their topics.
pub fn outputs() -> Simulation {
    Simulation::new()
        .service("maker", 2, service)
        .topic(INPUT, TopicConfig::new(2))
        .feed(feed)
        .also(Fault::OutputsClosed { long: Duration::from_secs(2) })
        .also(Fault::OutputsClosed { long: Duration::from_secs(6) })
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .session(SESSION)
        .stops_within(WITHIN)
        .finally("I1", finally)
}
