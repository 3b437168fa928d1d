//! What suspicion promises.

use super::*;

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

fn member() -> Suspicion {
    let mut suspicion = Suspicion::new(Duration::from_secs(10));
    assert!(!suspicion.turn(at(60_000)), "the first turn has no gap");
    suspicion
}

#[test]
fn a_gap_above_half_the_session_makes_ownership_doubtful_and_half_does_not() {
    let mut suspicion = member();
    assert!(!suspicion.turn(at(65_000)) && !suspicion.is_suspect());
    assert!(suspicion.turn(at(70_001)) && suspicion.is_suspect());
}

#[test]
fn whoever_looks_for_itself_is_told_the_gap_that_makes_doubt() {
    let mut suspicion = member();
    let longest = suspicion.longest_gap();
    assert!(!suspicion.turn(at(60_000).after(longest)));
    assert!(suspicion.turn(at(60_000).after(longest).after(longest).after(Duration::from_nanos(1))));
}

#[test]
fn doubt_stays_until_the_group_has_answered() {
    let mut suspicion = member();
    suspicion.turn(at(90_000));
    for millis in 90_001..90_100 {
        assert!(!suspicion.turn(at(millis)), "one doubt is told once");
        assert!(suspicion.is_suspect());
    }
    suspicion.confirmed();
    assert!(!suspicion.is_suspect());
    assert!(!suspicion.turn(at(90_200)) && !suspicion.is_suspect());
}

#[test]
fn a_second_gap_while_in_doubt_is_a_new_doubt() {
    let mut suspicion = member();
    assert!(suspicion.turn(at(90_000)));
    assert!(suspicion.turn(at(120_000)), "what was asked before proves nothing now");
    assert!(suspicion.is_suspect());
    assert_eq!(suspicion.generation(), 2);
}

#[test]
fn a_clock_that_steps_back_hides_no_gap() {
    let mut suspicion = member();
    suspicion.turn(at(64_000));
    assert!(!suspicion.turn(at(60_000)));
    assert!(!suspicion.turn(at(69_000)));
    assert!(suspicion.turn(at(74_001)));
}

#[test]
fn a_check_from_before_a_doubt_is_stale_even_after_the_answer() {
    let mut suspicion = member();
    let stamp = suspicion.stamp(at(60_000));
    assert!(!suspicion.is_stale(stamp, at(60_000)));
    suspicion.turn(at(66_000));
    suspicion.confirmed();
    assert!(suspicion.is_stale(stamp, at(66_000)));
    assert!(!suspicion.is_stale(suspicion.stamp(at(66_000)), at(66_000)));
}

#[test]
fn a_check_older_than_thirty_seconds_is_stale() {
    let suspicion = member();
    let stamp = suspicion.stamp(at(60_000));
    assert!(!suspicion.is_stale(stamp, at(90_000)));
    assert!(suspicion.is_stale(stamp, at(90_001)));
}
