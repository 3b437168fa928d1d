//! What must be true of a simulated run, read from the logs.
//!
//! Owns reading each event by its causal id once, and comparing with the oracle over the ticks that are in the log, to the
//! last digit: fills, portfolios, holdings, executions and dead letters. Leaves what comes out to the oracle and running to
//! the simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use millstream::memory::Memory;
use millstream::prelude::*;
use millstream::testkit::sim::History;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::events::{OrderFilled, PnlSnapshot, Signal, Tick};
use crate::faults::Trouble;
use crate::oracle::{Account, Oracle};
use crate::order::Order;
use crate::portfolio::Holding;
use crate::simulation::faults;
use crate::topics::{FILLED, HOLDINGS, RAW, SNAPSHOTS, TICKS, VALIDATED, Venue};

/// The note of an execution: the venue and the client order id.
pub(crate) const EXECUTED: &str = "executed";

/// What an account leads to, in order.
#[derive(Default)]
struct Led {
    fills: Vec<OrderFilled>,
    snapshots: Vec<PnlSnapshot>,
}

/// All events of a topic in order with their keys, each causal id once.
fn once<T: DeserializeOwned>(memory: &Memory, topic: &str) -> Vec<(String, T)> {
    let mut ids = BTreeSet::new();
    let mut events = Vec::new();
    for batch in memory.batches(&named(topic)) {
        for view in batch.iter() {
            // Poison is nobody's event.
            let Ok(event) = EventEnvelope::<T>::from_json(view.value().unwrap_or_default()) else { continue };
            if ids.insert(event.id.key()) {
                events.push((text(view.key()), event.data));
            }
        }
    }
    events
}

