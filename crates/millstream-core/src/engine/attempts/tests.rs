//! What attempts and the standstill promise.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const TRANSIENT: [Failure; 2] = [Failure::Transient, Failure::TimedOut];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

#[test]
fn each_way_to_fail_has_its_word() {
    let all = [Failure::Transient, Failure::Permanent, Failure::Poison, Failure::Panic, Failure::TimedOut];
    assert_eq!(all.map(Failure::as_str), ["transient", "permanent", "poison", "panic", "timed-out"]);
}

/// Fails until the verdict is to give up; answers handler calls and the reason.
fn fail_for_good(failure: Failure, policy: &Retry) -> (u32, DeadLetterReason) {
    let standstill = Standstill::new();
    let mut now = at(5);
    let mut attempts = Attempts::new(now, &standstill);
    loop {
        match attempts.failed(failure, policy, &standstill, now, 1 << 63) {
            Verdict::Retry { at } => {
                assert!(at > now);
                assert!(attempts.made() < policy.max_attempts, "it never gives up");
                now = at;
            }
            Verdict::GiveUp(reason) => return (attempts.made(), reason),
        }
    }
}

#[test]
fn transient_failures_make_exactly_as_many_calls_as_the_policy_says() {
    for n in 1..20 {
        let policy = Retry::default().attempts(n).without_deadline();
        for failure in TRANSIENT {
            assert_eq!(fail_for_good(failure, &policy), (n, DeadLetterReason::Exhausted));
        }
    }
    assert_eq!(fail_for_good(Failure::Transient, &Retry::default()).0, 4);
    assert_eq!(fail_for_good(Failure::Transient, &Retry::none()).0, 1);
    assert_eq!(Retry::default().attempts(0).max_attempts, 1);
}

#[test]
fn a_permanent_failure_is_one_call_and_a_poison_record_none() {
    let policy = Retry::default();
    assert_eq!(fail_for_good(Failure::Permanent, &policy), (1, DeadLetterReason::Permanent));
    assert_eq!(fail_for_good(Failure::Poison, &policy), (0, DeadLetterReason::Poison));
}

#[test]
fn a_panic_is_permanent_unless_said_otherwise() {
    let policy = Retry::default();
    assert_eq!(fail_for_good(Failure::Panic, &policy), (1, DeadLetterReason::Panic));
    assert_eq!(fail_for_good(Failure::Panic, &policy.retrying_panics()), (4, DeadLetterReason::Exhausted));
}

#[test]
fn a_permanent_failure_ends_a_history_of_transient_ones() {
    let (policy, standstill) = (Retry::default(), Standstill::new());
    let mut attempts = Attempts::new(at(0), &standstill);
    assert!(matches!(attempts.failed(Failure::Transient, &policy, &standstill, at(0), 0), Verdict::Retry { .. }));
    let verdict = attempts.failed(Failure::Permanent, &policy, &standstill, at(100), 0);
    assert_eq!((verdict, attempts.made()), (Verdict::GiveUp(DeadLetterReason::Permanent), 2));
}

#[test]
fn delays_grow_with_the_attempts_made() {
    let policy = Retry::exponential(Duration::from_millis(100), Duration::from_millis(250)).attempts(9);
    let standstill = Standstill::new();
    let mut attempts = Attempts::new(at(0), &standstill);
    let mut retry = || attempts.failed(Failure::Transient, &policy, &standstill, at(1_000), u64::MAX);
    assert_eq!(retry(), Verdict::Retry { at: at(1_100) });
    assert_eq!(retry(), Verdict::Retry { at: at(1_200) });
    assert_eq!(retry(), Verdict::Retry { at: at(1_250) });
}

#[test]
fn no_attempt_starts_after_the_deadline() {
    let policy = Retry::exponential(Duration::from_millis(100), Duration::from_millis(100)).attempts(99);
    let policy = policy.within(Duration::from_millis(1_000));
    let standstill = Standstill::new();
    let verdict = |now| Attempts::new(at(0), &standstill).failed(Failure::Transient, &policy, &standstill, now, u64::MAX);
    assert_eq!(verdict(at(900)), Verdict::Retry { at: at(1_000) });
    assert_eq!(verdict(at(901)), Verdict::GiveUp(DeadLetterReason::Exhausted));
}

