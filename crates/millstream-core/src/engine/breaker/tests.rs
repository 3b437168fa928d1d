//! What the breaker promises, alone and against a naive model that remembers everything.

use super::*;
use std::collections::HashSet;

fn at(seconds: u64) -> MonoTime {
    MonoTime::from_millis(seconds * 1_000)
}

fn breaker(after: u32) -> Circuit {
    Circuit::new(Breaker::after(after).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5)))
}

fn opened() -> Circuit {
    let mut breaker = breaker(1);
    assert!(breaker.failed(at(0)));
    breaker
}

#[test]
fn many_failures_in_a_short_time_open_it_and_it_says_so_once() {
    let mut breaker = breaker(3);
    assert_eq!([breaker.failed(at(0)), breaker.failed(at(5)), breaker.failed(at(10))], [false, false, true]);
    assert_eq!(breaker.state(), BreakerState::Open { until: at(15) });
    assert!(!breaker.failed(at(11)), "what started before and fails later changes nothing");
    assert_eq!(breaker.state(), BreakerState::Open { until: at(15) });
}

#[test]
fn failures_far_apart_do_not_open_it() {
    let mut breaker = breaker(3);
    assert!((0..100).all(|n| !breaker.failed(at(n * 6))));
    assert!(breaker.is_closed());
}

#[test]
fn failures_that_are_the_exception_do_not_open_it() {
    let mut breaker = breaker(3);
    for _ in 0..100 {
        breaker.succeeded_many(2);
        assert!(!breaker.failed(at(0)));
    }
    breaker.succeeded();
    assert!(breaker.failed(at(0)) || breaker.failed(at(0)), "but as soon as half of all fail it opens");
}

#[test]
fn a_success_told_by_itself_is_one() {
    let opens = |successes| {
        let mut breaker = breaker(2);
        breaker.failed(at(0));
        (0..successes).for_each(|_| breaker.succeeded());
        breaker.failed(at(0))
    };
    assert_eq!((opens(2), opens(3)), (true, false));
}

#[test]
fn a_breaker_that_is_open_or_probes_is_not_closed() {
    let mut breaker = opened();
    assert!(!breaker.is_closed());
    breaker.may_start(at(5));
    assert!(!breaker.is_closed());
    breaker.probe_succeeded();
    assert!(breaker.is_closed());
}

#[test]
fn nothing_starts_while_it_is_open_and_then_one_probe() {
    let mut breaker = opened();
    assert_eq!(breaker.may_start(at(4)), Start::No);
    assert_eq!(breaker.may_start(at(5)), Start::Probe);
    assert_eq!((breaker.may_start(at(5)), breaker.may_start(at(500))), (Start::No, Start::No));
    assert_eq!(breaker.state(), BreakerState::Probing);
}

#[test]
fn a_probe_that_succeeds_closes_it_and_a_probe_that_fails_puts_the_next_off() {
    let mut breaker = opened();
    breaker.may_start(at(5));
    breaker.probe_failed(at(7));
    assert_eq!((breaker.may_start(at(11)), breaker.may_start(at(12))), (Start::No, Start::Probe));
    breaker.probe_succeeded();
    assert_eq!((breaker.state(), breaker.may_start(at(13))), (BreakerState::Closed, Start::Yes));
}

#[test]
fn an_abandoned_probe_makes_room_for_another_at_once() {
    let mut breaker = opened();
    breaker.may_start(at(5));
    breaker.probe_abandoned(at(6));
    assert_eq!(breaker.may_start(at(6)), Start::Probe);
}

#[test]
fn answers_of_ordinary_attempts_do_not_end_a_probe() {
    let mut breaker = opened();
    breaker.may_start(at(5));
    breaker.succeeded();
    breaker.failed(at(6));
    assert_eq!(breaker.state(), BreakerState::Probing);
}

#[test]
fn failures_from_before_it_opened_do_not_open_it_again() {
    let mut breaker = breaker(2);
    breaker.failed(at(0));
    breaker.failed(at(0));
    breaker.may_start(at(5));
    breaker.probe_succeeded();
    assert!(!breaker.failed(at(5)));
    assert!(breaker.failed(at(5)));
}

#[test]
fn memory_is_bounded_by_the_failures_that_open_it() {
    let mut breaker = breaker(8);
    for n in 0..10_000 {
        breaker.succeeded_many(9);
        breaker.failed(at(n / 100));
        assert!(breaker.failures.len() <= 8);
    }
    assert!(breaker.failures.capacity() <= 16);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Model {
    /// All outcomes since it closed: when, and whether it was a success.
    Closed(Vec<(u64, bool)>),
    Open(u64),
    Probing,
}

impl Model {
    fn failed(&mut self, now: u64) -> bool {
        let Model::Closed(log) = self else { return false };
        log.push((now, false));
        let recent: Vec<usize> = (0..log.len()).filter(|n| !log[*n].1 && log[*n].0 + 10 >= now).collect();
        let opens = recent.len() >= 3 && {
            let first = recent[recent.len() - 3];
            log[first..].iter().filter(|(_, success)| *success).count() <= 3
        };
        if opens {
            *self = Model::Open(now + 5);
        }
        opens
    }
}

fn walk(breaker: &Circuit, model: &Model, now: u64, depth: usize, seen: &mut HashSet<(Circuit, Model, u64, usize)>) {
    let expected = match model {
        Model::Closed(_) => BreakerState::Closed,
        Model::Open(until) => BreakerState::Open { until: at(*until) },
        Model::Probing => BreakerState::Probing,
    };
    assert_eq!(breaker.state(), expected);
    if depth == 0 || !seen.insert((breaker.clone(), model.clone(), now, depth)) {
        return;
    }
    for step in 0..7 {
        let (mut breaker, mut model, mut now) = (breaker.clone(), model.clone(), now);
        match step {
            0 => assert_eq!(breaker.failed(at(now)), model.failed(now)),
            1 => {
                breaker.succeeded_many(2);
                if let Model::Closed(log) = &mut model {
                    log.extend([(now, true), (now, true)]);
                }
            }
            2 => {
                let start = match model {
                    Model::Closed(_) => Start::Yes,
                    Model::Open(until) if until <= now => {
                        model = Model::Probing;
                        Start::Probe
                    }
                    _ => Start::No,
                };
                assert_eq!(breaker.may_start(at(now)), start);
            }
            3 => now += 6,
            _ => {
                match step {
                    4 => breaker.probe_failed(at(now)),
                    5 => breaker.probe_succeeded(),
                    _ => breaker.probe_abandoned(at(now)),
                }
                if model == Model::Probing {
                    model = [Model::Open(now + 5), Model::Closed(Vec::new()), Model::Open(now)][step - 4].clone();
                }
            }
        }
        walk(&breaker, &model, now, depth - 1, seen);
    }
}

#[test]
fn every_history_of_nine_steps_agrees_with_a_model_that_forgets_nothing() {
    let mut seen = HashSet::new();
    walk(&breaker(3), &Model::Closed(Vec::new()), 0, 9, &mut seen);
    assert!(seen.iter().any(|(_, model, ..)| *model == Model::Probing));
}
