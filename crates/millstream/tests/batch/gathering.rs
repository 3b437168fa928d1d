//! When a batch goes: full by records or bytes, or after it has waited long enough.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::prelude::*;
use tokio::time::Instant;

/// So long, and at most 10 ms longer.
fn is_about(span: std::time::Duration, expected: u64) -> bool {
    span >= ms(expected) && span < ms(expected + 10)
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_so_many_records_at_most_and_a_full_one_does_not_wait() {
    let desk = Desk::new();
    let began = Instant::now();
    let settings = BatchSettings::new().records(16).linger(ms(5_000));
    let bench = desk.bench(orders(0..64), settings).await;
    bench.settled().await;
    assert_eq!(desk.numbers().iter().map(Vec::len).collect::<Vec<_>>(), [16; 4]);
    assert!(began.elapsed() < ms(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_record_waits_for_company_as_long_as_it_may_and_no_longer() {
    let desk = Desk::new();
    let bench = desk.bench([], BatchSettings::new().linger(ms(300))).await;
    let published = desk.age();
    bench.publish(NEW, &order("a", 0)).await;
    tokio::time::sleep(ms(200)).await;
    assert_eq!(desk.calls().len(), 0, "it waits");
    bench.publish(NEW, &order("b", 1)).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [vec![0, 1]]);
    let waited = desk.calls()[0].at - published;
    assert!(is_about(waited, 300), "counted from the first of them: {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn without_linger_a_record_goes_at_once() {
    let desk = Desk::new();
    let bench = desk.bench([], BatchSettings::new().linger(ms(0))).await;
    bench.publish(NEW, &order("a", 0)).await;
    tokio::time::sleep(ms(1)).await;
    assert_eq!(desk.numbers(), [vec![0]]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_so_many_bytes_at_most_and_a_larger_record_comes_alone() {
    let desk = Desk::new();
    let memory = Memory::new();
    let size = |order: &Order| {
        let record = record(NEW, order);
        record.key.as_ref().map_or(0, |key| key.len()) + record.value.as_ref().map_or(0, |value| value.len())
    };
    let mut all = orders(0..6);
    all[3].account = "x".repeat(2_000);
    let most = 2 * size(&all[0]) + 10;
    send_orders(&memory, NEW, all).await;
    let start = |memory| desk.service(memory, BatchSettings::new().bytes(most));
    let bench = millstream_testkit::TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert_eq!(desk.numbers(), [vec![0, 1], vec![2], vec![3], vec![4, 5]]);
}

#[tokio::test(start_paused = true)]
async fn while_a_call_runs_the_next_batch_is_gathered() {
    let desk = Desk::new().taking(ms(1_000));
    let bench = desk.bench(orders(0..1), BatchSettings::new().linger(ms(0))).await;
    for number in 1..=20 {
        tokio::time::sleep(ms(10)).await;
        bench.publish(NEW, &order(&number.to_string(), number)).await;
    }
    bench.settled().await;
    assert_eq!(desk.numbers(), [vec![0], (1..=20).collect()]);
}

#[tokio::test(start_paused = true)]
async fn so_many_calls_of_a_partition_run_at_once_and_no_more() {
    for at_once in [1, 3] {
        let desk = Desk::new().taking(ms(1_000));
        let bench = desk.bench(orders(0..60), BatchSettings::new().records(10).calls(at_once)).await;
        bench.settled().await;
        let mut began: Vec<_> = desk.calls().iter().map(|call| call.at.as_millis() / 1_000).collect();
        began.dedup();
        assert_eq!(began.len(), 6 / at_once, "{:?}", desk.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_tried_again_waits_for_company_outside_its_deadline() {
    let desk = Desk::new().answering(|_, attempt| match attempt {
        4 => Ok(Outcome::Done),
        _ => Err(HandlerError::transient("busy")),
    });
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..1)).await;
    let start = |memory| {
        let retry = Retry::exponential(ms(10), ms(10)).attempts(4).within(ms(500));
        let builder = builder(memory, 7).with_error_handling(ErrorHandling::new().retry(retry)).with_state(desk.clone());
        builder.add_producer().add_batch_handler_with(NEW, GROUP, Desk::handle, BatchSettings::new().linger(ms(1_000))).build()
    };
    let bench = millstream_testkit::TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert_eq!(desk.attempts(0), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_full_does_not_keep_a_batch_waiting_for_ever() {
    let desk = Desk::new();
    let settings = BatchSettings::new().records(8).in_flight(8, 4 << 20).linger(ms(50));
    // All with one key: one at a time may start, and the window fills behind it.
    let bench = desk.bench((0..40).map(|n| order("one", n)), settings).await;
    bench.settled().await;
    assert_eq!(bench.account().done, 40);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_window_is_in_flight() {
    let desk = Desk::new().taking(ms(100_000));
    let settings = BatchSettings::new().records(5).in_flight(20, 4 << 20).timeout(ms(200_000));
    let bench = desk.bench(orders(0..100), settings).await;
    tokio::time::sleep(ms(1_000)).await;
    assert_eq!(bench.account().delivered, 20);
}

#[tokio::test(start_paused = true)]
async fn partitions_have_batches_of_their_own_beside_each_other() {
    let desk = Desk::new().taking(ms(1_000));
    let memory = log(4);
    send_orders(&memory, NEW, orders(0..80)).await;
    let began = Instant::now();
    let start = |memory| desk.service(memory, BatchSettings::new().linger(ms(0)));
    let bench = millstream_testkit::TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert!(began.elapsed() < ms(2_000), "none waits for another: {:?}", began.elapsed());
    assert!(desk.calls().len() >= 4);
}

/// A window full of one key has no company to wait for: nothing can come before one of them is settled.
#[tokio::test(start_paused = true)]
async fn a_batch_does_not_wait_where_the_window_is_full_of_one_key() {
    let desk = Desk::new();
    let began = Instant::now();
    let one_key = (0..30).map(|number| order("a", number));
    let settings = BatchSettings::new().records(10).in_flight(10, 32 << 20).linger(ms(1_000));
    let bench = desk.bench(one_key, settings).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), (0..30).map(|number| vec![number]).collect::<Vec<_>>());
    assert!(began.elapsed() < ms(15_000), "only those at the end wait: {:?}", began.elapsed());
}
