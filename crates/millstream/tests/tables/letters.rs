//! Dead letters behind which their keys went on: no entry has them, though those behind them are in it.

use super::support::*;
use super::world::*;
use millstream::memory::Memory;
use millstream::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const LETTERS: &str = "paper.orders.new.dlq";

type Mended = Arc<AtomicBool>;

/// Until it is mended, order 0 never ends and order 1 is refused.
async fn on_any(mended: &Mended, order: Event<Order>, journal: &mut Journal, out: &mut Outputs) -> Result<(), HandlerError> {
    match order.number {
        0 if !mended.load(Ordering::SeqCst) => std::future::pending().await,
        1 if !mended.load(Ordering::SeqCst) => Err(HandlerError::permanent("no such account")),
        _ => on_order(order, journal, out).await,
    }
}

fn broken(memory: &Memory, mended: &Mended) -> StreamService {
    let builder = builder(memory).with_state(mended.clone());
    builder.add_consumer_handler(INPUT, GROUP, on_any).build().expect("a valid service")
}

/// Order 1 is a dead letter, order 2 of its account is in the entry, and the commit is below both.
async fn crashed_behind_a_letter(memory: &Memory, mended: &Mended) {
    send_orders(memory, INPUT, [order("slow", 0), order("a", 1), order("a", 2)]).await;
    let running = Running::start(broken(memory, mended)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.crash().await;
    assert_eq!((memory.records(&topic(LETTERS)).len(), &journals(memory)["a"]), (1, &vec![2]));
    assert_eq!(committed(memory, GROUP, INPUT, 0).unwrap_or(0), 0);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_put_back_is_folded_though_its_record_came_again_below_its_entry() {
    let (memory, mended) = (log(1), Arc::new(AtomicBool::new(false)));
    crashed_behind_a_letter(&memory, &mended).await;
    mended.store(true, Ordering::SeqCst);
    let running = Running::start(broken(&memory, &mended)).await;
    through(&memory).await;
    assert_eq!(journals(&memory)["a"], [2], "it came again, and is still no part of the entry");
    send_orders(&memory, INPUT, [order("a", 1)]).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)["a"], [2, 1]);
    assert_eq!(memory.records(&topic(LETTERS)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_letter_below_its_entry_is_remembered_over_more_than_one_crash() {
    let (memory, mended) = (log(1), Arc::new(AtomicBool::new(false)));
    crashed_behind_a_letter(&memory, &mended).await;
    send_orders(&memory, INPUT, [order("a", 3)]).await;
    let running = Running::start(broken(&memory, &mended)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    running.crash().await;
    memory.compact(&topic(TABLE)).expect("it exists");
    mended.store(true, Ordering::SeqCst);
    let running = Running::start(broken(&memory, &mended)).await;
    through(&memory).await;
    send_orders(&memory, INPUT, [order("a", 1)]).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)["a"], [2, 3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_below_its_entry_is_remembered_though_it_was_settled_and_only_not_committed() {
    let (memory, mended) = (log(1), Arc::new(AtomicBool::new(false)));
    send_orders(&memory, INPUT, [order("a", 1), order("a", 2)]).await;
    let running = Running::start(broken(&memory, &mended)).await;
    // Sooner than the next commit.
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.crash().await;
    assert_eq!((memory.records(&topic(LETTERS)).len(), &journals(&memory)["a"]), (1, &vec![2]));
    assert_eq!(committed(&memory, GROUP, INPUT, 0).unwrap_or(0), 0);
    mended.store(true, Ordering::SeqCst);
    let running = Running::start(broken(&memory, &mended)).await;
    through(&memory).await;
    send_orders(&memory, INPUT, [order("a", 1)]).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)["a"], [2, 1]);
    assert_eq!(memory.records(&topic(LETTERS)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_does_not_name_letters_that_cannot_come_again() {
    let (memory, mended) = (log(1), Arc::new(AtomicBool::new(false)));
    let running = Running::start(broken(&memory, &mended)).await;
    send_orders(&memory, INPUT, [order("a", 1), order("a", 2)]).await;
    through(&memory).await;
    assert_eq!(named_letters(&memory), ["0"], "it is not committed yet");
    send_orders(&memory, INPUT, [order("a", 3)]).await;
    through(&memory).await;
    assert_eq!(named_letters(&memory), [""; 0], "its record was committed, and stays behind");
    running.stop().await.expect("a clean end");
}

/// Those that the last entry of the table names.
fn named_letters(memory: &Memory) -> Vec<String> {
    let entries = memory.records(&topic(TABLE));
    let position = entries.last().and_then(|entry| entry.headers.iter().find(|header| header.0 == "millstream-position"));
    let position =
        String::from_utf8(position.and_then(|header| header.1.as_deref()).expect("it has one").to_vec()).expect("a text");
    position.split(';').nth(4).unwrap_or_default().split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
