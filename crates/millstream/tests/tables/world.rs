//! A journal kept for each account: all its orders in the order in which they were folded, so that one folded twice, never,
//! or out of turn is seen. Each fold tells in an output how many there are.

use super::support::*;
use millstream::memory::{Memory, TopicConfig};
use millstream::prelude::*;
use millstream::service::TableSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const INPUT: &str = "paper.orders.new";
pub const TABLE: &str = "paper.ledger.journals";
pub const TOLD: &str = "paper.orders.told";
pub const GROUP: &str = "ledger.orders";

const TELL: Sibling = Sibling::new("orders", "told");

/// All orders of an account, in the order of their folds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub numbers: Vec<u64>,
}

impl TableEntry for Journal {
    const TABLE: Sibling = Sibling::new("ledger", "journals");
}

/// How many orders an account has, and the last of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub account: String,
    pub number: u64,
    pub count: usize,
}

impl EventData for Told {
    const TYPE: &'static str = "told";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

pub async fn on_order(order: Event<Order>, journal: &mut Journal, out: &mut Outputs) -> Result<(), HandlerError> {
    journal.numbers.push(order.number);
    out.emit(TELL, &Told { account: order.account.clone(), number: order.number, count: journal.numbers.len() })?;
    Ok(())
}

/// A log with so many partitions of the input.
pub fn log(partitions: u32) -> Memory {
    let memory = Memory::new();
    memory.create_topic(&topic(INPUT), TopicConfig::new(partitions)).expect("it is new");
    memory.create_topic(&topic(TABLE), TopicConfig::compacted(partitions)).expect("it is new");
    memory.create_topic(&topic(TOLD), TopicConfig::new(1)).expect("it is new");
    memory
}

/// A builder of the service, to which the handler is to be added.
pub fn builder(memory: &Memory) -> StreamServiceBuilder {
    StreamServiceBuilder::new("ledger", memory.clone()).with_deduplicator(WindowDeduplicator::default()).add_producer()
}

pub fn settings() -> HandlerSettings {
    HandlerSettings::new().table(TableSettings::new())
}

pub fn service(memory: &Memory) -> StreamService {
    builder(memory).add_consumer_handler(INPUT, GROUP, on_order).build().expect("a valid service")
}

/// The newest entry of each key, over all partitions.
pub fn journals(memory: &Memory) -> BTreeMap<String, Vec<u64>> {
    let mut journals = BTreeMap::new();
    for batch in memory.batches(&topic(TABLE)) {
        for record in batch.iter() {
            let key = String::from_utf8_lossy(record.key().expect("entries have keys")).into_owned();
            match record.value() {
                Some(_) => {
                    let event: EventEnvelope<Journal> = EventEnvelope::from_record(record).expect("an entry is an event");
                    journals.insert(key, event.data.numbers);
                }
                None => {
                    journals.remove(&key);
                }
            }
        }
    }
    journals
}

/// What was told, once for each id.
pub fn told(memory: &Memory) -> Vec<Told> {
    let mut seen = std::collections::BTreeSet::new();
    let mut told = Vec::new();
    for batch in memory.batches(&topic(TOLD)) {
        for record in batch.iter() {
            let event: EventEnvelope<Told> = EventEnvelope::from_record(record).expect("an event");
            if seen.insert(event.id.to_string()) {
                told.push(event.data);
            }
        }
    }
    told
}

/// The journals that a sequential fold of the input gives, and what it would tell.
pub fn oracle(memory: &Memory) -> (BTreeMap<String, Vec<u64>>, Vec<Told>) {
    let (mut journals, mut told, mut ids) = (BTreeMap::<String, Vec<u64>>::new(), Vec::new(), std::collections::BTreeSet::new());
    for batch in memory.batches(&topic(INPUT)) {
        for record in batch.iter() {
            let event: EventEnvelope<Order> = EventEnvelope::from_record(record).expect("an order");
            if ids.insert(event.id.to_string()) {
                let Order { account, number } = event.data;
                let numbers = journals.entry(account.clone()).or_default();
                numbers.push(number);
                told.push(Told { account, number, count: numbers.len() });
            }
        }
    }
    (journals, told)
}

/// Waits until all of the input is committed.
pub async fn through(memory: &Memory) {
    let (_, partitions) = memory.describe(&topic(INPUT)).expect("it exists");
    for partition in 0..partitions {
        let end = memory.end(&topic(INPUT), partition).expect("it exists");
        let within = tokio::time::timeout(std::time::Duration::from_secs(3_600), async {
            while committed(memory, GROUP, INPUT, partition).unwrap_or(0) < end {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        within.await.expect("all of the input is committed");
    }
}

/// That the journals and what was told are what a sequential fold gives.
pub fn assert_folded(memory: &Memory) {
    let (journals_wanted, mut told_wanted) = oracle(memory);
    assert_eq!(journals(memory), journals_wanted);
    let mut told = told(memory);
    let order = |told: &Told| (told.account.clone(), told.number);
    told.sort_by_key(order);
    told_wanted.sort_by_key(order);
    assert_eq!(told, told_wanted);
}
