//! Owns what is fed: orders that say how their handler is to behave, in two namespaces that share ids and keys.

use crate::sim::{Dice, Simulation};
use millstream_core::contract::Record;
use millstream_core::envelope::{EventData, EventEnvelope, EventId, IdGenerator, Key, Timestamp};
use millstream_memory::TopicConfig;
use serde::{Deserialize, Serialize};

/// How the handler of an order is to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers at once.
    Quick,
    /// Takes so many milliseconds.
    Slow(u64),
    /// Fails so many times, in a way that passes.
    Fails(u32),
    /// Fails for good.
    Refuses,
    /// Panics so many times.
    Panics(u32),
    /// Never answers the first so many times.
    Hangs(u32),
    /// Emits other outputs at each attempt, of which the first fails.
    Wavers,
    /// Sends one output at once, and fails the first time.
    Publishes,
    /// Puts itself off once.
    PutsOff,
    /// Emits its fills in another order in every other process.
    Shuffles,
    /// Cannot be decoded.
    Garbled,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Order {
    /// Counted over all orders of a namespace.
    pub number: u64,
    /// Orders of an account stay in order.
    pub account: String,
    /// What its handler does.
    pub behaviour: Behaviour,
    /// How many fills it leads to.
    pub fills: u32,
}

impl EventData for Order {
    const TYPE: &'static str = "order_new";
    fn key(&self) -> Key<'_> {
        self.account.as_str().into()
    }
}

/// A part of an order that was filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fill {
    /// The order's number.
    pub order: u64,
    /// Which part of it, from 0.
    pub part: u32,
    /// The order's account.
    pub account: String,
}

impl EventData for Fill {
    const TYPE: &'static str = "order_filled";
    fn key(&self) -> Key<'_> {
        self.account.as_str().into()
    }
}

impl Fill {
    pub(super) fn of(order: &Order, part: u32) -> Self {
        Fill { order: order.number, part, account: order.account.clone() }
    }
}

pub(super) const NAMESPACES: [&str; 2] = ["paper", "zerodha"];

pub(super) fn topic(namespace: &str, name: &str) -> String {
    format!("{namespace}.orders.{name}")
}

pub(super) fn topics(simulation: Simulation, namespace: &str) -> Simulation {
    simulation.topic(&topic(namespace, "new"), TopicConfig::new(2))
}

fn behaviour(dice: &mut Dice) -> Behaviour {
    match dice.below(100) {
        0..42 => Behaviour::Quick,
        42..50 => Behaviour::Shuffles,
        50..70 => Behaviour::Slow(dice.between(1, 400)),
        70..75 => Behaviour::Slow(dice.between(2_000, 14_000)),
        75..81 => Behaviour::Fails(u32::try_from(dice.between(1, 2)).unwrap_or(1)),
        81..84 => Behaviour::Fails(9),
        84..88 => Behaviour::Refuses,
        88..90 => Behaviour::Panics(1),
        90..92 => Behaviour::Hangs(1),
        92..95 => Behaviour::Wavers,
        95..97 => Behaviour::Publishes,
        97 | 98 => Behaviour::PutsOff,
        _ => Behaviour::Garbled,
    }
}

/// Orders of both namespaces, with some sent twice under one id, and some that are no orders.
pub(super) fn feed(dice: &mut Dice) -> Vec<Record> {
    let count = dice.between(20, 60);
    let mut ids = IdGenerator::from_seed(dice.next());
    let mut records = Vec::new();
    for number in 0..count {
        let account = format!("a{}", dice.below(5));
        let behaviour = behaviour(dice);
        let fills = if behaviour == Behaviour::Shuffles { 2 } else { u32::try_from(dice.below(3)).unwrap_or(0) };
        let order = Order { number, account, behaviour, fills };
        // Some were made long before they came: nothing may follow from an id's time.
        let made = if dice.chance(200) { 1_770_000_000_000 } else { 1_780_000_000_000 };
        let id = ids.next(made + number);
        for namespace in NAMESPACES {
            if dice.chance(600) || namespace == NAMESPACES[0] {
                let record = record(&topic(namespace, "new"), id, &order);
                if dice.chance(80) {
                    records.push(record.clone());
                }
                if dice.chance(30) {
                    let mut poison = record.clone();
                    poison.value = Some("{\"no\":\"order\"}".into());
                    records.push(poison);
                }
                records.push(record);
            }
        }
    }
    records
}

fn record(topic: &str, id: EventId, order: &Order) -> Record {
    let stamp = Timestamp::from_millis(id.millis().and_then(|millis| i64::try_from(millis).ok()).unwrap_or(0));
    let envelope = EventEnvelope::new(id, Order::TYPE, stamp, "feed", order);
    let mut value = envelope.to_json().expect("an order is JSON");
    if order.behaviour == Behaviour::Garbled {
        // An envelope all the same, with data that is no order.
        value = String::from_utf8_lossy(&value).replace("\"account\":\"", "\"account\":17,\"was\":\"").into_bytes();
    }
    Record::new(topic.parse().expect("a topic's name"), order.account.clone(), value)
}
