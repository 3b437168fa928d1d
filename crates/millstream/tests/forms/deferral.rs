//! A deferred record is not settled and not failed: it waits with its key, and comes again.

use crate::support::*;
use millstream::engine::Breaker;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const DONE: Sibling = Sibling::new("orders", "done");

/// Notes each call: the order's number, the attempt's number, and how much time has passed.
#[derive(Clone)]
struct Calls {
    began: Instant,
    made: Arc<Mutex<Vec<(u64, u32, Duration)>>>,
}

impl Calls {
    fn new() -> Self {
        Calls { began: Instant::now(), made: Arc::default() }
    }

    /// Notes a call; answers how many there were before for this order.
    fn note(&self, number: u64, attempt: Attempt) -> usize {
        let mut made = self.made.lock().expect("no panic under the lock");
        made.push((number, attempt.number(), self.began.elapsed()));
        made.iter().filter(|(called, ..)| *called == number).count() - 1
    }

    fn numbers(&self) -> Vec<u64> {
        self.made.lock().expect("no panic under the lock").iter().map(|call| call.0).collect()
    }

    fn of(&self, number: u64) -> Vec<(u32, Duration)> {
        let made = self.made.lock().expect("no panic under the lock");
        made.iter().filter(|call| call.0 == number).map(|call| (call.1, call.2)).collect()
    }
}

/// Puts the order 1 off for a minute, once.
async fn put_off(calls: &Calls, new: Event<Order>, attempt: Attempt) -> Outcome {
    match calls.note(new.number, attempt) {
        0 if new.number == 1 => Outcome::defer_for(Duration::from_secs(60), "the market is closed"),
        _ => Outcome::Done,
    }
}

async fn bench(calls: &Calls) -> TestBench {
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory).with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", put_off).build()
    };
    TestBench::start(service).await.expect("a valid service")
}

/// So long, and at most 50 ms longer.
fn is_about(span: Duration, expected: Duration) -> bool {
    span >= expected && span < expected + Duration::from_millis(50)
}

