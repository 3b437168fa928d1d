//! Time in which something around the handler is away: it counts for no record that is tried again meanwhile (§5).

use super::support::*;
use super::*;
use millstream::memory::TopicConfig;
use millstream_testkit::FlakyDeduplicator;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const COPIES: &str = "paper.orders.new.retry.1";
const LETTERS: &str = "paper.orders.new.dlq";

/// What a record may take: one pause, and not two.
const MOST: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(200);

#[derive(Default)]
struct Calls(Mutex<BTreeMap<String, u32>>);

impl Calls {
    /// An account called "slow" needs two pauses, "busy" three attempts more than there are, "refused" is refused.
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        let call = {
            let mut calls = self.0.lock().expect("no panic under it");
            let call = calls.entry(order.account.clone()).or_default();
            *call += 1;
            *call
        };
        match order.account.as_str() {
            "slow" if call <= 2 => Err(HandlerError::after(PAUSE, "not before then")),
            "busy" if call <= 3 => Err(HandlerError::transient("busy")),
            "refused" => Err(HandlerError::permanent("no")),
            _ => Ok(()),
        }
    }
}

fn errors() -> ErrorHandling {
    ErrorHandling::new().retry(retry(3).within(MOST))
}

fn log() -> Memory {
    let memory = Memory::new();
    for name in [NEW, COPIES, LETTERS] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("a new topic");
    }
    memory
}

async fn start(memory: &Memory, errors: ErrorHandling, store: &FlakyDeduplicator) -> Running {
    let service = desk(memory, errors)
        .with_deduplicator(store.clone())
        .with_shared_state(Arc::new(Calls::default()))
        .add_consumer_handler(NEW, GROUP, Calls::on_order);
    Running::start(service.build().expect("a valid service")).await
}

fn store() -> FlakyDeduplicator {
    FlakyDeduplicator::new(WindowDeduplicator::default())
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_outage_gives_up_when_its_time_is_over() {
    let memory = log();
    let running = start(&memory, errors(), &store()).await;
    send_orders(&memory, NEW, [order("slow", 1)]).await;
    running.settled(1).await;
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((counts.done, counts.dead_lettered), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_no_letter_is_taken_counts_for_no_record() {
    let memory = log();
    memory.set_writable(&topic(LETTERS), false).expect("it exists");
    let running = start(&memory, errors(), &store()).await;
    send_orders(&memory, NEW, [order("refused", 1), order("slow", 2)]).await;
    tokio::time::sleep(3 * PAUSE).await;
    memory.set_writable(&topic(LETTERS), true).expect("it exists");
    running.settled(2).await;
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((counts.done, counts.dead_lettered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_no_copy_is_taken_counts_for_no_record() {
    let memory = log();
    memory.set_writable(&topic(COPIES), false).expect("it exists");
    let running = start(&memory, errors().retry_topics([Duration::from_secs(10)]), &store()).await;
    send_orders(&memory, NEW, [order("busy", 1), order("slow", 2)]).await;
    tokio::time::sleep(3 * PAUSE).await;
    memory.set_writable(&topic(COPIES), true).expect("it exists");
    running.settled(3).await;
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((counts.done, counts.handed_on, counts.dead_lettered), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_no_id_is_looked_up_counts_for_no_record() {
    let (memory, store) = (log(), store());
    let running = start(&memory, errors(), &store).await;
    send_orders(&memory, NEW, [order("slow", 1)]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.checks().down(true);
    send_orders(&memory, NEW, [order("fine", 2)]).await;
    tokio::time::sleep(2 * PAUSE).await;
    store.checks().down(false);
    running.settled(2).await;
    assert!(!running.handle.health().is_degraded(), "it works again");
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((counts.done, counts.dead_lettered), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nothing_is_marked_counts_for_no_record_though_ids_are_looked_up() {
    let (memory, store) = (log(), store());
    store.marks().down(true);
    let running = start(&memory, errors(), &store).await;
    send_orders(&memory, NEW, [order("fine", 1), order("slow", 2)]).await;
    // Each is looked up, and none is marked.
    for number in 3..503 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        send_orders(&memory, NEW, [order("fine", number)]).await;
    }
    store.marks().down(false);
    running.settled(502).await;
    assert!(!running.handle.health().is_degraded(), "it works again");
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((counts.done, counts.dead_lettered), (502, 0));
}
