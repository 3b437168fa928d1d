//! The order of keys: a batch has no key twice, so a record never overtakes one before it with its key.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::prelude::*;
use std::collections::BTreeSet;

#[tokio::test(start_paused = true)]
async fn a_batch_has_no_key_twice() {
    let desk = Desk::new();
    let orders: Vec<_> = (0..60).map(|n| order(&(n % 7).to_string(), n)).collect();
    let bench = desk.bench(orders, BatchSettings::new()).await;
    bench.settled().await;
    for call in desk.numbers() {
        let keys: BTreeSet<_> = call.iter().map(|number| number % 7).collect();
        assert_eq!(keys.len(), call.len(), "{call:?}");
    }
    assert_eq!(bench.account().done, 60);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_is_not_overtaken_by_those_behind_it_with_its_key() {
    let desk = Desk::new().answering(|number, attempt| match number % 3 == 0 && attempt < 3 {
        true => Err(HandlerError::transient("not yet")),
        false => Ok(Outcome::Done),
    });
    let orders: Vec<_> = (0..40).map(|n| order(&(n % 4).to_string(), n)).collect();
    let bench = desk.bench(orders, BatchSettings::new().calls(3)).await;
    bench.settled().await;
    let seen: Vec<u64> = desk.numbers().concat();
    for key in 0..4 {
        let of_key: Vec<u64> = seen.iter().copied().filter(|number| number % 4 == key).collect();
        assert!(of_key.is_sorted(), "key {key}: {of_key:?}");
    }
    assert_eq!(bench.account().done, 40);
}

#[tokio::test(start_paused = true)]
async fn a_key_waits_for_the_dead_letter_before_it() {
    let desk = Desk::new().answering(|number, _| match number {
        0 => Err(HandlerError::permanent("never")),
        _ => Ok(Outcome::Done),
    });
    let sink = millstream_testkit::FlakySink::new();
    sink.switches().down(true);
    let memory = Memory::new();
    send_orders(&memory, NEW, [order("a", 0), order("a", 1), order("b", 2)]).await;
    let service = builder(memory, 1)
        .with_error_handling(into_sink(&sink))
        .add_producer()
        .with_state(desk.clone())
        .add_batch_handler(NEW, GROUP, Desk::handle)
        .build();
    let running = Running::start(service.expect("a valid service")).await;
    running.settled(1).await;
    tokio::time::sleep(ms(5_000)).await;
    assert_eq!(desk.numbers(), [vec![0, 2]]);
    sink.switches().down(false);
    running.settled(3).await;
    assert_eq!(desk.numbers(), [vec![0, 2], vec![1]]);
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn unordered_a_batch_has_all_of_a_key_in_the_order_of_their_offsets() {
    let desk = Desk::new();
    let orders: Vec<_> = (0..30).map(|n| order("one", n)).collect();
    let bench = desk.bench(orders, BatchSettings::new().unordered()).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [(0..30).collect::<Vec<_>>()]);
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_come_together() {
    let desk = Desk::new();
    let memory = Memory::new();
    let keyless = |n: u64| {
        let mut record = record(NEW, &order("a", n));
        record.key = None;
        record
    };
    send(&memory, (0..10).map(keyless).collect()).await;
    let start = |memory| desk.service(memory, BatchSettings::new());
    let bench = millstream_testkit::TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert_eq!(desk.numbers(), [(0..10).collect::<Vec<_>>()]);
}
