//! Retry topics: what they promise of attempts, bytes, time, ids and places, and what is not believed of what they hold.

mod copies;
mod flow;
mod refused;
mod trust;

use super::support::*;
use super::*;
use millstream::contract::ErrorKind;
use millstream::engine::{Breaker, LanePolicy};
use millstream::memory::{SendFault, TopicConfig};
use millstream::service::{Counts, IdSource, StartAt};
use millstream_testkit::FoundLetter;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const FIRST: &str = "paper.orders.new.retry.1";
const SECOND: &str = "paper.orders.new.retry.2";
const LETTERS: &str = "paper.orders.new.dlq";
const DONE: Sibling = Sibling::new("orders", "done");

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn errors() -> ErrorHandling {
    ErrorHandling::new().retry(retry(2)).retry_topics([Duration::from_secs(10), minutes(5)])
}

/// What a handler was called with: the account, the attempt, and when.
#[derive(Clone, Debug)]
struct Call {
    account: String,
    attempt: u32,
    at: tokio::time::Instant,
    topic: String,
    position: Position,
}

/// Fails so many calls of each account but `fine`.
struct Desk {
    calls: Mutex<Vec<Call>>,
    fails: usize,
}

impl Desk {
    fn failing(fails: usize) -> Arc<Self> {
        Arc::new(Desk { calls: Mutex::default(), fails })
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic under it").clone()
    }

    fn calls_of(&self, account: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.account == account).collect()
    }

    async fn on_order(
        &self,
        order: Event<Order>,
        attempt: Attempt,
        topic: Topic,
        position: Position,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        assert_eq!(order.position(), position);
        let account = order.account.clone();
        let call =
            Call { account, attempt: attempt.number(), at: tokio::time::Instant::now(), topic: topic.to_string(), position };
        self.calls.lock().expect("no panic under it").push(call);
        out.emit(DONE, &*order)?;
        if order.account != "fine" && self.calls_of(&order.account).len() <= self.fails {
            Err(TradeError::Busy.into())
        } else {
            Ok(())
        }
    }
}

fn service(memory: &Memory, desk: &Arc<Desk>, errors: ErrorHandling) -> StreamServiceBuilder<Desk> {
    super::desk(memory, errors)
        .add_producer()
        .with_deduplicator(WindowDeduplicator::default())
        .with_shared_state(desk.clone())
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
}

/// A log on which every topic has one partition.
fn log() -> Memory {
    let memory = Memory::new();
    for name in [NEW, FIRST, SECOND, LETTERS] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("a new topic");
    }
    memory
}

/// Runs a service until each of its topics has settled all it holds.
async fn run<S: Send + Sync + 'static>(memory: &Memory, builder: StreamServiceBuilder<S>) -> (Account, Counts) {
    let running = Running::start(builder.build().expect("a valid service")).await;
    let handle = running.handle.clone();
    let unsettled = || {
        let of = |name: &str| memory.records(&topic(name)).len() as u64;
        handle.account().lines.iter().any(|line| line.counts.settled() < of(line.topic.as_str()))
    };
    let all = async {
        while unsettled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(minutes(24 * 60), all).await.expect("all settles within a day");
    running.stop().await.expect("a clean end");
    (handle.account(), handle.account().total())
}

fn letters(memory: &Memory) -> Vec<FoundLetter> {
    memory.records(&topic(LETTERS)).into_iter().map(FoundLetter::of).collect()
}
