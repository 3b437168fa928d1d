//! What a batch handler answers for one record concerns that record alone.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;

#[tokio::test(start_paused = true)]
async fn what_may_start_comes_in_one_call_and_settles() {
    let desk = Desk::new();
    let bench = desk.bench(orders(0..100), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [(0..100).collect::<Vec<_>>()]);
    assert_eq!((bench.account().done, bench.account().failures), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn only_the_record_that_failed_comes_again_with_its_attempt_counted() {
    let desk = Desk::new().answering(|number, attempt| match (number, attempt) {
        (3, 1 | 2) => Err(HandlerError::transient("not yet")),
        _ => Ok(Outcome::Done),
    });
    let bench = desk.bench(orders(0..8), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [(0..8).collect(), vec![3], vec![3]]);
    assert_eq!(desk.attempts(3), [1, 2, 3]);
    let counts = bench.account();
    assert_eq!((counts.done, counts.failures, counts.retries, counts.dead_lettered), (8, 2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_answer_has_failed_and_is_never_done() {
    let forgets = |orders: Batch<Order>| async move {
        let mut answers = Outcomes::new();
        for (slot, order) in &orders {
            if order.number != 2 {
                answers.done(slot);
            }
        }
        answers
    };
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..5)).await;
    let service = |memory| builder(memory, 1).add_batch_handler(NEW, GROUP, forgets).build();
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().dead_lettered), (4, 1));
    let letters = bench.dead_letters(LETTERS);
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("exhausted", 4));
}

#[tokio::test(start_paused = true)]
async fn each_is_done_skipped_put_off_or_a_dead_letter_as_it_was_answered() {
    let desk = Desk::new().answering(|number, attempt| match (number % 5, attempt) {
        (1, _) => Ok(Outcome::skip("nothing to do")),
        (2, _) => Err(HandlerError::permanent("never")),
        (3, 1) => Err(HandlerError::transient("later")),
        _ => Ok(Outcome::Done),
    });
    let bench = desk.bench(orders(0..50), BatchSettings::new().records(16)).await;
    bench.settled().await;
    let counts = bench.account();
    assert_eq!((counts.done, counts.skipped, counts.dead_lettered, counts.retries), (30, 10, 10, 10));
    assert!(bench.dead_letters(LETTERS).iter().all(|letter| letter.reason == "permanent" && letter.attempts == 1));
}

#[tokio::test(start_paused = true)]
async fn a_deferred_record_comes_again_at_its_time_and_it_was_no_attempt() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let desk = Desk::new().answering(move |number, _| match number {
        1 if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => Ok(Outcome::defer_for(ms(60_000), "closed")),
        _ => Ok(Outcome::Done),
    });
    let bench = desk.bench(orders(0..3), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!(desk.numbers(), [vec![0, 1, 2], vec![1]]);
    assert_eq!(desk.attempts(1), [1, 1]);
    let calls = desk.calls();
    assert!(calls[1].at - calls[0].at >= ms(60_000));
    assert_eq!((bench.account().deferred, bench.account().failures), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_decoded_is_a_dead_letter_alone_and_in_no_batch() {
    let desk = Desk::new();
    let memory = Memory::new();
    let mut records: Vec<_> = orders(0..6).iter().map(|order| record(NEW, order)).collect();
    let envelope = EventEnvelope::new(id(90), "order", Timestamp::from_millis(0), "test", "not an order");
    records.insert(2, Record::new(topic(NEW), "k", envelope.to_json().expect("a text is JSON")));
    records.insert(4, Record::new(topic(NEW), "l", b"{no json".to_vec()));
    send(&memory, records).await;
    let start = |memory| desk.service(memory, BatchSettings::new());
    let bench = TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert_eq!(desk.numbers(), [vec![0, 1, 2, 3, 4, 5]]);
    let letters = bench.dead_letters(LETTERS);
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|letter| letter.reason == "poison" && letter.attempts == 0), "{letters:?}");
    assert_eq!((bench.account().done, bench.account().failures), (6, 1), "one of the two was found by decoding");
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_nothing_but_poison_calls_nobody() {
    let desk = Desk::new();
    let memory = Memory::new();
    let poison = |n: u64| {
        let envelope = EventEnvelope::new(id(n), "order", Timestamp::from_millis(0), "test", n);
        Record::new(topic(NEW), n.to_string(), envelope.to_json().expect("a number is JSON"))
    };
    send(&memory, (0..4).map(poison).collect()).await;
    let start = |memory| desk.service(memory, BatchSettings::new());
    let bench = TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert_eq!((desk.calls().len(), bench.account().dead_lettered), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn an_ok_without_answers_is_done_for_all() {
    let all = |_: Batch<Order>| async { Ok::<(), HandlerError>(()) };
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..5)).await;
    let service = |memory| builder(memory, 1).add_batch_handler(NEW, GROUP, all).build();
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    assert_eq!(bench.account().done, 5);
}
