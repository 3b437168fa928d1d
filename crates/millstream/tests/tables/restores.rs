//! What is read back before a partition starts, and what follows if it cannot be.

use super::support::*;
use super::world::*;
use millstream::contract::{ErrorKind, Operation, Record};
use millstream::memory::{Memory, TopicConfig};
use millstream::prelude::*;
use millstream::service::{TableSettings, TableStart};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

async fn run_through(memory: &Memory, service: StreamService) {
    let running = Running::start(service).await;
    through(memory).await;
    running.stop().await.expect("a clean end");
}

async fn end_of(service: StreamService) -> Error {
    Running::spawn(service).end().await.expect_err("it cannot run")
}

#[tokio::test(start_paused = true)]
async fn a_fold_goes_on_where_the_run_before_ended() {
    let memory = log(2);
    for run in 0..5 {
        send_orders(&memory, INPUT, (0..20).map(|n| order(["a", "b", "c"][n as usize % 3], run * 20 + n))).await;
        run_through(&memory, service(&memory)).await;
        assert_folded(&memory);
    }
}

#[tokio::test(start_paused = true)]
async fn compaction_changes_nothing_of_what_is_restored() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..200).map(|n| order(["a", "b"][n as usize % 2], n))).await;
    run_through(&memory, service(&memory)).await;
    memory.compact(&topic(TABLE)).expect("it exists");
    assert!(memory.records(&topic(TABLE)).len() < 200, "it was compacted");
    send_orders(&memory, INPUT, (200..220).map(|n| order(["a", "b"][n as usize % 2], n))).await;
    run_through(&memory, service(&memory)).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_a_zombie_wrote_late_is_not_taken_for_the_newest() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..3).map(|n| order("a", n))).await;
    run_through(&memory, service(&memory)).await;
    let old = memory.records(&topic(TABLE)).swap_remove(1);
    let mut late = Record::new(old.topic, old.key.expect("a key"), old.value.expect("a value"));
    (late.headers, late.partition) = (old.headers, Some(0));
    send(&memory, vec![late]).await;
    send_orders(&memory, INPUT, [order("a", 3)]).await;
    run_through(&memory, service(&memory)).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn a_record_in_its_entry_does_not_run_again_when_its_commit_was_lost() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..10).map(|n| order("a", n))).await;
    run_through(&memory, service(&memory)).await;
    let metadata = memory.committed(GROUP, &topic(INPUT), 0).expect("a commit");
    assert!(metadata.metadata.is_some_and(|note| note.contains(";t=")), "the note says that a table is kept");
    memory.set_committed(GROUP, &topic(INPUT), 0, None);
    let calls = Arc::new(AtomicUsize::new(0));
    let service = builder(&memory)
        .with_shared_state(calls.clone())
        .add_consumer_handler(INPUT, GROUP, async |order: Event<Order>, calls: &AtomicUsize, journal: &mut Journal| {
            calls.fetch_add(1, Ordering::Relaxed);
            journal.numbers.push(order.number);
        })
        .build()
        .expect("a valid service");
    run_through(&memory, service).await;
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_folded(&memory);
}

