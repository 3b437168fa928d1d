//! A cluster that turns its service away: credentials ended, or were changed (F71).

mod support;

use millstream::contract::{
    Capabilities, Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Error, ErrorKind, Operation, Transport, TryAgain,
};
use millstream::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a cluster's door does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Closed,
    Open,
}

/// Memory with a door before it: while it is closed no question of a consumer is answered.
#[derive(Clone)]
struct Guarded(Memory, Arc<Mutex<Option<UnboundedReceiver<Door>>>>);

struct GuardedConsumer {
    inner: <Memory as Transport>::Consumer,
    door: UnboundedReceiver<Door>,
    is: Door,
    /// An answer that could not pass.
    owed: bool,
}

impl Consumer for GuardedConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        loop {
            tokio::select! {
                biased;
                Some(is) = self.door.recv() => {
                    self.is = is;
                    if is == Door::Closed {
                        let error = Error::new(ErrorKind::Unauthorized, Operation::Fetch, "the brokers turn this client away");
                        return ConsumerEvent::Degraded(error.with_try_again(TryAgain::No));
                    }
                    if std::mem::take(&mut self.owed) {
                        return ConsumerEvent::Confirmed;
                    }
                }
                event = self.inner.poll() => match event {
                    ConsumerEvent::Confirmed if self.is == Door::Closed => self.owed = true,
                    event => return event,
                }
            }
        }
    }

    fn submit(&mut self, command: Command) {
        self.inner.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.inner.close(how).await
    }
}

impl Transport for Guarded {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = GuardedConsumer;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<GuardedConsumer, Error> {
        let door = self.1.lock().expect("no panic under it").take().expect("one consumer");
        Ok(GuardedConsumer { inner: self.0.consumer(request).await?, door, is: Door::Open, owed: false })
    }
}

async fn ignore(_: Event<Order>) {}

/// A running service, and the door of its cluster.
async fn running(memory: &Memory) -> (Running, UnboundedSender<Door>) {
    let (door, watched) = unbounded_channel();
    let service = StreamServiceBuilder::new("seen", Guarded(memory.clone(), Arc::new(Mutex::new(Some(watched)))))
        .add_consumer_handler("paper.orders.new", "seen.orders", ignore)
        .build()
        .expect("a valid service");
    send_orders(memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(service).await;
    running.settled(1).await;
    (running, door)
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_turned_away_is_not_ready_and_says_why_until_it_is_let_in() {
    let memory = Memory::new();
    let (running, door) = running(&memory).await;
    assert!(running.handle.health().is_ready());
    for _ in 0..3 {
        door.send(Door::Closed).expect("it runs");
        seconds(1).await;
        let health = running.handle.health();
        assert!(!health.is_ready());
        assert!(health.troubles["credentials of group seen.orders"].contains("turn this client away"), "{health:?}");
    }
    door.send(Door::Open).expect("it runs");
    seconds(1).await;
    assert!(running.handle.health().is_ready(), "{:?}", running.handle.health());
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stays_turned_away_for_a_minute_ends_with_that_error() {
    let memory = Memory::new();
    let (running, door) = running(&memory).await;
    for _ in 0..2 {
        door.send(Door::Closed).expect("it runs");
        seconds(29).await;
    }
    assert_eq!(running.handle.health().life, millstream::service::Life::Running);
    seconds(4).await;
    door.send(Door::Closed).expect("it runs");
    let error = running.end().await.expect_err("it was turned away for more than a minute");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("turn this client away"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn each_time_a_service_is_turned_away_it_has_a_minute() {
    let memory = Memory::new();
    let (running, door) = running(&memory).await;
    for _ in 0..3 {
        door.send(Door::Closed).expect("it runs");
        seconds(50).await;
        door.send(Door::Open).expect("it runs");
        seconds(50).await;
    }
    running.stop().await.expect("a clean end");
}
