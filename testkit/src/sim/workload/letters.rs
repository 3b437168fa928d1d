//! Owns the workload of dead letters: a desk that refuses orders, a clerk who works through its letters and cannot handle all
//! of them, and orders that are put back by hand, mended or not.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, WITHIN, fed};
use crate::sim::{Dice, Fault, History, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Headers, Record};
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Attempt, Event, HandlerError};
use millstream_core::service::{DeadLetterTopic, ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

const NAMESPACES: [&str; 2] = ["paper", "zerodha"];
/// A header that says of an order put back by hand that what was wrong with it is mended.
const MENDED: &str = "mended";

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Done,
    /// The desk fails so many times.
    Fails(u32),
    /// The desk refuses it, until it is mended.
    Refused,
    /// The desk refuses it, and so does the clerk.
    Hopeless,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    number: u64,
    account: String,
    fate: Fate,
    takes: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order";
    fn key(&self) -> Key<'_> {
        self.account.as_str().into()
    }
}

async fn on_order(node: &Node, order: Event<Order>, attempt: Attempt, headers: Headers<'_>) -> Result<(), HandlerError> {
    let mended = headers.find(MENDED).is_some();
    tokio::time::sleep(Duration::from_millis(order.takes)).await;
    match order.fate {
        Fate::Fails(times) if attempt.number() <= times => return Err(HandlerError::transient("the exchange is away")),
        Fate::Refused if !mended => return Err(HandlerError::permanent("no such account")),
        Fate::Hopeless => return Err(HandlerError::permanent("no such exchange")),
        _ => {}
    }
    node.note("order", order.number.to_string());
    Ok(())
}

async fn on_letter(node: &Node, letter: Event<Order>) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(letter.takes)).await;
    if letter.fate == Fate::Hopeless {
        return Err(HandlerError::permanent("nothing can be done"));
    }
    node.note("letter", letter.number.to_string());
    Ok(())
}

fn builder(node: &Node, name: &str, letters: &'static str) -> StreamServiceBuilder<Node> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let naming = DeadLetterTopic::named(move |topic, _| {
        let (namespace, _) = topic.as_str().split_once('.').unwrap_or((topic.as_str(), ""));
        format!("{namespace}.orders.{letters}")
    });
    StreamServiceBuilder::new(name, node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER).dead_letters(naming))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .with_state(node.clone())
}

fn settings() -> HandlerSettings {
    HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(8)
}

fn topics(name: &str) -> [String; 2] {
    NAMESPACES.map(|namespace| format!("{namespace}.orders.{name}"))
}

fn desk(node: &Node) -> StreamServiceBuilder<Node> {
    let [paper, zerodha] = topics("new");
    builder(node, "desk", "refused")
        .add_consumer_handler_with(&paper, "desk.orders", on_order, settings())
        .add_consumer_handler_with(&zerodha, "desk.orders", on_order, settings())
}

fn clerk(node: &Node) -> StreamServiceBuilder<Node> {
    let [paper, zerodha] = topics("refused");
    builder(node, "clerk", "hopeless")
        .add_consumer_handler_with(&paper, "clerk.letters", on_letter, settings())
        .add_consumer_handler_with(&zerodha, "clerk.letters", on_letter, settings())
}

/// A record with the headers of a letter that it once was.
fn put_back(record: Record) -> Record {
    let all = [
        ("__dlq.errors.topic", "paper.orders.old"),
        ("__dlq.errors.partition", "3"),
        ("__dlq.errors.offset", "17"),
        ("__dlq.errors.group", "desk.orders"),
        ("__dlq.errors.message", "no such account"),
        ("millstream-dlq-id", "00000000000000000000000000000001"),
        ("millstream-dlq-reason", "permanent"),
        ("millstream-dlq-attempts", "7"),
    ];
    all.into_iter().fold(record, |record, (name, value)| record.header(name, value))
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(20, 50);
    let (mut records, mut later) = (Vec::new(), Vec::new());
    for number in 0..count {
        let account = format!("a{}", dice.below(5));
        let fate = match dice.below(10) {
            0 => Fate::Fails(u32::try_from(dice.between(1, 2)).unwrap_or(1)),
            1 | 2 => Fate::Refused,
            3 => Fate::Hopeless,
            _ => Fate::Done,
        };
        let order = Order { number, account, fate, takes: if dice.chance(600) { 0 } else { dice.between(1, 200) } };
        let topic = format!("{}.orders.new", dice.pick(&NAMESPACES));
        let record = fed::record(&topic, ids.next(fed::MADE + number), &order.account, &order);
        match (fate, dice.below(4)) {
            // Put back: with what was wrong mended, or as it was.
            (Fate::Refused, 0..3) => later.push(put_back(record.clone()).header(MENDED, "yes")),
            (Fate::Hopeless, 0 | 1) => later.push(put_back(record.clone())),
            // Replayed though it was done.
            (Fate::Done, 0) => later.push(record.clone().header("millstream-replay-id", format!("r{number}"))),
            _ => {}
        }
        records.push(record);
    }
    records.extend(later);
    records
}

/// What was mended was done; each letter was worked through, or is a letter of the clerk's.
fn finally(history: &History, memory: &Memory) -> Result<(), String> {
    let noted = |name| -> BTreeSet<u64> { history.noted(name).filter_map(|(_, number)| number.parse().ok()).collect() };
    let (done, worked) = (noted("order"), noted("letter"));
    let in_all = |name: &str| -> Vec<(Record, Order)> {
        let names = topics(name).map(|name| name.parse::<Topic>().expect("a topic's name"));
        let records = names.iter().flat_map(|topic| memory.records(topic));
        records.filter_map(|record| Some((record.clone(), fed::data(record.value.as_deref())?))).collect()
    };
    let hopeless: BTreeSet<u64> = in_all("hopeless").iter().map(|(_, order)| order.number).collect();
    for (record, order) in in_all("new") {
        let mended = record.headers.iter().any(|(name, _)| name == MENDED);
        if (mended || matches!(order.fate, Fate::Done | Fate::Fails(_))) && !done.contains(&order.number) {
            return Err(format!("{order:?} was not done, mended: {mended}"));
        }
    }
    for (_, letter) in in_all("refused") {
        if !worked.contains(&letter.number) && !hopeless.contains(&letter.number) {
            return Err(format!("the letter of {letter:?} was not worked through"));
        }
    }
    Ok(())
}

/// A service, another one that reads its dead letters, and what is put back by hand.
pub fn letters() -> Simulation {
    let simulation = Simulation::new()
        .service("desk", 2, desk)
        .service("clerk", 1, clerk)
        .feed(feed)
        .also(Fault::PartitionAdded)
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .finally("I1", finally);
    topics("new").iter().fold(simulation, |simulation, topic| simulation.topic(topic, TopicConfig::new(2)))
}