#[test]
fn the_deadline_stands_still_while_the_breaker_is_open() {
    let policy = Retry::exponential(Duration::from_millis(100), Duration::from_millis(100)).attempts(99);
    let policy = policy.within(Duration::from_millis(1_000));
    let mut standstill = Standstill::new();
    let attempts = Attempts::new(at(0), &standstill);
    standstill.pause(Hold::Breaker, at(500));
    let hour = 3_600_000;
    standstill.resume(Hold::Breaker, at(hour));
    let verdict = |mut attempts: Attempts, now| attempts.failed(Failure::Transient, &policy, &standstill, now, u64::MAX);
    assert_eq!(verdict(attempts, at(hour + 400)), Verdict::Retry { at: at(hour + 500) });
    assert_eq!(verdict(attempts, at(hour + 401)), Verdict::GiveUp(DeadLetterReason::Exhausted));
}

#[test]
fn time_runs_again_only_when_the_last_hold_is_off() {
    let mut standstill = Standstill::new();
    let watch = Stopwatch::start(at(0), &standstill);
    standstill.pause(Hold::Breaker, at(10));
    standstill.pause(Hold::Sink, at(20));
    standstill.resume(Hold::Breaker, at(30));
    assert!(standstill.stands() && standstill.holds(Hold::Sink) && !standstill.holds(Hold::Breaker));
    assert_eq!(watch.elapsed(at(40), &standstill), Duration::from_millis(10));
    standstill.resume(Hold::Sink, at(50));
    assert_eq!(watch.elapsed(at(60), &standstill), Duration::from_millis(20));
    standstill.resume(Hold::Sink, at(70));
    assert_eq!(watch.elapsed(at(80), &standstill), Duration::from_millis(40), "taking a hold off twice changes nothing");
}

const HOLDS: [Hold; 5] = [Hold::Breaker, Hold::Deduplicator, Hold::Sink, Hold::Draining, Hold::Suspicion];

proptest! {
    #[test]
    fn a_stopwatch_counts_the_milliseconds_without_a_hold(
        steps in prop::collection::vec((0..HOLDS.len(), any::<bool>(), 0..40u64), 1..60), start in 0..400u64,
    ) {
        let (mut standstill, mut holds) = (Standstill::new(), BTreeSet::new());
        let (mut now, mut ran, mut watch) = (0, 0, None);
        for (hold, on, pass) in steps {
            if on { standstill.pause(HOLDS[hold], at(now)) } else { standstill.resume(HOLDS[hold], at(now)) }
            if on { holds.insert(hold); } else { holds.remove(&hold); }
            for _ in 0..pass {
                if now == start {
                    watch = Some(Stopwatch::start(at(now), &standstill));
                    ran = 0;
                }
                now += 1;
                ran += u64::from(holds.is_empty());
                if let Some(watch) = watch {
                    prop_assert_eq!(watch.elapsed(at(now), &standstill), Duration::from_millis(ran));
                }
            }
        }
    }

    #[test]
    fn every_history_gives_up_after_at_most_max_attempts_and_within_the_deadline(
        max in 1..8u32, deadline in prop::option::of(0..5_000u64), took in prop::collection::vec((0..3_000u64, 0..9_000u64), 10), entropy: u64,
    ) {
        let mut policy = Retry::default().attempts(max).without_deadline();
        if let Some(deadline) = deadline {
            policy = policy.within(Duration::from_millis(deadline));
        }
        let standstill = Standstill::new();
        let mut now = at(7);
        let mut attempts = Attempts::new(now, &standstill);
        let (mut calls, mut failing) = (1, Duration::ZERO);
        for (took, waits) in took {
            match attempts.failed(Failure::Transient, &policy, &standstill, now, entropy) {
                Verdict::GiveUp(reason) => {
                    prop_assert_eq!(reason, DeadLetterReason::Exhausted);
                    prop_assert_eq!(attempts.made(), calls);
                    let late = |d| failing + policy.backoff.delay(calls, entropy) > millis(d);
                    prop_assert!(calls == max || deadline.is_some_and(late), "it had attempts and time left");
                    return Ok(());
                }
                Verdict::Retry { at } => {
                    calls += 1;
                    prop_assert!(calls <= max);
                    prop_assert!(deadline.is_none_or(|d| failing + at.since(now) <= millis(d)));
                    // It waits before it starts for what does not count.
                    let start = at.after(millis(waits));
                    attempts.starts(start, &standstill);
                    failing += start.since(now) - millis(waits) + millis(took);
                    now = start.after(millis(took));
                }
            }
        }
        prop_assert!(false, "never gave up");
    }
}

