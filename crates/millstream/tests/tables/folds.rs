//! What a fold sees, and what becomes of its change.

use super::support::*;
use super::world::*;
use millstream::memory::{Memory, SendFault, TopicConfig};
use millstream::prelude::*;
use millstream::service::TableSettings;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

async fn run_through(memory: &Memory, service: StreamService) {
    let running = Running::start(service).await;
    through(memory).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn every_record_is_in_the_entry_of_its_key_once() {
    let memory = log(3);
    send_orders(&memory, INPUT, (0..300).map(|n| order(["a", "b", "c", "d", "e"][n as usize % 5], n))).await;
    run_through(&memory, service(&memory)).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn an_entry_lies_in_the_partition_with_the_number_of_its_input() {
    let memory = log(4);
    // Not where its key would send it.
    for partition in 0..4 {
        let mut record = record(INPUT, &order(&format!("k{partition}"), u64::from(partition)));
        record.partition = Some(partition);
        send(&memory, vec![record]).await;
    }
    run_through(&memory, service(&memory)).await;
    for partition in 0..4 {
        let batches = memory.read(&topic(TABLE), partition, 0, 100);
        let keys: Vec<_> = batches.iter().flat_map(|batch| batch.iter().map(|r| r.key().unwrap_or_default().to_vec())).collect();
        assert_eq!(keys, [format!("k{partition}").into_bytes()]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_change_of_a_failed_attempt_is_undone() {
    let memory = log(1);
    let tries = Arc::new(AtomicUsize::new(0));
    let service = builder(&memory)
        .with_shared_state(tries.clone())
        .add_consumer_handler(INPUT, GROUP, async |order: Event<Order>, tries: &AtomicUsize, journal: &mut Journal| {
            journal.numbers.push(order.number);
            match tries.fetch_add(1, Ordering::Relaxed) % 3 {
                0 => Err(HandlerError::transient("not yet")),
                1 => {
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    Ok(())
                }
                _ => Ok(()),
            }
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, INPUT, (0..5).map(|n| order("a", n))).await;
    run_through(&memory, service).await;
    assert_eq!(tries.load(Ordering::Relaxed), 15);
    assert_eq!(journals(&memory)["a"], [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_not_in_the_entry() {
    let memory = log(1);
    let service = builder(&memory)
        .add_consumer_handler(INPUT, GROUP, async |order: Event<Order>, journal: &mut Journal| {
            journal.numbers.push(order.number);
            if order.number == 1 { Err(HandlerError::permanent("never")) } else { Ok(()) }
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, INPUT, (0..3).map(|n| order("a", n))).await;
    run_through(&memory, service).await;
    assert_eq!(journals(&memory)["a"], [0, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_change_of_a_failed_attempt_is_not_written_with_a_known_record_behind_it() {
    let memory = log(1);
    send_orders(&memory, INPUT, [order("a", 0), order("b", 1)]).await;
    // That of `b` is in the log, and nothing is committed.
    let half = async |order: Event<Order>, journal: &mut Journal| {
        if order.account == "a" {
            std::future::pending::<()>().await;
        }
        journal.numbers.push(order.number);
    };
    let running = Running::start(builder(&memory).add_consumer_handler(INPUT, GROUP, half).build().expect("valid")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, GROUP, INPUT, 0).unwrap_or(0), 0);
    let failing = async |order: Event<Order>, journal: &mut Journal| -> Result<(), HandlerError> {
        journal.numbers.push(order.number);
        Err(HandlerError::permanent("never"))
    };
    run_through(&memory, builder(&memory).add_consumer_handler(INPUT, GROUP, failing).build().expect("valid")).await;
    assert_eq!(journals(&memory).into_iter().collect::<Vec<_>>(), [("b".into(), vec![1])]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_not_folded_again() {
    let memory = log(1);
    let orders = [order("a", 0), order("a", 1), order("a", 0), order("a", 2), order("a", 1)];
    send_orders(&memory, INPUT, orders).await;
    run_through(&memory, service(&memory)).await;
    assert_eq!(journals(&memory)["a"], [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn none_left_behind_deletes_the_entry() {
    let memory = log(1);
    let service = builder(&memory)
        .add_consumer_handler(INPUT, GROUP, async |order: Event<Order>, journal: &mut Option<Journal>| {
            if order.number % 3 == 2 {
                *journal = None;
            } else {
                journal.get_or_insert_default().numbers.push(order.number);
            }
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, INPUT, (0..7).map(|n| order("a", n))).await;
    send_orders(&memory, INPUT, [order("b", 8)]).await;
    run_through(&memory, service).await;
    assert_eq!(journals(&memory).into_iter().collect::<Vec<_>>(), [(String::from("a"), vec![6])]);
}

#[tokio::test(start_paused = true)]
async fn a_skipped_record_that_changes_nothing_writes_nothing() {
    let memory = log(1);
    let service = builder(&memory)
        .add_consumer_handler(INPUT, GROUP, async |order: Event<Order>, journal: &mut Journal| {
            if order.number > 0 {
                return Outcome::skip("seen enough");
            }
            journal.numbers.push(order.number);
            Outcome::Done
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, INPUT, (0..50).map(|n| order("a", n))).await;
    run_through(&memory, service).await;
    assert_eq!(memory.end(&topic(TABLE), 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_key_is_a_dead_letter() {
    let memory = log(1);
    let mut keyless = record(INPUT, &order("a", 0));
    keyless.key = None;
    keyless.partition = Some(0);
    send(&memory, vec![keyless]).await;
    run_through(&memory, service(&memory)).await;
    assert_eq!(memory.records(&topic("paper.orders.new.dlq")).len(), 1);
    assert!(journals(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_not_in_the_log_before_the_outputs_of_its_record() {
    let memory = log(1);
    memory.set_writable(&topic(TOLD), false).expect("it exists");
    send_orders(&memory, INPUT, (0..10).map(|n| order("a", n))).await;
    let running = Running::start(service(&memory)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(memory.end(&topic(TABLE), 0), Some(0));
    memory.set_writable(&topic(TOLD), true).expect("it exists");
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn an_entry_waits_for_each_output_of_its_record() {
    const FIRST: Sibling = Sibling::new("orders", "first");
    let memory = log(1);
    memory.set_writable(&topic(TOLD), false).expect("it exists");
    let tells_twice = async |order: Event<Order>, journal: &mut Journal, out: &mut Outputs| {
        out.emit(FIRST, &*order)?;
        on_order(order, journal, out).await
    };
    let service = builder(&memory).add_consumer_handler(INPUT, GROUP, tells_twice).build().expect("a valid service");
    send_orders(&memory, INPUT, [order("a", 0)]).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((memory.records(&topic("paper.orders.first")).len(), memory.end(&topic(TABLE), 0)), (1, Some(0)));
    memory.set_writable(&topic(TOLD), true).expect("it exists");
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)["a"], [0]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_waits_for_the_outputs_of_the_records_before_it_with_its_key() {
    let memory = log(1);
    memory.set_writable(&topic(TOLD), false).expect("it exists");
    let tells_of_the_first = async |order: Event<Order>, journal: &mut Journal, out: &mut Outputs| {
        if order.number == 0 {
            return on_order(order, journal, out).await;
        }
        journal.numbers.push(order.number);
        Ok(())
    };
    let service = builder(&memory).add_consumer_handler(INPUT, GROUP, tells_of_the_first).build().expect("a valid service");
    send_orders(&memory, INPUT, [order("a", 0), order("a", 1), order("b", 2)]).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(journals(&memory).into_iter().collect::<Vec<_>>(), [("b".into(), vec![2])]);
    memory.set_writable(&topic(TOLD), true).expect("it exists");
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)["a"], [0, 1]);
}

/// An entry of 256 KiB.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Bulk {
    text: String,
}

impl TableEntry for Bulk {
    const TABLE: Sibling = Journal::TABLE;
}

#[tokio::test(start_paused = true)]
async fn entries_that_are_not_written_hold_starts_back_by_their_bytes() {
    let memory = log(1);
    memory.set_writable(&topic(TABLE), false).expect("it exists");
    let calls = Arc::new(AtomicUsize::new(0));
    let service = builder(&memory)
        .with_shared_state(calls.clone())
        .add_consumer_handler(INPUT, GROUP, async |_: Event<Order>, calls: &AtomicUsize, bulk: &mut Bulk| {
            calls.fetch_add(1, Ordering::Relaxed);
            bulk.text = "x".repeat(256 << 10);
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, INPUT, (0..150).map(|n| order(&format!("k{n}"), n))).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(calls.load(Ordering::Relaxed) <= 64, "16 MiB and no more: {calls:?}");
    memory.set_writable(&topic(TABLE), true).expect("it exists");
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_eq!(calls.load(Ordering::Relaxed), 150);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_not_committed_before_its_entry_is_in_the_log() {
    let memory = log(1);
    memory.set_writable(&topic(TABLE), false).expect("it exists");
    send_orders(&memory, INPUT, (0..10).map(|n| order("a", n))).await;
    let running = Running::start(service(&memory)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(committed(&memory, GROUP, INPUT, 0).unwrap_or(0), 0);
    assert!(running.handle.health().troubles.keys().any(|place| place.starts_with("table's writes")));
    memory.set_writable(&topic(TABLE), true).expect("it exists");
    through(&memory).await;
    assert!(running.handle.health().troubles.is_empty());
    running.stop().await.expect("a clean end");
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn entries_whose_writes_fail_are_written_again_in_order() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..40).map(|n| order(["a", "b"][n as usize % 2], n))).await;
    for fault in [SendFault::Unavailable, SendFault::UnknownApplied, SendFault::UnknownNotApplied] {
        memory.fail_sends(&topic(TABLE), 7, fault).expect("it exists");
    }
    run_through(&memory, service(&memory)).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn records_with_new_keys_wait_for_room_in_a_full_table_and_others_go_on() {
    let memory = log(1);
    let service = builder(&memory)
        .add_consumer_handler_with(INPUT, GROUP, on_order, settings().table(TableSettings::new().most(2, 1 << 20)))
        .build()
        .expect("a valid service");
    let orders = [order("a", 0), order("b", 1), order("c", 2), order("a", 3), order("b", 4)];
    send_orders(&memory, INPUT, orders).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(journals(&memory).into_iter().collect::<Vec<_>>(), [("a".into(), vec![0, 3]), ("b".into(), vec![1, 4])]);
    assert_eq!(committed(&memory, GROUP, INPUT, 0), Some(2));
    assert!(running.handle.health().troubles.values().any(|trouble| trouble.contains("full")));
    running.crash().await;
    let service = super::world::service(&memory);
    run_through(&memory, service).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_tables_of_its_own() {
    let memory = Memory::new();
    let (paper, zerodha) = ("paper.orders.new", "zerodha.orders.new");
    for name in ["paper.ledger.journals", "zerodha.ledger.journals"] {
        memory.create_topic(&topic(name), TopicConfig::compacted(1)).expect("it is new");
    }
    let service = builder(&memory).add_consumer_handler([paper, zerodha], GROUP, on_order).build().expect("a valid service");
    send_orders(&memory, paper, [order("a", 0), order("a", 1)]).await;
    send_orders(&memory, zerodha, [order("a", 2)]).await;
    let running = Running::start(service).await;
    running.settled(3).await;
    running.stop().await.expect("a clean end");
    assert_eq!(journals(&memory)["a"], [0, 1]);
    let other = memory.records(&topic("zerodha.ledger.journals"));
    assert_eq!(other.len(), 1);
}