/// A group that has committed its input without keeping a table.
async fn without_a_table(memory: &Memory, dedup: &WindowDeduplicator) {
    send_orders(memory, INPUT, (0..10).map(|n| order("a", n))).await;
    let service = StreamServiceBuilder::new("ledger", memory.clone())
        .with_deduplicator(dedup.clone())
        .add_consumer_handler(INPUT, GROUP, async |_: Event<Order>| {})
        .build()
        .expect("a valid service");
    run_through(memory, service).await;
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_new_to_its_group_is_filled_from_the_start_though_all_of_it_is_done() {
    let (memory, dedup) = (log(1), WindowDeduplicator::default());
    without_a_table(&memory, &dedup).await;
    send_orders(&memory, INPUT, [order("a", 3), order("a", 10)]).await;
    let service = builder(&memory).with_deduplicator(dedup).add_consumer_handler(INPUT, GROUP, on_order);
    run_through(&memory, service.build().expect("a valid service")).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn a_table_whose_first_filling_is_interrupted_lacks_nothing() {
    let (memory, dedup) = (log(1), WindowDeduplicator::default());
    without_a_table(&memory, &dedup).await;
    let stuck = async |order: Event<Order>, journal: &mut Journal, out: &mut Outputs| match order.number {
        5 => std::future::pending().await,
        _ => on_order(order, journal, out).await,
    };
    let base = || builder(&memory).with_deduplicator(dedup.clone());
    let running = Running::start(base().add_consumer_handler(INPUT, GROUP, stuck).build().expect("a valid service")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.crash().await;
    assert_eq!(journals(&memory)["a"], [0, 1, 2, 3, 4]);
    run_through(&memory, base().add_consumer_handler(INPUT, GROUP, on_order).build().expect("a valid service")).await;
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_cut_is_filled_again_when_the_groups_offsets_are_reset_though_all_is_done() {
    for reset in [None, Some(0)] {
        let (memory, dedup) = (log(1), WindowDeduplicator::default());
        let service = || builder(&memory).with_deduplicator(dedup.clone()).add_consumer_handler(INPUT, GROUP, on_order).build();
        send_orders(&memory, INPUT, (0..5).map(|n| order("a", n))).await;
        run_through(&memory, service().expect("a valid service")).await;
        memory.recreate(&topic(TABLE)).expect("it exists");
        memory.set_committed(GROUP, &topic(INPUT), 0, reset);
        run_through(&memory, service().expect("a valid service")).await;
        assert_folded(&memory);
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_to_start_empty_holds_what_comes() {
    let (memory, dedup) = (log(1), WindowDeduplicator::default());
    without_a_table(&memory, &dedup).await;
    send_orders(&memory, INPUT, [order("a", 10)]).await;
    let settings = settings().table(TableSettings::new().start(TableStart::Empty));
    let service = builder(&memory).with_deduplicator(dedup).add_consumer_handler_with(INPUT, GROUP, on_order, settings);
    run_through(&memory, service.build().expect("a valid service")).await;
    assert_eq!(journals(&memory)["a"], [10]);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_before_all_is_restored_and_health_says_so() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..10).map(|n| order("a", n))).await;
    let running = Running::spawn(service(&memory));
    let seen = running.handle.clone();
    let restoring = tokio::spawn(async move {
        seen.until(|health| !health.restoring.is_empty()).await;
        let health = seen.health();
        (health.is_ready(), health.restoring.into_iter().collect::<Vec<_>>())
    });
    running.handle.ready().await;
    assert!(running.handle.health().restoring.is_empty());
    let (ready, places) = restoring.await.expect("it was restoring");
    assert_eq!((ready, places), (false, vec![String::from("paper.orders.new on paper.orders.new-0")]));
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_comes_while_a_service_starts_is_waited_for() {
    let memory = Memory::builder().auto_create(false).build();
    let running = Running::spawn(service(&memory));
    for name in [INPUT, TOLD, "paper.orders.new.dlq"] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("it is new");
    }
    // As brokers tell of topics: the last of them a second after the first.
    tokio::time::sleep(Duration::from_secs(1)).await;
    memory.create_topic(&topic(TABLE), TopicConfig::compacted(1)).expect("it is new");
    running.handle.ready().await;
    assert!(running.handle.health().is_ready(), "{:?}", running.handle.health());
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_ends_the_run_with_its_name_and_remedy() {
    let memory = Memory::builder().auto_create(false).build();
    for name in [INPUT, TOLD, "paper.orders.new.dlq"] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("it is new");
    }
    let error = end_of(service(&memory)).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("the table's topic paper.ledger.journals does not exist"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_table_with_fewer_partitions_than_its_input_ends_the_run() {
    let memory = Memory::new();
    memory.create_topic(&topic(INPUT), TopicConfig::new(3)).expect("it is new");
    memory.create_topic(&topic(TABLE), TopicConfig::compacted(2)).expect("it is new");
    let error = end_of(service(&memory)).await;
    let text = "the table's topic paper.ledger.journals has 2 partitions and its input paper.orders.new has 3";
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_in_the_tables_topic_ends_the_run_and_nothing_has_started() {
    let memory = log(1);
    send_orders(&memory, INPUT, [order("a", 0)]).await;
    send_orders(&memory, TABLE, [order("a", 1)]).await;
    let error = end_of(service(&memory)).await;
    assert_eq!(error.operation(), Operation::Restore);
    assert!(error.to_string().contains("has a record at 0 that is no entry"), "{error}");
    assert!(told(&memory).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_the_new_type_cannot_read_ends_the_run_and_nothing_is_lost() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Another {
        total: u64,
    }

    impl TableEntry for Another {
        const TABLE: Sibling = Journal::TABLE;
    }

    let memory = log(1);
    send_orders(&memory, INPUT, [order("a", 0)]).await;
    run_through(&memory, service(&memory)).await;
    send_orders(&memory, INPUT, [order("a", 1)]).await;
    let service = builder(&memory)
        .add_consumer_handler(INPUT, GROUP, async |order: Event<Order>, another: &mut Another| another.total += order.number)
        .build();
    let error = end_of(service.expect("a valid service")).await;
    assert!(error.to_string().contains("the entry of key `a` in paper.ledger.journals-0 cannot be read"), "{error}");
    run_through(&memory, super::world::service(&memory)).await;
    assert_folded(&memory);
}

/// A service with room for so many entries.
fn narrow(memory: &Memory, most: usize) -> StreamService {
    let settings = settings().table(TableSettings::new().most(most, 1 << 20));
    let deleting = async |order: Event<Order>, journal: &mut Option<Journal>| match order.number {
        100.. => *journal = None,
        number => journal.get_or_insert_default().numbers.push(number),
    };
    builder(memory).add_consumer_handler_with(INPUT, GROUP, deleting, settings).build().expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_table_larger_than_its_caps_is_restored_and_records_with_new_keys_wait() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..3).map(|n| order(["a", "b", "c"][n as usize], n))).await;
    run_through(&memory, narrow(&memory, 3)).await;
    send_orders(&memory, INPUT, [order("a", 3), order("d", 4), order("b", 5)]).await;
    let running = Running::start(narrow(&memory, 2)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let kept = [("a", vec![0, 3]), ("b", vec![1, 5]), ("c", vec![2])].map(|(key, numbers)| (key.to_owned(), numbers));
    assert_eq!(journals(&memory).into_iter().collect::<Vec<_>>(), kept);
    assert!(running.handle.health().troubles.values().any(|trouble| trouble.contains("full: it holds 3 entries")));
    running.crash().await;
}

#[tokio::test(start_paused = true)]
async fn deletions_take_no_room_when_they_are_restored() {
    let memory = log(1);
    let orders = [("a", 0), ("b", 1), ("b", 100), ("c", 2), ("c", 101), ("d", 3), ("d", 102)];
    send_orders(&memory, INPUT, orders.map(|(account, n)| order(account, n))).await;
    run_through(&memory, narrow(&memory, 2)).await;
    // All of it comes again, so the deletions are remembered.
    memory.set_committed(GROUP, &topic(INPUT), 0, Some(0));
    send_orders(&memory, INPUT, [order("e", 4)]).await;
    run_through(&memory, narrow(&memory, 2)).await;
    assert_eq!(journals(&memory).into_iter().collect::<Vec<_>>(), [("a".into(), vec![0]), ("e".into(), vec![4])]);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_cut_is_not_taken_for_an_empty_one() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..5).map(|n| order("a", n))).await;
    run_through(&memory, service(&memory)).await;
    run_through(&memory, service(&memory)).await;
    memory.recreate(&topic(TABLE)).expect("it exists");
    let error = end_of(service(&memory)).await;
    assert!(error.to_string().contains("paper.ledger.journals-0 ends at 0 and ended at 5 before"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn another_reprocessing_run_starts_with_an_empty_table() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..5).map(|n| order("a", n))).await;
    run_through(&memory, service(&memory)).await;
    memory.set_committed(GROUP, &topic(INPUT), 0, None);
    let again = builder(&memory).reprocessing_run(1).add_consumer_handler(INPUT, GROUP, on_order).build();
    run_through(&memory, again.expect("a valid service")).await;
    assert_eq!(journals(&memory)["a"], [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_revoked_while_it_is_restored_is_given_up_unstarted() {
    let memory = log(4);
    send_orders(&memory, INPUT, (0..200).map(|n| order(&format!("k{}", n % 40), n))).await;
    let first = Running::spawn(service(&memory));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let second = Running::spawn(service(&memory));
    first.handle.ready().await;
    second.handle.ready().await;
    through(&memory).await;
    first.stop().await.expect("a clean end");
    second.stop().await.expect("a clean end");
    assert_folded(&memory);
}