fn named(topic: &str) -> Topic {
    topic.parse().expect("a topic of the pipeline")
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

fn expected(memory: &Memory) -> BTreeMap<Account, Led> {
    let ticks = once::<Tick>(memory, TICKS.as_str()).into_iter().map(|(_, tick)| Ok::<_, Infallible>(tick));
    let mut accounts: BTreeMap<Account, Led> = BTreeMap::new();
    let Ok(_) = Oracle::of(ticks, faults(), &Venue::ALL, |venue, fill, snapshot| {
        let led = accounts.entry((venue, fill.instrument.clone())).or_default();
        led.fills.push(fill.clone());
        led.snapshots.push(snapshot.clone());
    });
    accounts
}

fn found(memory: &Memory) -> BTreeMap<Account, Led> {
    let mut accounts: BTreeMap<Account, Led> = BTreeMap::new();
    for venue in Venue::ALL {
        for (_, fill) in once::<OrderFilled>(memory, &venue.topic(FILLED)) {
            accounts.entry((venue, fill.instrument.clone())).or_default().fills.push(fill);
        }
        for (_, snapshot) in once::<PnlSnapshot>(memory, &venue.topic(SNAPSHOTS)) {
            accounts.entry((venue, snapshot.instrument.clone())).or_default().snapshots.push(snapshot);
        }
    }
    accounts
}

/// Fills and snapshots are the oracle's, in its order, as far as they are there; and if the run is `complete`, all are there,
/// and the portfolio manager's table holds what follows from them.
pub(crate) fn as_the_oracle(memory: &Memory, complete: bool) -> Result<(), String> {
    let (expected, mut found) = (expected(memory), found(memory));
    let parked = parked(memory);
    for account in expected.keys() {
        found.entry(account.clone()).or_default();
    }
    for (account, led) in &found {
        if parked.iter().any(|(venue, instrument)| venue.is_none_or(|venue| venue == account.0) && *instrument == account.1) {
            continue;
        }
        let nothing = Led::default();
        let oracle = expected.get(account).unwrap_or(&nothing);
        same(account, "fill", &led.fills, &oracle.fills, complete)?;
        same(account, "snapshot", &led.snapshots, &oracle.snapshots, complete)?;
        if complete && let Some(last) = oracle.snapshots.last() {
            // As it is restored: of what was written twice the newest counts, and not the last.
            let entries = once::<Holding>(memory, &account.0.topic(HOLDINGS)).into_iter().filter(|(key, _)| *key == account.1);
            let newest = entries.map(|(_, holding)| holding).max_by_key(Holding::fills).unwrap_or_default();
            if (newest.fills(), newest.stands()) != (last.fills, (last.position, last.realised)) {
                return Err(format!("{} in {} is held as {}, and stands at {}", account.1, account.0, json(&newest), json(last)));
            }
        }
    }
    Ok(())
}

fn json<T: Serialize>(event: &T) -> String {
    serde_json::to_string(event).expect("an event of this example has string keys and no failing field")
}

fn same<T: Serialize>(account: &Account, what: &str, found: &[T], oracle: &[T], complete: bool) -> Result<(), String> {
    let (venue, instrument) = account;
    for (number, event) in found.iter().map(json).enumerate() {
        match oracle.get(number).map(json) {
            Some(wanted) if wanted == event => {}
            Some(wanted) => return Err(format!("{what} {number} of {instrument} in {venue} is {event}, the oracle's {wanted}")),
            None => return Err(format!("{what} {number} of {instrument} in {venue} is {event}, and the oracle has no more")),
        }
    }
    match oracle.get(found.len()) {
        Some(wanted) if complete => Err(format!("{what} {} of {instrument} in {venue} is lost: {}", found.len(), json(wanted))),
        _ => Ok(()),
    }
}

/// A dead letter: where its record lay, its key, its value, and why it is one.
struct Letter {
    topic: String,
    place: (String, String),
    key: String,
    value: Vec<u8>,
    reason: String,
}

fn all_letters(memory: &Memory) -> Vec<Letter> {
    let consumed = Venue::ALL.iter().flat_map(|venue| [RAW, VALIDATED, FILLED].map(|sibling| venue.topic(sibling)));
    let mut letters = Vec::new();
    for topic in consumed.chain([TICKS.as_str().to_owned()]) {
        for batch in memory.batches(&named(&format!("{topic}.dlq"))) {
            for view in batch.iter() {
                let header = |name: &str| view.headers().text(name).unwrap_or_default().to_owned();
                letters.push(Letter {
                    topic: topic.clone(),
                    place: (header("__dlq.errors.partition"), header("__dlq.errors.offset")),
                    key: text(view.key()),
                    value: view.value().unwrap_or_default().to_vec(),
                    reason: header("millstream-dlq-reason"),
                });
            }
        }
    }
    letters
}

/// Accounts of which a record was under way at three crashes in a row: it is taken for their cause, and is in no portfolio.
fn parked(memory: &Memory) -> Vec<(Option<Venue>, String)> {
    let crashed = all_letters(memory).into_iter().filter(|letter| letter.reason == "crash");
    crashed.map(|letter| (letter.topic.split('.').next().and_then(Venue::of), letter.key)).collect()
}

/// Poison and refused orders became dead letters, and nothing else did.
pub(crate) fn letters(memory: &Memory) -> Result<(), String> {
    let mut places = BTreeSet::new();
    for Letter { topic, place, key, value, reason } in all_letters(memory) {
        let is_right = match reason.as_str() {
            "poison" => EventEnvelope::<Tick>::from_json(&value).is_err() && EventEnvelope::<Signal>::from_json(&value).is_err(),
            "permanent" => EventEnvelope::<Signal>::from_json(&value).is_ok_and(|signal| is_refused(&topic, &signal.data)),
            reason => reason == "crash",
        };
        if !is_right {
            return Err(format!("a record of {key} in {topic}, at {place:?}, became a dead letter: {reason}"));
        }
        places.insert((topic, place));
    }
    for (topic, partition, offset) in poison(memory) {
        if !places.contains(&(topic.clone(), (partition.to_string(), offset.to_string()))) {
            return Err(format!("the poison at {topic}-{partition}@{offset} is in no dead-letter topic"));
        }
    }
    Ok(())
}

/// Where records lie that nobody can decode.
fn poison(memory: &Memory) -> Vec<(String, u32, u64)> {
    let (ticks, mut poison) = (TICKS.as_str().to_owned(), Vec::new());
    poison_of::<Tick>(memory, ticks, &mut poison);
    for venue in Venue::ALL {
        poison_of::<Signal>(memory, venue.topic(RAW), &mut poison);
        poison_of::<Signal>(memory, venue.topic(VALIDATED), &mut poison);
        poison_of::<OrderFilled>(memory, venue.topic(FILLED), &mut poison);
    }
    poison
}

fn poison_of<T: DeserializeOwned>(memory: &Memory, topic: String, poison: &mut Vec<(String, u32, u64)>) {
    for batch in memory.batches(&named(&topic)) {
        for view in batch.iter().filter(|view| EventEnvelope::<T>::from_json(view.value().unwrap_or_default()).is_err()) {
            poison.push((topic.clone(), batch.partition.partition, view.offset()));
        }
    }
}

fn is_refused(topic: &str, signal: &Signal) -> bool {
    let order = Order::of(Venue::Zerodha.name(), signal);
    topic == Venue::Zerodha.topic(VALIDATED) && faults().trouble(&order.id, signal.tick) == Some(Trouble::Refused)
}

/// Venue and client order id of each fill, as an execution is noted.
fn filled(memory: &Memory) -> BTreeSet<String> {
    let of = |venue: &Venue| {
        let fills = once::<OrderFilled>(memory, &venue.topic(FILLED)).into_iter();
        fills.map(|(_, fill)| format!("{venue} {}", fill.order_id)).collect::<Vec<_>>()
    };
    Venue::ALL.iter().flat_map(of).collect()
}

fn executed(history: &History) -> BTreeSet<String> {
    history.noted(EXECUTED).map(|(_, order)| order.to_owned()).collect()
}

/// No fill tells of an order that no venue has executed.
pub(crate) fn fills_were_executed(history: &History, memory: &Memory) -> Result<(), String> {
    let executed = executed(history);
    match filled(memory).into_iter().find(|order| !executed.contains(order)) {
        Some(order) => Err(format!("{order} has a fill, and was never executed")),
        None => Ok(()),
    }
}

/// Every order that a venue has executed has a fill.
pub(crate) fn executions_have_fills(history: &History, memory: &Memory) -> Result<(), String> {
    let filled = filled(memory);
    match executed(history).into_iter().find(|order| !filled.contains(order)) {
        Some(order) if parked(memory).is_empty() => Err(format!("{order} was executed, and no fill tells of it")),
        _ => Ok(()),
    }
}