#[tokio::test(start_paused = true)]
async fn a_deferred_record_comes_again_at_its_time_and_it_was_no_attempt() {
    let calls = Calls::new();
    let bench = bench(&calls).await;
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.settled().await;
    let made = calls.of(1);
    assert_eq!(made.iter().map(|call| call.0).collect::<Vec<_>>(), [1, 1], "both are the first attempt");
    assert!(is_about(made[1].1 - made[0].1, Duration::from_secs(60)), "{made:?}");
    let counts = bench.account();
    assert_eq!((counts.deferred, counts.done, counts.failures, counts.retries), (1, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_deferred_record_holds_its_key_and_others_go_on() {
    let calls = Calls::new();
    let memory = Memory::new();
    let orders = [order("a", 0), order("a", 1), order("a", 2), order("b", 3), order("a", 4), order("b", 5)];
    send_orders(&memory, "paper.orders.new", orders).await;
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory).with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", put_off).build()
    };
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(calls.numbers(), [0, 1, 3, 5]);
    assert_eq!(committed(bench.memory(), "forms.deferral", "paper.orders.new", 0), Some(1), "it is not settled");
    bench.settled().await;
    assert_eq!(calls.numbers(), [0, 1, 3, 5, 1, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_before_it_defers_is_put_off_just_so() {
    let calls = Calls::new();
    let service = |memory| {
        let waiting = async |calls: &Calls, new: Event<Order>, attempt: Attempt| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            put_off(calls, new, attempt).await
        };
        let builder = StreamServiceBuilder::new("forms", memory).with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", waiting).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.publish("paper.orders.new", &order("a", 2)).await;
    bench.settled().await;
    assert_eq!(calls.numbers(), [1, 1, 2]);
    let made = calls.of(1);
    assert!(is_about(made[1].1 - made[0].1, Duration::from_secs(61)), "from the end of the attempt: {made:?}");
    assert_eq!((bench.account().deferred, bench.account().done), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_emitted_before_it_deferred_does_not_go_out() {
    let calls = Calls::new();
    let service = |memory| {
        let emitting = async |calls: &Calls, new: Event<Order>, attempt: Attempt, out: &mut Outputs| {
            out.emit(DONE, &order(&new.account, attempt.number().into()))?;
            Ok::<_, HandlerError>(put_off(calls, new, attempt).await)
        };
        let builder = StreamServiceBuilder::new("forms", memory).add_producer().with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", emitting).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    for number in 0..3 {
        bench.publish("paper.orders.new", &order(&number.to_string(), number)).await;
    }
    bench.settled().await;
    let mut sent: Vec<String> = bench.events::<Order>("paper.orders.done").into_iter().map(|order| order.account).collect();
    sent.sort();
    assert_eq!((sent, bench.account().outputs), (vec!["0".into(), "1".into(), "2".into()], 3));
}

#[tokio::test(start_paused = true)]
async fn deferrals_use_up_neither_attempts_nor_the_time_of_failing() {
    let calls = Calls::new();
    let service = |memory| {
        // Fails and puts off in turn: three failures, and between them twice the time that failing may take.
        let in_turn = async |calls: &Calls, new: Event<Order>, attempt: Attempt| match calls.note(new.number, attempt) {
            0 | 2 | 4 => Err(HandlerError::transient("not yet")),
            1 | 3 => Ok(Outcome::defer_for(Duration::from_secs(600), "in ten minutes")),
            _ => Ok(Outcome::Done),
        };
        let builder = StreamServiceBuilder::new("forms", memory).with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", in_turn).build()
    };
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(service(memory).expect("a valid service")).await;
    running.settled(1).await;
    let numbers: Vec<u32> = calls.of(1).into_iter().map(|call| call.0).collect();
    assert_eq!(numbers, [1, 2, 2, 3, 3, 4]);
    let counts = running.handle.account().total();
    assert_eq!((counts.done, counts.dead_lettered, counts.failures, counts.deferred), (1, 0, 3, 2));
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_record_is_deferred_until_a_time_of_the_wall_clock() {
    let calls = Calls::new();
    let service = |memory| {
        let until = async |calls: &Calls, new: Event<Order>, attempt: Attempt| match calls.note(new.number, attempt) {
            0 => {
                let wall = i64::try_from(Clock::new().wall_millis()).expect("a time of this age");
                Outcome::defer_until(Timestamp::from_millis(wall + 90_000), "the market opens then")
            }
            // Over already: again soon, and not at once for ever.
            1 => Outcome::defer_until(Timestamp::UNIX_EPOCH, "long ago"),
            _ => Outcome::Done,
        };
        let builder = StreamServiceBuilder::new("forms", memory).with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", until).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.settled().await;
    let made = calls.of(1);
    let waited = made[1].1 - made[0].1;
    // The wall clock goes on while the time of the test stands still.
    assert!(waited > Duration::from_secs(80) && waited <= Duration::from_secs(91), "{made:?}");
    assert!(is_about(made[2].1 - made[1].1, Duration::from_millis(1)), "{made:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deferred_record_is_abandoned_at_the_end_and_comes_to_the_next_owner() {
    let calls = Calls::new();
    let bench = bench(&calls).await;
    bench.publish("paper.orders.new", &order("b", 0)).await;
    bench.publish("paper.orders.new", &order("a", 1)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (memory, handle) = (bench.memory().clone(), bench.handle().clone());
    let stopping = Instant::now();
    bench.stop().await.expect("a clean end");
    assert!(stopping.elapsed() < Duration::from_secs(1), "nobody waits for it");
    let counts = handle.account().total();
    assert_eq!((counts.done, counts.deferred, counts.abandoned), (1, 1, 1));
    assert_eq!(committed(&memory, "forms.deferral", "paper.orders.new", 0), Some(1));
    let next = async |calls: &Calls, new: Event<Order>, attempt: Attempt| {
        calls.note(new.number, attempt);
    };
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory).with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", next).build()
    };
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    assert_eq!(calls.numbers(), [0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn of_a_full_batch_each_is_done_skipped_or_put_off_as_its_handler_says() {
    let seen = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let noted = seen.clone();
    let service = |memory| {
        let by_number = move |new: Event<Order>| {
            let mut seen = noted.lock().expect("no panic under the lock");
            let calls = seen.entry(new.number).or_default();
            *calls += 1;
            let outcome = match (new.number % 5, *calls) {
                (1 | 2, 1) => Outcome::defer_for(Duration::from_millis(10 * new.number), "later"),
                (3, _) => Outcome::skip("odd"),
                _ => Outcome::Done,
            };
            async move { outcome }
        };
        let dedup = WindowDeduplicator::default();
        let builder = StreamServiceBuilder::new("forms", memory).with_deduplicator(dedup);
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", by_number).build()
    };
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", (0..1_000).map(|n| order(&(n % 17).to_string(), n))).await;
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    let counts = bench.account();
    assert_eq!((counts.done, counts.skipped, counts.deferred, counts.dead_lettered), (800, 200, 400, 0));
    let calls: Vec<u32> = seen.lock().expect("no panic under the lock").values().copied().collect();
    assert_eq!(calls.iter().sum::<u32>(), 1_400);
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_an_open_breaker_that_defers_is_followed_by_another_at_its_time() {
    let calls = Calls::new();
    let service = |memory| {
        // Opens the breaker; then the probe, which is the only record left, puts itself off.
        let down = async |calls: &Calls, new: Event<Order>, attempt: Attempt| match calls.note(new.number, attempt) {
            0 | 1 => Err(HandlerError::transient("nobody answers")),
            2 => Ok(Outcome::defer_for(Duration::from_secs(60), "in a minute")),
            _ => Ok(Outcome::Done),
        };
        let breaker = Breaker::after(2).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5));
        let builder = StreamServiceBuilder::new("forms", memory)
            .with_error_handling(ErrorHandling::new().breaker(breaker))
            .with_state(calls.clone());
        builder.add_consumer_handler("paper.orders.new", "forms.deferral", down).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.settled().await;
    let made = calls.of(1);
    assert_eq!(made.iter().map(|call| call.0).collect::<Vec<_>>(), [1, 2, 3, 3]);
    assert!(is_about(made[3].1 - made[2].1, Duration::from_secs(60)), "{made:?}");
    assert!(bench.handle().health().is_ready());
}
