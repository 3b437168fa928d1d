//! Owns the workload of tables: what is booked to an account is folded into the account's entry, by a service of which a
//! second version keeps the table and the first one does not.

use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, WITHIN, fed};
use crate::sim::{Dice, Fault, Node, Simulation};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Error, Offset, Record, RecordView, TopicPartition};
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventData, IdGenerator, Key};
use millstream_core::handler::{Attempt, Event, HandlerError, Outputs, TableEntry};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown, StreamService};
use millstream_core::topic::{Sibling, Topic};
use millstream_memory::{Memory, TopicConfig};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const INPUT: &str = "paper.book.bookings";
const TABLE: &str = "paper.book.accounts";
const BOOKED: Sibling = Sibling::new("book", "booked");

/// What is booked, and how its handler is to behave.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Booking {
    number: u64,
    account: String,
    /// Fails so many times.
    fails: u32,
    /// Fails for good.
    refused: bool,
    /// Takes so many milliseconds.
    takes: u64,
}

impl EventData for Booking {
    const TYPE: &'static str = "booking";
    fn key(&self) -> Key<'_> {
        self.account.as_str().into()
    }
}

/// An account: the numbers of its bookings in order, so that one that is missing, doubled or out of order is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    booked: Vec<u64>,
}

impl TableEntry for Account {
    const TABLE: Sibling = Sibling::new("book", "accounts");
}

async fn book(booking: &Booking, attempt: u32, out: &mut Outputs) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_millis(booking.takes)).await;
    if booking.refused {
        return Err(HandlerError::permanent("the account is closed"));
    }
    if attempt <= booking.fails {
        return Err(HandlerError::transient("the ledger is away"));
    }
    if booking.number.is_multiple_of(3) {
        out.emit(BOOKED, booking)?;
    }
    Ok(())
}

async fn first(booking: Event<Booking>, attempt: Attempt, out: &mut Outputs) -> Result<(), HandlerError> {
    book(&booking, attempt.number(), out).await
}

async fn second(booking: Event<Booking>, attempt: Attempt, account: &mut Account, out: &mut Outputs) -> Result<(), HandlerError> {
    // What a failed attempt has changed is undone.
    account.booked.push(booking.number);
    book(&booking, attempt.number(), out).await
}

fn service(node: &Node) -> Result<StreamService, Error> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let settings = HandlerSettings::new().name("book").in_flight(IN_FLIGHT, 32 << 20).concurrency(8);
    let builder = StreamServiceBuilder::new("book", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(Duration::from_secs(10), Duration::from_secs(8))
        .add_producer();
    match node.version() {
        1 => builder.add_consumer_handler_with(INPUT, "book.bookings", first, settings).build(),
        _ => builder.add_consumer_handler_with(INPUT, "book.bookings", second, settings).build(),
    }
}

fn feed(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let count = dice.between(30, 80);
    let mut records = Vec::new();
    for number in 0..count {
        let account = format!("a{}", dice.below(4));
        let fails = if dice.chance(200) { u32::try_from(dice.between(1, 2)).unwrap_or(1) } else { 0 };
        let takes = if dice.chance(600) { 0 } else { dice.between(1, 400) };
        let booking = Booking { number, account, fails, refused: dice.chance(50), takes };
        records.push(fed::record(INPUT, ids.next(fed::MADE + number), &booking.account, &booking));
    }
    records
}

/// Whether an account is the fold of the bookings of its key up to an offset: each once, in order, without those that are
/// refused. One that was sent again by hand is in it once too, unless its mark is missing; then it is there where it came.
fn is_fold(memory: &Memory, partition: u32, key: &[u8], to: Offset, account: &Account) -> Result<(), String> {
    let topic: Topic = INPUT.parse().expect("a topic's name");
    let mut left = account.booked.iter().peekable();
    let mut seen = BTreeSet::new();
    for batch in memory.read(&topic, partition, 0, usize::MAX) {
        for view in batch.iter().filter(|view| view.offset() <= to && view.key() == Some(key)) {
            let Some(booking) = fed::data::<Booking>(view.value()).filter(|booking| !booking.refused) else { continue };
            let found = left.next_if(|number| **number == booking.number).is_some();
            if seen.insert(booking.number) && !found {
                return Err(format!("{:?} of {}@{to} lacks {}", account.booked, batch.partition, booking.number));
            }
        }
    }
    match left.next() {
        Some(more) => Err(format!("{:?} of {topic}-{partition}@{to} has {more} too often", account.booked)),
        None => Ok(()),
    }
}

/// The input's offset up to which an entry is.
fn position(view: RecordView<'_>) -> Option<Offset> {
    view.headers().text("millstream-position")?.split(';').nth(3)?.parse().ok()
}

fn each(memory: &Memory, place: &TopicPartition, view: RecordView<'_>) -> Result<(), String> {
    if place.topic.as_str() != TABLE {
        return Ok(());
    }
    let (Some(key), Some(to)) = (view.key(), position(view)) else { return Err(format!("{place} has no position")) };
    let account = fed::data::<Account>(view.value()).ok_or_else(|| format!("{place} has a value that is no account"))?;
    is_fold(memory, place.partition, key, to, &account)
}

/// The newest entry of each key is the fold of all its bookings.
fn finally(_: &crate::sim::History, memory: &Memory) -> Result<(), String> {
    let (input, table): (Topic, Topic) = (INPUT.parse().expect("a name"), TABLE.parse().expect("a name"));
    let mut newest: BTreeMap<(u32, Vec<u8>), (Offset, Account)> = BTreeMap::new();
    for batch in memory.batches(&table) {
        for view in batch.iter() {
            let (Some(key), Some(at)) = (view.key(), position(view)) else { continue };
            let Some(account) = fed::data::<Account>(view.value()) else { continue };
            let entry = newest.entry((batch.partition.partition, key.to_vec())).or_insert_with(|| (at, account.clone()));
            if at >= entry.0 {
                *entry = (at, account);
            }
        }
    }
    for batch in memory.batches(&input) {
        let partition = batch.partition.partition;
        for view in batch.iter() {
            let Some(booking) = fed::data::<Booking>(view.value()).filter(|booking| !booking.refused) else { continue };
            let key = view.key().unwrap_or_default();
            let account = newest.get(&(partition, key.to_vec())).map(|(_, account)| account.clone()).unwrap_or_default();
            if !account.booked.contains(&booking.number) {
                return Err(format!("{:?} of {} lacks {} in the end", account.booked, booking.account, booking.number));
            }
            is_fold(memory, partition, key, Offset::MAX, &account)?;
        }
    }
    Ok(())
}

/// A service that keeps a table, in a topic that is compacted every now and then.
pub fn tables() -> Simulation {
    Simulation::new()
        .service("book", 3, service)
        .topic(INPUT, TopicConfig::new(2))
        .topic(TABLE, TopicConfig::compacted(2))
        .feed(feed)
        .also(Fault::Compacts)
        .deploys(Duration::from_secs(12))
        .keeps_tables()
        .most_calls(ATTEMPTS)
        .in_flight(IN_FLIGHT)
        .stops_within(WITHIN)
        .each("I18", each)
        .finally("I18", finally)
}
