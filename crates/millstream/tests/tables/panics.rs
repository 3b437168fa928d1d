//! Panics of an entry's own code, outside its handler: they are the attempt's, and the service goes on.

use super::support::*;
use super::world::*;
use millstream::memory::Memory;
use millstream::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

/// Cannot be written when it ends with order 1.
#[derive(Default, Deserialize)]
struct Unwritable {
    numbers: Vec<u64>,
}

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.numbers.last(), Some(&1), "not this one");
        Journal { numbers: self.numbers.clone() }.serialize(to)
    }
}

impl TableEntry for Unwritable {
    const TABLE: Sibling = Journal::TABLE;
}

/// Cannot be dropped when it ends with order 1.
#[derive(Default, Serialize, Deserialize)]
struct Undroppable {
    numbers: Vec<u64>,
}

impl Drop for Undroppable {
    fn drop(&mut self) {
        assert_ne!(self.numbers.last(), Some(&1), "not this one");
    }
}

impl TableEntry for Undroppable {
    const TABLE: Sibling = Journal::TABLE;
}

async fn only_order_1_is_a_dead_letter(memory: &Memory, service: StreamService) {
    send_orders(memory, INPUT, (0..3).map(|n| order("a", n))).await;
    let running = Running::start(service).await;
    through(memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(memory)["a"], [0, 2]);
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(letters.iter().map(|letter| letter.value.clone()).collect::<Vec<_>>(), [record(INPUT, &order("a", 1)).value]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_panics_when_it_is_written_fails_its_record_only() {
    let memory = log(1);
    let handler = async |order: Event<Order>, entry: &mut Unwritable| entry.numbers.push(order.number);
    let service = builder(&memory).add_consumer_handler(INPUT, GROUP, handler).build().expect("a valid service");
    only_order_1_is_a_dead_letter(&memory, service).await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_panics_when_it_is_dropped_fails_its_record_only() {
    let memory = log(1);
    let handler = async |order: Event<Order>, entry: &mut Undroppable| entry.numbers.push(order.number);
    let service = builder(&memory).add_consumer_handler(INPUT, GROUP, handler).build().expect("a valid service");
    only_order_1_is_a_dead_letter(&memory, service).await;
}
