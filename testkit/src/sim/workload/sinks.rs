//! Owns the workload of the error sink: a desk whose dead letters go there in place of a topic, and an archive that has them in
//! both.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, WITHIN, fed};
use crate::sim::{Dice, Fault, History, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{DeadLetter, DeadLetterReason, Record};
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Attempt, Event, HandlerError};
use millstream_core::service::{ErrorHandling, ErrorSinkExt, HandlerSettings, Shutdown};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const INPUT: &str = "paper.parcels.sent";
const GROUPS: [&str; 2] = ["desk.parcels", "archive.parcels"];

/// What becomes of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Done,
    /// It fails so many times.
    Fails(u32),
    /// It is refused by whoever reads it.
    Refused,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parcel {
    number: u64,
    to: String,
    fate: Fate,
    takes: u64,
}

impl EventData for Parcel {
    const TYPE: &'static str = "parcel";
    fn key(&self) -> Key<'_> {
        self.to.as_str().into()
    }
}

struct Reader {
    node: Node,
    group: &'static str,
}

async fn on_parcel(reader: &Reader, parcel: Event<Parcel>, attempt: Attempt) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(parcel.takes)).await;
    match parcel.fate {
        Fate::Fails(times) if attempt.number() <= times => return Err(HandlerError::transient("nobody is at home")),
        Fate::Refused => return Err(HandlerError::permanent("no such street")),
        _ => {}
    }
    reader.node.note(reader.group, parcel.number.to_string());
    Ok(())
}

fn service(node: &Node, group: &'static str, errors: ErrorHandling) -> StreamServiceBuilder<Reader> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(8);
    StreamServiceBuilder::new("reader", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(errors.retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .with_state(Reader { node: node.clone(), group })
        .add_consumer_handler_with(INPUT, group, on_parcel, settings)
}

fn desk(node: &Node) -> StreamServiceBuilder<Reader> {
    service(node, GROUPS[0], ErrorHandling::new().error_sink(node.error_sink()))
}

fn archive(node: &Node) -> StreamServiceBuilder<Reader> {
    let sink = node.error_sink();
    service(node, GROUPS[1], ErrorHandling::new().error_sink_with(move |to_topic| to_topic.and(sink.clone())))
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let mut parcel = |number| {
        let fate = match dice.below(10) {
            0 => Fate::Fails(u32::try_from(dice.between(1, 2)).unwrap_or(1)),
            1..4 => Fate::Refused,
            _ => Fate::Done,
        };
        let takes = if dice.chance(600) { 0 } else { dice.between(1, 200) };
        let parcel = Parcel { number, to: format!("t{}", dice.below(5)), fate, takes };
        fed::record(INPUT, ids.next(fed::MADE + number), &parcel.to, &parcel)
    };
    (0..40).map(&mut parcel).collect()
}

fn parcel(record: &Record) -> Option<Parcel> {
    fed::data(record.value.as_deref())
}

/// The parcels whose letters are kept, of each group.
fn kept(history: &History) -> BTreeMap<&str, BTreeSet<u64>> {
    let mut kept: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for letter in history.letters() {
        kept.entry(letter.group.as_str()).or_default().extend(parcel(&letter.record).map(|parcel| parcel.number));
    }
    kept
}

/// What was refused is a letter of both; all others were done, or ended their process too often.
fn complete(history: &History, memory: &Memory) -> Result<(), String> {
    let topic = |name: &str| memory.records(&name.parse::<Topic>().expect("a topic's name"));
    let kept = kept(history);
    for group in GROUPS {
        let none = BTreeSet::new();
        let letters = kept.get(group).unwrap_or(&none);
        let done: BTreeSet<u64> = history.noted(group).filter_map(|(_, number)| number.parse().ok()).collect();
        for parcel in topic(INPUT).iter().filter_map(parcel) {
            let settled = letters.contains(&parcel.number) || parcel.fate != Fate::Refused && done.contains(&parcel.number);
            if !settled {
                return Err(format!("{parcel:?} has no letter of {group}, and was not done"));
            }
        }
        let lie: BTreeSet<u64> = topic(&format!("{INPUT}.dlq")).iter().filter_map(parcel).map(|parcel| parcel.number).collect();
        if group == GROUPS[1] && lie != *letters {
            return Err(format!("the topic has the letters {lie:?} and the sink {letters:?}"));
        }
    }
    Ok(())
}

/// No parcel is a letter that could be done.
fn none_that_could_be_done(history: &History, _: &Memory) -> Result<(), String> {
    let refused = |letter: &&DeadLetter| letter.reason != DeadLetterReason::Crash;
    let odd = |letter: &DeadLetter| Some(parcel(&letter.record)?).filter(|parcel| parcel.fate != Fate::Refused);
    let odd = history.letters().iter().filter(refused).find_map(odd);
    odd.map_or(Ok(()), |parcel| Err(format!("{parcel:?} is a dead letter")))
}

/// Services whose dead letters go to the error sink, alone and beside the topic.
pub fn sinks() -> Simulation {
    Simulation::new()
        .service("desk", 2, desk)
        .service("archive", 1, archive)
        .topic(INPUT, TopicConfig::new(2))
        .feed(feed)
        .error_sink()
        .also(Fault::StoreEmptied)
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .always("no parcel is a letter that could be done", none_that_could_be_done)
        .finally("every parcel is done, or a letter of each", complete)
}