#[test]
fn a_deferral_is_neither_an_attempt_nor_a_time_of_failing() {
    let (policy, standstill) = (Retry::default(), Standstill::new());
    let deadline = policy.deadline.expect("a deadline by default");
    let fails = |attempts: &mut Attempts, now| attempts.failed(Failure::Transient, &policy, &standstill, now, 0);
    let mut attempts = Attempts::new(at(0), &standstill);
    assert!(matches!(fails(&mut attempts, at(0)), Verdict::Retry { .. }));
    let mut put_off = attempts;
    put_off.starts(at(1_000), &standstill);
    put_off.deferred(at(1_100), &standstill);
    assert_eq!(put_off.made(), 1);
    let later = at(0).after(deadline * 10);
    put_off.starts(later, &standstill);
    // The delay, what ran before it was put off, and the next delay.
    let left = deadline - millis(50 + 100 + 50);
    assert!(matches!(fails(&mut { put_off }, later.after(left)), Verdict::Retry { .. }), "no time was used up");
    let late = later.after(left + millis(1));
    assert_eq!(fails(&mut put_off, late), Verdict::GiveUp(DeadLetterReason::Exhausted), "it goes on then");
    attempts.starts(at(1_000), &standstill);
    assert_eq!(fails(&mut attempts, later), Verdict::GiveUp(DeadLetterReason::Exhausted));
}

#[test]
fn what_a_due_attempt_waits_for_before_it_starts_is_no_time_of_failing() {
    let standstill = Standstill::new();
    let policy = Retry::exponential(millis(100), millis(100)).attempts(99).within(millis(1_000));
    let fails = |attempts: &mut Attempts, now| attempts.failed(Failure::Transient, &policy, &standstill, now, u64::MAX);
    let mut attempts = Attempts::new(at(0), &standstill);
    assert_eq!(fails(&mut attempts, at(0)), Verdict::Retry { at: at(100) });
    // Put back twice, as when its look-up hangs and its note is not committed.
    for now in [100, 20_000, 60_000] {
        attempts.starts(at(now), &standstill);
    }
    assert_eq!(fails(&mut { attempts }, at(60_800)), Verdict::Retry { at: at(60_900) }, "a delay, 800 ms and a delay");
    assert_eq!(fails(&mut attempts, at(60_801)), Verdict::GiveUp(DeadLetterReason::Exhausted));
}

#[test]
fn of_a_delay_that_an_outage_covers_only_the_time_that_ran_is_time_of_failing() {
    let mut standstill = Standstill::new();
    let policy = Retry::exponential(millis(100), millis(100)).attempts(99).within(millis(1_000));
    let mut attempts = Attempts::new(at(0), &standstill);
    assert_eq!(attempts.failed(Failure::Transient, &policy, &standstill, at(0), u64::MAX), Verdict::Retry { at: at(100) });
    standstill.pause(Hold::Sink, at(30));
    standstill.resume(Hold::Sink, at(80));
    // 50 ms of the delay ran. A moment more is another's, and nothing of it is counted twice.
    attempts.starts(at(100), &standstill);
    attempts.starts(at(170), &standstill);
    let fails = |mut attempts: Attempts, now| attempts.failed(Failure::Transient, &policy, &standstill, now, u64::MAX);
    assert_eq!(fails(attempts, at(170 + 850)), Verdict::Retry { at: at(170 + 950) }, "50, 850 and a delay");
    assert_eq!(fails(attempts, at(170 + 851)), Verdict::GiveUp(DeadLetterReason::Exhausted));
}

#[test]
fn a_wait_that_a_failure_asks_for_is_no_shorter_and_a_longer_backoff_stays() {
    let standstill = Standstill::new();
    let policy = Retry { backoff: Backoff::new(millis(100), millis(100)).without_jitter(), ..Retry::default() };
    let next = |wait| {
        let asked = Judged::by(Failure::Transient, None).after(wait);
        Attempts::new(at(0), &standstill).failed(asked, &policy, &standstill, at(0), 0)
    };
    assert_eq!(next(millis(99)), Verdict::Retry { at: at(100) });
    assert_eq!(next(millis(5_000)), Verdict::Retry { at: at(5_000) });
    assert_eq!(next(millis(300_000)), Verdict::Retry { at: at(300_000) }, "the last moment of the deadline");
    assert_eq!(next(millis(300_001)), Verdict::GiveUp(DeadLetterReason::Exhausted));
}
