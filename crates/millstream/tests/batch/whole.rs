//! A call that fails as a whole costs no record its attempts, and the one at fault is found.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::engine::Breaker;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_record_that_makes_its_call_panic_becomes_a_dead_letter_alone() {
    let desk = Desk::new().wholly(|numbers| {
        assert!(!numbers.contains(&5), "five");
        Ok(())
    });
    let bench = desk.bench(orders(0..10), BatchSettings::new()).await;
    bench.settled().await;
    let counts = bench.account();
    assert_eq!((counts.done, counts.dead_lettered), (9, 1));
    let letter = &bench.dead_letters(LETTERS)[0];
    assert_eq!((letter.reason.as_str(), letter.attempts), ("panic", 1));
    let mut numbers = desk.numbers();
    assert_eq!(numbers.remove(0), (0..10).collect::<Vec<_>>());
    assert_eq!(numbers, (0..10).map(|n| vec![n]).collect::<Vec<_>>(), "then each alone");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_as_a_whole_counts_no_attempt_and_costs_one_call_more_at_most() {
    // Always fails in company, and order 5 also alone.
    let desk = Desk::new().wholly(|numbers| match numbers.len() > 1 || numbers.contains(&5) {
        true => Err(HandlerError::transient("the store is away")),
        false => Ok(()),
    });
    let bench = desk.bench(orders(0..10), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!(desk.attempts(5), [1, 1, 2, 3, 4], "four attempts, and the call in company");
    for number in [0, 1, 2, 3, 4, 6, 7, 8, 9] {
        assert_eq!(desk.attempts(number), [1, 1]);
    }
    let letter = &bench.dead_letters(LETTERS)[0];
    assert_eq!((letter.reason.as_str(), letter.attempts), ("exhausted", 4));
    assert_eq!((bench.account().done, bench.account().dead_lettered), (9, 1));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_of_a_call_is_permanent_for_those_alone_that_meet_it_alone() {
    let desk = Desk::new().wholly(|numbers| match numbers.contains(&5) {
        true => Err(HandlerError::permanent("no such thing")),
        false => Ok(()),
    });
    let bench = desk.bench(orders(0..10), BatchSettings::new()).await;
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().dead_lettered), (9, 1));
    assert_eq!(bench.dead_letters(LETTERS)[0].attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_dropped_and_sorted_out() {
    let hangs = async |desk: &Desk, orders: Batch<Order>, out: &mut BatchOutputs| {
        if orders.iter().any(|(_, order)| order.number == 5) {
            std::future::pending::<()>().await;
        }
        desk.handle(orders, out).await
    };
    let (desk, memory) = (Desk::new(), Memory::new());
    send_orders(&memory, NEW, orders(0..10)).await;
    let service = |memory| {
        let builder = builder(memory, 1).add_producer().with_state(desk.clone());
        builder.add_batch_handler_with(NEW, GROUP, hangs, BatchSettings::new().timeout(ms(1_000))).build()
    };
    let bench = millstream_testkit::TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    let counts = bench.account();
    assert_eq!((counts.done, counts.dead_lettered, counts.timeouts), (9, 1, 5), "once in company, four times alone");
    assert_eq!(desk.numbers(), [0, 1, 2, 3, 4, 6, 7, 8, 9].map(|n| vec![n]));
}

#[tokio::test(start_paused = true)]
async fn after_a_transient_failure_as_a_whole_the_records_wait_before_they_come_alone() {
    let desk = Desk::new().wholly(|numbers| match numbers.len() {
        1 => Ok(()),
        _ => Err(HandlerError::transient("the store is away")),
    });
    let retry = Retry::exponential(ms(10_000), ms(10_000));
    let bench = desk.bench(orders(0..4), BatchSettings::new().retry(retry)).await;
    bench.settled().await;
    let calls = desk.calls();
    assert_eq!(calls.len(), 5);
    // Full jitter: anything up to ten seconds; with this seed it is more than nothing.
    assert!(calls[1..].iter().all(|call| call.at - calls[0].at > ms(100)), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_as_a_whole_is_one_failure_to_the_breaker() {
    let desk = Desk::new().wholly(|numbers| match numbers.len() {
        1 => Ok(()),
        _ => Err(HandlerError::transient("the store is away")),
    });
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..50)).await;
    let bench = behind(&desk, &memory, Breaker::after(10), ms(3_600_000)).await;
    bench.settled().await;
    assert!(desk.calls().last().expect("calls were made").at < ms(60_000), "it never opened");
}

/// The handler behind a breaker that looks at a minute, and, once open, asks every so often.
async fn behind(desk: &Desk, memory: &Memory, breaker: Breaker, ask: Duration) -> TestBench {
    lingering(desk, memory, breaker, ask, BatchSettings::new()).await
}

async fn lingering(desk: &Desk, memory: &Memory, breaker: Breaker, ask: Duration, settings: BatchSettings) -> TestBench {
    let service = |memory| {
        let errors = quick().breaker(breaker.within(ms(60_000)).probe_every(ask));
        let builder = builder(memory, 1).with_error_handling(errors).add_producer().with_state(desk.clone());
        builder.add_batch_handler_with(NEW, GROUP, Desk::handle, settings).build()
    };
    TestBench::start_on(memory.clone(), service).await.expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_record_that_always_fails_alone_is_not_every_probe() {
    // When it has been a probe others come; they are gathered, and with the second linger wait for company when one is due.
    for linger in [ms(20), ms(10_000)] {
        let desk = Desk::new().answering(|number, _| match number {
            0 => Err(HandlerError::transient("never this one")),
            _ => Ok(Outcome::Done),
        });
        let memory = Memory::new();
        send_orders(&memory, NEW, orders(0..1)).await;
        let settings = BatchSettings::new().linger(linger);
        let bench = lingering(&desk, &memory, Breaker::after(2), ms(2_000), settings).await;
        tokio::time::sleep(3 * linger + ms(3_000)).await;
        send_orders(&memory, NEW, orders(1..4)).await;
        bench.settled().await;
        assert_eq!((bench.account().done, bench.account().dead_lettered), (3, 1));
        assert_eq!(desk.attempts(0), [1, 2, 3, 3, 4], "the probe counted none");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_alone_behind_an_open_breaker_asks_again_and_again() {
    let began = tokio::time::Instant::now();
    let desk = Desk::new().answering(move |_, _| match began.elapsed() < ms(60_000) {
        true => Err(HandlerError::transient("the store is away")),
        false => Ok(Outcome::Done),
    });
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..1)).await;
    let bench = behind(&desk, &memory, Breaker::after(2), ms(5_000)).await;
    tokio::time::timeout(ms(120_000), bench.settled()).await.expect("nobody else asks");
    assert_eq!((bench.account().done, bench.account().dead_lettered), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_breaker_is_open_one_record_asks() {
    let began = tokio::time::Instant::now();
    // Away for a minute: each answers for itself.
    let desk = Desk::new().answering(move |_, _| match began.elapsed() < ms(60_000) {
        true => Err(HandlerError::transient("the store is away")),
        false => Ok(Outcome::Done),
    });
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..50)).await;
    let bench = behind(&desk, &memory, Breaker::after(20), ms(5_000)).await;
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().dead_lettered), (50, 0), "an outage costs no attempts");
    let probes: Vec<usize> =
        desk.calls().iter().filter(|call| call.at > ms(100) && call.at < ms(60_000)).map(|call| call.orders.len()).collect();
    assert_eq!(probes, vec![1; probes.len()]);
    assert!((8..=12).contains(&probes.len()), "one every five seconds: {probes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_error_of_a_whole_call_means_is_asked_of_error_handling() {
    use std::io;
    // Without a rule an `io::Error` may pass: the records would wait long before they come alone.
    let slow = || quick().retry(Retry::exponential(ms(60_000), ms(60_000)));
    let rules = [
        (slow(), true),
        (slow().classify(|_: &io::Error| millstream::engine::Failure::Permanent), false),
        (slow().retry_for::<io::Error>(Retry::exponential(ms(1), ms(1))), false),
    ];
    for (errors, waits) in rules {
        let desk = Desk::new().wholly(|numbers| match numbers.len() {
            1 => Ok(()),
            _ => Err(io::Error::other("the store is away").into()),
        });
        let memory = Memory::new();
        send_orders(&memory, NEW, orders(0..4)).await;
        let service = |memory| {
            let builder = builder(memory, 1).with_error_handling(errors).add_producer().with_state(desk.clone());
            builder.add_batch_handler(NEW, GROUP, Desk::handle).build()
        };
        let bench = millstream_testkit::TestBench::start_on(memory, service).await.expect("a valid service");
        tokio::time::sleep(ms(10_000)).await;
        assert_eq!(desk.calls().len() == 1, waits, "{:?}", desk.numbers());
        bench.stop().await.expect("a clean end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_whole_failure_asks_for_holds_all_its_records() {
    let desk = Desk::new().wholly(|numbers| match numbers.len() > 1 {
        true => Err(HandlerError::after(ms(30_000), "too many requests")),
        false => Ok(()),
    });
    let bench = desk.bench(orders(0..10), BatchSettings::new()).await;
    bench.settled().await;
    let calls = desk.calls();
    assert_eq!(calls.len(), 11);
    assert!(calls[1].at - calls[0].at >= ms(30_000), "{:?}", calls[1].at - calls[0].at);
    assert_eq!((bench.account().done, bench.account().retries), (10, 0), "nothing was an attempt");
}
