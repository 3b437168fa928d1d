//! What the service tests share: a small event, a way to publish it, and a service run beside the test.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by test files, each of which uses its part")]

use millstream::contract::{Error, Producer, ProducerExt, Record, Transport};
use millstream::envelope::{EventData, EventEnvelope, EventId, Key, Timestamp};
use millstream::memory::Memory;
use millstream::service::{ServiceHandle, StreamService};
use millstream::topic::Topic;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

/// A small event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub account: String,
    pub number: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

/// An order of an account.
pub fn order(account: &str, number: u64) -> Order {
    Order { account: account.to_owned(), number }
}

/// The id of the `n`th event.
pub fn id(n: u64) -> EventId {
    EventId::v7(1_700_000_000_000 + n, u128::from(n) << 3)
}

/// An order as a record, with an id that follows from its number.
pub fn record(topic: &str, order: &Order) -> Record {
    record_with_id(topic, id(order.number), order)
}

/// An order as a record with an id of its own.
pub fn record_with_id(topic: &str, id: EventId, order: &Order) -> Record {
    let envelope = EventEnvelope::new(id, Order::TYPE, Timestamp::from_millis(1_700_000_000_000), "test", order);
    let topic: Topic = topic.parse().expect("a topic");
    Record::new(topic, order.account.clone(), envelope.to_json().expect("orders are JSON"))
}

/// Sends records to memory, in order.
pub async fn send(memory: &Memory, records: Vec<Record>) {
    let producer = memory.producer().await.expect("memory has a producer");
    for answer in producer.send_all(records).await.expect("topics are known") {
        answer.expect("memory takes records");
    }
    drop(producer.flush(std::time::Duration::from_secs(1)));
}

/// Sends orders to a topic, in order.
pub async fn send_orders(memory: &Memory, topic: &str, orders: impl IntoIterator<Item = Order>) {
    send(memory, orders.into_iter().map(|order| record(topic, &order)).collect()).await;
}

/// A service that runs beside the test.
pub struct Running {
    pub handle: ServiceHandle,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Starts a service and waits until it is assigned.
    pub async fn start(service: StreamService) -> Self {
        let running = Self::spawn(service);
        running.handle.ready().await;
        running
    }

    /// Starts a service.
    pub fn spawn(service: StreamService) -> Self {
        let handle = service.handle();
        Running { handle, task: tokio::spawn(service.run()) }
    }

    /// Waits until so many records are settled.
    pub async fn settled(&self, records: u64) {
        while self.handle.account().total().settled() < records {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Stops it in order and waits for the end.
    pub async fn stop(self) -> Result<(), Error> {
        self.handle.stop();
        self.end().await
    }

    /// Waits for its end.
    pub async fn end(self) -> Result<(), Error> {
        self.task.await.expect("the service does not panic")
    }

    /// Ends it as a crash would: its future is dropped where it is.
    pub async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// The parsed data of all records of a topic.
pub fn orders_in(memory: &Memory, topic: &str) -> Vec<Order> {
    let topic: Topic = topic.parse().expect("a topic");
    let records = memory.records(&topic);
    records.iter().map(|r| EventEnvelope::from_json(r.value.as_deref().unwrap_or_default()).expect("an envelope").data).collect()
}

/// A topic.
pub fn topic(name: &str) -> Topic {
    name.parse().expect("a topic")
}

/// The committed offset of a group, if it has one.
pub fn committed(memory: &Memory, group: &str, name: &str, partition: u32) -> Option<u64> {
    memory.committed(group, &topic(name), partition).map(|c| c.offset)
}
