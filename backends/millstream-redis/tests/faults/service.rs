//! Owns a service with `with_redis` that runs beside the test: it notes each event's number. Leaves what befalls its Redis to
//! the tests.

use millstream::contract::Producer;
use millstream::prelude::*;
use millstream::redis::IntoRedis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

pub(crate) const TOPIC: &str = "paper.orders.new";

#[derive(Serialize, Deserialize)]
struct Order {
    number: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order";

    fn key(&self) -> Key<'_> {
        self.number.to_string().into()
    }
}

/// How often each number was handled.
#[derive(Default)]
struct Handled(Mutex<BTreeMap<u64, u32>>);

impl Handled {
    async fn on_order(&self, order: Event<Order>) {
        *self.0.lock().expect("no panic under the lock").entry(order.number).or_default() += 1;
    }
}

/// A service, its log, and what it has handled.
pub(crate) struct Running {
    memory: Memory,
    handled: Arc<Handled>,
    pub(crate) handle: ServiceHandle,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Starts one on an empty log.
    pub(crate) fn start(redis: impl IntoRedis) -> Self {
        let (memory, handled) = (Memory::new(), Arc::new(Handled::default()));
        let service = StreamServiceBuilder::new("orders", memory.clone())
            .with_redis(redis)
            .with_shared_state(handled.clone())
            .add_consumer_handler(TOPIC, "orders.new", Handled::on_order)
            .build()
            .expect("a valid service");
        let handle = service.handle();
        Running { memory, handled, handle, task: tokio::spawn(service.run()) }
    }

    /// Sends events of these numbers, whose ids follow from them.
    pub(crate) async fn send(&self, numbers: std::ops::Range<u64>) {
        let producer = self.memory.producer().await.expect("memory has a producer");
        let records = numbers.map(|number| {
            let id = EventId::v7(1_700_000_000_000 + number, u128::from(number) << 3);
            let envelope =
                EventEnvelope::new(id, Order::TYPE, Timestamp::from_millis(1_700_000_000_000), "test", Order { number });
            let topic: Topic = TOPIC.parse().expect("a topic");
            Record::new(topic, number.to_string(), envelope.to_json().expect("orders are JSON"))
        });
        for answer in producer.send_all(records.collect()).await.expect("topics are known") {
            answer.expect("memory takes records");
        }
        producer.flush(Duration::from_secs(1)).await.expect("memory takes records");
    }

    /// Waits until so many records are settled.
    pub(crate) async fn settled(&self, records: u64) {
        self.until("records are settled", || self.handle.account().total().settled() >= records).await;
    }

    /// Waits until it says that it cannot go on, and why.
    pub(crate) async fn waits(&self) -> String {
        self.until("the service is not ready", || !self.handle.health().is_ready()).await;
        format!("{:?}", self.handle.health().troubles)
    }

    pub(crate) async fn is_ready(&self) {
        self.until("the service is ready", || self.handle.health().is_ready()).await;
    }

    async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let waiting = async {
            while !is() {
                assert!(!self.task.is_finished(), "the service has ended while the test waits until {what}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("waited in vain until {what}: {:?}", self.handle.health()));
    }

    /// How often each of the numbers was handled.
    pub(crate) fn handled(&self, numbers: std::ops::Range<u64>) -> Vec<u32> {
        let handled = self.handled.0.lock().expect("no panic under the lock");
        numbers.map(|number| handled.get(&number).copied().unwrap_or(0)).collect()
    }

    pub(crate) async fn stop(self) {
        self.handle.stop();
        self.task.await.expect("the service does not panic").expect("a clean end");
    }
}
