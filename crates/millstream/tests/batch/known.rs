//! Deduplication under batches: as under single handlers.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;

/// The order with this number, under another key.
fn with_key(key: String, number: u64) -> Record {
    let mut record = record(NEW, &order("a", number));
    record.key = Some(key.into());
    record
}

async fn bench(desk: &Desk, memory: Memory, store: &millstream_testkit::FlakyDeduplicator, settings: BatchSettings) -> TestBench {
    let service = |memory| {
        let builder = builder(memory, 1).add_producer().with_deduplicator(store.clone()).with_state(desk.clone());
        builder.add_batch_handler_with(NEW, GROUP, Desk::handle, settings).build()
    };
    TestBench::start_on(memory, service).await.expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn two_records_with_one_id_are_never_in_one_batch_and_the_second_is_a_duplicate() {
    let (desk, memory) = (Desk::new(), Memory::new());
    let twice = |n: u64| {
        // Other keys, so that only the id keeps them apart.
        ["a", "b"].map(|key| with_key(format!("{n}-{key}"), n))
    };
    send(&memory, (0..20).flat_map(twice).collect()).await;
    let bench = bench(&desk, memory, &store(), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [(0..20).collect::<Vec<_>>()]);
    assert_eq!((bench.account().done, bench.account().duplicates), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_twin_of_a_record_that_failed_for_good_is_called() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let desk = Desk::new().answering(move |_, _| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Err(HandlerError::permanent("the first one")),
        _ => Ok(Outcome::Done),
    });
    let memory = Memory::new();
    send(&memory, vec![with_key("a".into(), 1), with_key("b".into(), 1)]).await;
    let bench = bench(&desk, memory, &store(), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [vec![1], vec![1]]);
    assert_eq!((bench.account().done, bench.account().dead_lettered, bench.account().duplicates), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_done_before_a_crash_is_in_no_batch_after_it() {
    let (desk, memory, store) = (Desk::new(), Memory::new(), store());
    send_orders(&memory, NEW, orders(0..30)).await;
    let rare = BatchSettings::new().records(10);
    let service = |memory: Memory, seed| {
        let builder = builder(memory, seed).commit_every(ms(3_600_000)).with_deduplicator(store.clone());
        builder.add_producer().with_state(desk.clone()).add_batch_handler_with(NEW, GROUP, Desk::handle, rare.clone()).build()
    };
    let running = Running::start(service(memory.clone(), 1).expect("a valid service")).await;
    running.settled(30).await;
    running.crash().await;
    let seen = desk.calls().len();
    send_orders(&memory, NEW, orders(30..33)).await;
    let bench = TestBench::start_on(memory, |memory| service(memory, 2)).await.expect("a valid service");
    while bench.account().settled() < 33 {
        tokio::time::sleep(ms(5)).await;
    }
    let again: Vec<u64> = desk.numbers()[seen..].concat();
    assert_eq!(again, [30, 31, 32]);
    assert_eq!(bench.account().redeliveries, 30);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waited_for_its_call_past_its_look_up_is_looked_up_again() {
    let (desk, memory, store) = (Desk::new().taking(ms(45_000)), Memory::new(), store());
    send_orders(&memory, NEW, orders(0..20)).await;
    let settings = BatchSettings::new().records(10).timeout(ms(100_000));
    let bench = bench(&desk, memory, &store, settings).await;
    tokio::time::sleep(ms(1_000)).await;
    let before = store.checks().calls();
    bench.settled().await;
    assert!(store.checks().calls() > before, "45 s are longer than a look-up counts");
    assert_eq!(desk.numbers(), [(0..10).collect::<Vec<_>>(), (10..20).collect()]);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_down_no_call_starts_and_then_all_is_done_once() {
    let (desk, memory, store) = (Desk::new(), Memory::new(), store());
    store.down(true);
    send_orders(&memory, NEW, orders(0..40)).await;
    let bench = bench(&desk, memory, &store, BatchSettings::new().records(7)).await;
    tokio::time::sleep(ms(20_000)).await;
    assert_eq!(desk.calls().len(), 0);
    store.down(false);
    bench.settled().await;
    let mut seen: Vec<u64> = desk.numbers().concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
}
