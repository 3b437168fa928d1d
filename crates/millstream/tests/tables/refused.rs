//! A record whose output is refused for good: its entry goes out behind its dead letter, for it says that all its record led to
//! is there.

use super::support::*;
use super::world::*;
use millstream::memory::{Memory, TopicConfig};
use millstream::prelude::*;
use std::time::Duration;

const LETTERS: &str = "paper.orders.new.dlq";

/// A log that refuses what is told of an account with a long name.
fn narrow_log() -> (Memory, String) {
    let memory = Memory::new();
    memory.create_topic(&topic(INPUT), TopicConfig::new(1)).expect("it is new");
    memory.create_topic(&topic(TABLE), TopicConfig::compacted(1)).expect("it is new");
    memory.create_topic(&topic(TOLD), TopicConfig::new(1).max_record_bytes(1_024)).expect("it is new");
    memory.create_topic(&topic(LETTERS), TopicConfig::new(1)).expect("it is new");
    (memory, "x".repeat(2_000))
}

/// Tells of the first order only.
fn telling_of_the_first(memory: &Memory) -> StreamService {
    let handler = async |order: Event<Order>, journal: &mut Journal, out: &mut Outputs| {
        if order.number == 0 {
            return on_order(order, journal, out).await;
        }
        journal.numbers.push(order.number);
        Ok(())
    };
    builder(memory).add_consumer_handler(INPUT, GROUP, handler).build().expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_crash_does_not_lose_the_letter_of_a_record_whose_output_was_refused() {
    let (memory, account) = narrow_log();
    memory.set_writable(&topic(LETTERS), false).expect("it exists");
    send_orders(&memory, INPUT, [order(&account, 0)]).await;
    let running = Running::start(telling_of_the_first(&memory)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    running.crash().await;
    memory.set_writable(&topic(LETTERS), true).expect("it exists");
    let running = Running::start(telling_of_the_first(&memory)).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(memory.records(&topic(LETTERS)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_entry_of_a_record_whose_output_was_refused_goes_out_behind_its_letter_and_before_those_that_follow() {
    let (memory, account) = narrow_log();
    memory.set_writable(&topic(LETTERS), false).expect("it exists");
    send_orders(&memory, INPUT, [order(&account, 0), order(&account, 1), order("b", 2)]).await;
    let running = Running::start(telling_of_the_first(&memory)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(journals(&memory).keys().eq(["b"]), "neither its entry nor the one behind it");
    memory.set_writable(&topic(LETTERS), true).expect("it exists");
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!((memory.records(&topic(LETTERS)).len(), &journals(&memory)[&account]), (1, &vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_output_was_refused_is_not_committed_before_its_entry_is_in_the_log() {
    let (memory, account) = narrow_log();
    memory.set_writable(&topic(TABLE), false).expect("it exists");
    send_orders(&memory, INPUT, [order(&account, 0)]).await;
    let running = Running::start(telling_of_the_first(&memory)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(memory.records(&topic(LETTERS)).len(), 1);
    assert_eq!(committed(&memory, GROUP, INPUT, 0).unwrap_or(0), 0);
    memory.set_writable(&topic(TABLE), true).expect("it exists");
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)[&account], [0]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_of_a_refused_output_can_be_put_back_though_its_record_came_again() {
    let (memory, account) = narrow_log();
    send_orders(&memory, INPUT, [order(&account, 0), order(&account, 1)]).await;
    let running = Running::start(telling_of_the_first(&memory)).await;
    // Sooner than the next commit.
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.crash().await;
    assert_eq!((memory.records(&topic(LETTERS)).len(), &journals(&memory)[&account]), (1, &vec![0, 1]));
    assert_eq!(committed(&memory, GROUP, INPUT, 0).unwrap_or(0), 0);
    let handler = async |order: Event<Order>, journal: &mut Journal| journal.numbers.push(order.number);
    let silent = || builder(&memory).add_consumer_handler(INPUT, GROUP, handler).build().expect("a valid service");
    let running = Running::start(silent()).await;
    through(&memory).await;
    assert_eq!((memory.records(&topic(LETTERS)).len(), &journals(&memory)[&account]), (1, &vec![0, 1]));
    send_orders(&memory, INPUT, [order(&account, 0)]).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)[&account], [0, 1, 0], "it runs again, and is folded again");
}
