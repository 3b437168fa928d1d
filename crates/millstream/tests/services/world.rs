//! Services on one memory, which notes how all of them are whenever one of them connects or leaves.

use super::support::*;
use millstream::contract::{
    Capabilities, Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Error, ErrorKind, Operation, Transport,
};
use millstream::memory::TopicConfig;
use millstream::prelude::*;
use millstream::service::{Services, ServicesHandle};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// What a transport does when it is asked for a producer.
#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    Well,
    Never,
    Fails,
    /// Answers, but its consumer cannot go on.
    Breaks,
    /// Answers, but its consumers say nothing for a second.
    Late,
}

/// Notes how all services are at each step of one of them.
#[derive(Clone, Default)]
pub struct Notes {
    all: Arc<OnceLock<ServicesHandle>>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    pub fn add(&self, step: &str) {
        let all = self.all.get().expect("it is set before anything runs");
        let lives = all.services().map(|(name, one)| match one.health() {
            health if health.is_ready() => format!("{name} ready"),
            health => format!("{name} {:?}", health.life),
        });
        let lives = lives.collect::<Vec<_>>().join(", ").to_lowercase();
        self.notes.lock().expect("no test panics with it").push(format!("{step}: {lives}"));
    }

    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().expect("no test panics with it"))
    }
}

/// Memory that notes when it is connected to and left.
#[derive(Clone)]
struct Noted {
    memory: Memory,
    name: &'static str,
    notes: Notes,
    answer: Answer,
}

struct NotedConsumer(<Memory as Transport>::Consumer, Noted, Instant);

impl Consumer for NotedConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        if self.1.answer == Answer::Breaks {
            return ConsumerEvent::Fatal(Error::new(
                ErrorKind::Unauthorized,
                Operation::Fetch,
                "the credentials are no longer valid",
            ));
        }
        if self.1.answer == Answer::Late {
            tokio::time::sleep_until(self.2 + Duration::from_secs(1)).await;
        }
        self.0.poll().await
    }

    fn submit(&mut self, command: Command) {
        self.0.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.1.notes.add(&format!("{} leaves", self.1.name));
        self.0.close(how).await
    }
}

impl Transport for Noted {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = NotedConsumer;

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        self.notes.add(&format!("{} starts", self.name));
        match self.answer {
            Answer::Well | Answer::Breaks | Answer::Late => self.memory.producer().await,
            Answer::Never => std::future::pending().await,
            Answer::Fails => Err(Error::new(ErrorKind::Unavailable, Operation::Connect, "no broker answers")),
        }
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<NotedConsumer, Error> {
        Ok(NotedConsumer(self.memory.consumer(request).await?, self.clone(), Instant::now()))
    }
}

/// Number 0 is done at once; others take for ever.
async fn on_order(order: Event<Order>) {
    if order.number > 0 {
        std::future::pending::<()>().await;
    }
}

/// The last order of an account.
#[derive(Default, Serialize, Deserialize)]
struct Last(u64);

impl TableEntry for Last {
    const TABLE: Sibling = Sibling::new("ledger", "last");
}

async fn on_kept(order: Event<Order>, last: &mut Last) {
    last.0 = order.number;
}

/// What the services of a test share.
pub struct World {
    pub memory: Memory,
    pub notes: Notes,
}

impl World {
    pub async fn new(orders: u64) -> Self {
        let memory = Memory::new();
        send_orders(&memory, "paper.orders.new", (0..orders).map(|n| order("a", n))).await;
        World { memory, notes: Notes::default() }
    }

    pub fn service(&self, name: &'static str, answer: Answer) -> StreamService {
        let transport = Noted { memory: self.memory.clone(), name, notes: self.notes.clone(), answer };
        StreamServiceBuilder::new(name, transport)
            .with_shutdown(Shutdown::within(Duration::from_secs(20)))
            .add_consumer_handler("paper.orders.new", name, on_order)
            .build()
            .expect("a valid service")
    }

    /// A service that takes a second to be assigned, and another to restore its table.
    pub fn restoring(&self, name: &'static str) -> StreamService {
        self.memory.create_topic(&topic("paper.ledger.last"), TopicConfig::compacted(1)).expect("it is new");
        let transport = Noted { memory: self.memory.clone(), name, notes: self.notes.clone(), answer: Answer::Late };
        StreamServiceBuilder::new(name, transport)
            .with_deduplicator(WindowDeduplicator::default())
            .add_producer()
            .add_consumer_handler("paper.orders.new", name, on_kept)
            .build()
            .expect("a valid service")
    }

    pub fn well(&self, names: &[&'static str]) -> Services {
        names.iter().fold(Services::new(), |all, name| all.add(self.service(name, Answer::Well)))
    }

    pub fn run(&self, services: Services) -> (ServicesHandle, JoinHandle<Result<(), Error>>) {
        let handle = services.handle();
        self.notes.all.set(handle.clone()).expect("a world runs once");
        (handle, tokio::spawn(services.run()))
    }

    pub async fn settled(&self, handle: &ServicesHandle, each: u64) {
        for (_, one) in handle.services() {
            while one.account().total().settled() < each {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// What a run answers, which must end soon.
pub async fn end(run: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    timeout(Duration::from_secs(120), run).await.expect("it ends").expect("it does not panic")
}
