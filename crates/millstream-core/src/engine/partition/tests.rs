//! What a partition promises of its records: who may start, who waits for whom, and what is settled.

use super::*;
use crate::engine::{Failure, Judged, Retry};
use std::time::Duration;

mod every_state;
mod histories;
mod rules;
mod world;

const K: Option<LaneKey> = Some(LaneKey(7));
const J: Option<LaneKey> = Some(LaneKey(8));
const L: Option<LaneKey> = Some(LaneKey(9));
const A: u128 = 1;
const B: u128 = 2;
const C: u128 = 3;

/// With backoffs of 1 to 2 ms.
fn retries(attempts: u32) -> Retry {
    let longest = Duration::from_millis(2);
    Retry::exponential(longest, longest).attempts(attempts).without_deadline()
}

fn partition(followers: Followers) -> Partition {
    let mut policy = PartitionPolicy::new(true);
    (policy.followers, policy.retry) = (followers, retries(3));
    Partition::new(1, policy)
}

fn arrive(partition: &mut Partition, offset: Offset, id: u128, lane: Option<LaneKey>) -> Arrival {
    assert!(partition.admit(offset));
    partition.arrive(offset, id, |_| lane)
}

fn runs(partition: &mut Partition, offset: Offset, id: u128, lane: Option<LaneKey>) {
    assert_eq!(arrive(partition, offset, id, lane), Arrival::Start);
    partition.parked(offset, id, lane);
}

fn waits(partition: &mut Partition, offset: Offset, id: u128, lane: Option<LaneKey>) {
    assert_eq!(arrive(partition, offset, id, lane), Arrival::Wait);
}

fn fails(partition: &mut Partition, offset: Offset, failure: Failure) -> Verdict {
    let Held { id, lane, .. } = *partition.held(offset).expect("it runs");
    partition.failed(offset, id, lane, failure, MonoTime::ZERO, 0)
}

fn next(partition: &mut Partition) -> Option<Offset> {
    partition.next_runnable(MonoTime::ZERO).map(|(offset, _)| offset)
}

fn stage(partition: &Partition, offset: Offset) -> Option<Stage> {
    partition.held(offset).map(|held| held.stage)
}

#[test]
fn a_run_is_admitted_but_for_what_came_before_and_what_does_not_exist_holds_nothing_up() {
    let mut partition = Partition::new(10, PartitionPolicy::new(true));
    assert_eq!((partition.admit_run(10..14), partition.admit_run(12..16)), (4, 2));
    partition.settle(10..16);
    partition.advance(20);
    assert_eq!((partition.ledger().watermark(), partition.ledger().next()), (20, 20));
}

#[test]
fn while_nothing_is_held_a_record_may_start_unless_its_id_is_under_way_and_watched() {
    let mut watching = partition(Followers::Continue);
    assert_eq!(
        [watching.arrive_quietly(1, A), watching.arrive_quietly(2, A), watching.arrive_quietly(3, B)],
        [true, false, true]
    );
    let mut other = Partition::new(1, PartitionPolicy::new(false));
    assert_eq!([other.arrive_quietly(1, A), other.arrive_quietly(2, A)], [true, true]);
}

#[test]
fn a_probe_that_fails_counts_no_attempt_and_its_record_keeps_its_key_and_may_start_again() {
    let mut partition = partition(Followers::Continue);
    assert_eq!(arrive(&mut partition, 1, A, K), Arrival::Start);
    for _ in 0..9 {
        partition.probe_failed(1, A, K);
        assert!(partition.probe_again());
        assert_eq!(partition.next_runnable(MonoTime::ZERO), Some((1, 1)));
    }
    waits(&mut partition, 2, B, K);
    assert_eq!(next(&mut partition), None);
}

#[test]
fn who_failed_as_a_probe_is_none_again_before_the_others_have_been() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    runs(&mut partition, 2, B, J);
    runs(&mut partition, 3, C, L);
    for offset in [1, 2, 3] {
        partition.not_started(offset);
    }
    for _ in 0..3 {
        for (offset, id, lane) in [(1, A, K), (2, B, J), (3, C, L)] {
            assert_eq!(next(&mut partition), Some(offset));
            partition.probe_failed(offset, id, lane);
            assert_eq!((stage(&partition, offset), partition.has_runnable()), (Some(Stage::Probed), offset < 3));
        }
        assert_eq!((next(&mut partition), partition.next_due()), (None, None), "it waits for its turn");
        assert!(partition.probe_again());
        assert!(!partition.probe_again(), "all of them may");
    }
    let first = next(&mut partition).expect("the first");
    partition.succeeded(first);
    assert_eq!(partition.abandon_waiting(), [2, 3]);
}

#[test]
fn a_drain_abandons_who_failed_as_a_probe() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    partition.probe_failed(1, A, K);
    assert_eq!((partition.abandon_waiting(), partition.probe_again()), (vec![1], false));
    assert_eq!((partition.is_quiet(), partition.ledger().watermark()), (true, 1));
}

const PREDECESSOR: Option<Stage> = Some(Stage::Letter(DeadLetterReason::Predecessor));

#[test]
fn a_failing_record_holds_its_key_until_its_dead_letter_is_accepted() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    waits(&mut partition, 2, B, K);
    assert_eq!(fails(&mut partition, 1, Failure::Permanent), Verdict::GiveUp(DeadLetterReason::Permanent));
    waits(&mut partition, 3, C, K);
    assert_eq!((next(&mut partition), partition.ledger().watermark()), (None, 1));
    assert!(partition.letter_accepted(1).is_empty());
    assert_eq!((next(&mut partition), partition.ledger().watermark()), (Some(2), 2));
    assert_eq!(next(&mut partition), None);
}

#[test]
fn a_deferred_record_holds_its_key_until_then_and_was_no_attempt() {
    let mut partition = partition(Followers::Continue);
    let (start, then) = (MonoTime::ZERO, MonoTime::from_millis(50));
    assert_eq!(arrive(&mut partition, 1, A, K), Arrival::Start);
    partition.deferred(1, A, K, then, start);
    assert_eq!(stage(&partition, 1), Some(Stage::Deferred(then)));
    waits(&mut partition, 2, B, K);
    runs(&mut partition, 3, C, J);
    assert_eq!((partition.next_runnable(MonoTime::from_millis(49)), partition.next_due()), (None, Some(then)));
    assert_eq!(partition.next_runnable(then), Some((1, 1)), "the same attempt");
    partition.deferred(1, A, K, MonoTime::from_millis(60), then);
    assert_eq!(partition.abandon_waiting(), [1, 2], "the drain waits for neither");
    assert_eq!(partition.ledger().watermark(), 1);
}

#[test]
fn under_park_those_behind_a_dead_letter_follow_it_and_those_to_come_do_not() {
    let mut partition = partition(Followers::Park);
    runs(&mut partition, 1, 1, K);
    waits(&mut partition, 2, 2, K);
    runs(&mut partition, 3, 3, J);
    waits(&mut partition, 4, 4, K);
    waits(&mut partition, 5, 5, J);
    fails(&mut partition, 1, Failure::Permanent);
    assert_eq!(partition.letter_accepted(1), [2, 4]);
    assert_eq!((stage(&partition, 2), stage(&partition, 4)), (PREDECESSOR, PREDECESSOR));
    assert_eq!((next(&mut partition), stage(&partition, 5)), (None, Some(Stage::Waiting)));
    runs(&mut partition, 6, 6, K);
    waits(&mut partition, 7, 7, K);
    assert_eq!((partition.letter_accepted(2), partition.letter_accepted(4)), (vec![], vec![]), "they held no key");
    assert_eq!((next(&mut partition), partition.ledger().watermark()), (None, 3), "the key is 6's");
}

#[test]
fn under_park_a_twin_with_its_key_follows_its_predecessor_and_frees_its_id() {
    let mut partition = partition(Followers::Park);
    runs(&mut partition, 1, A, J);
    runs(&mut partition, 2, B, K);
    waits(&mut partition, 3, A, K);
    waits(&mut partition, 4, A, L);
    fails(&mut partition, 2, Failure::Permanent);
    assert_eq!(partition.letter_accepted(2), [3]);
    assert!(partition.letter_accepted(3).is_empty());
    partition.succeeded(1);
    partition.marked(A, 1);
    assert_eq!(next(&mut partition), Some(4), "3 waits no more");
}

#[test]
fn a_refused_output_parks_nobody_because_its_key_went_on() {
    let mut partition = partition(Followers::Park);
    runs(&mut partition, 1, A, K);
    waits(&mut partition, 2, B, K);
    partition.succeeded(1);
    assert_eq!(next(&mut partition), Some(2));
    partition.refused(1, A);
    waits(&mut partition, 3, C, K);
    assert_eq!((partition.ledger().watermark(), partition.held_count()), (1, 3));
    assert!(partition.letter_accepted(1).is_empty());
    assert_eq!((stage(&partition, 2), stage(&partition, 3)), (Some(Stage::Running), Some(Stage::Waiting)));
    assert_eq!(partition.ledger().watermark(), 2);
}

#[test]
fn a_twin_runs_when_the_first_of_its_id_became_a_dead_letter() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    waits(&mut partition, 2, A, J);
    fails(&mut partition, 1, Failure::Permanent);
    assert_eq!(next(&mut partition), None);
    partition.letter_accepted(1);
    assert!(partition.owns(2, A));
    assert_eq!(partition.next_runnable(MonoTime::ZERO), Some((2, 1)));
}

#[test]
fn twins_are_looked_up_one_after_the_other_when_the_first_is_marked() {
    let mut partition = partition(Followers::Continue);
    assert_eq!(arrive(&mut partition, 1, A, K), Arrival::Start);
    waits(&mut partition, 2, A, J);
    waits(&mut partition, 3, A, L);
    assert!(!partition.marked_all(1), "others wait for it");
    assert_eq!(next(&mut partition), None);
    partition.marked(A, 1);
    partition.settle(1..2);
    assert_eq!((next(&mut partition), next(&mut partition)), (Some(2), None));
    assert_eq!(partition.settled_before(2), 1);
    assert_eq!((next(&mut partition), partition.settled_before(3)), (Some(3), 1));
    assert_eq!((partition.ledger().watermark(), partition.is_quiet(), partition.twins.is_empty()), (4, true, true));
}

#[test]
fn a_twin_of_another_key_keeps_its_place_in_its_own() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    waits(&mut partition, 2, A, J);
    waits(&mut partition, 3, B, J);
    fails(&mut partition, 1, Failure::Permanent);
    partition.letter_accepted(1);
    assert_eq!((next(&mut partition), next(&mut partition)), (Some(2), None));
    partition.succeeded(2);
    assert_eq!(next(&mut partition), Some(3));
}

/// With the key given up, 3 would have started, and 2 after it when an output of 1 is refused.
#[test]
fn a_twin_of_a_record_that_succeeded_holds_their_key() {
    let mut partition = partition(Followers::Continue);
    assert_eq!(arrive(&mut partition, 1, A, K), Arrival::Start);
    waits(&mut partition, 2, A, K);
    waits(&mut partition, 3, B, K);
    partition.refused(1, A);
    partition.letter_accepted(1);
    assert_eq!((next(&mut partition), next(&mut partition)), (Some(2), None));
    partition.succeeded(2);
    assert_eq!(next(&mut partition), Some(3));
}

#[test]
fn a_record_whose_turn_comes_before_its_twin_is_marked_keeps_its_key() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    waits(&mut partition, 2, A, K);
    waits(&mut partition, 3, B, K);
    partition.succeeded(1);
    assert_eq!((next(&mut partition), stage(&partition, 2)), (None, Some(Stage::Twin)));
    partition.marked(A, 1);
    assert_eq!((next(&mut partition), next(&mut partition)), (Some(2), None));
    partition.settled_before(2);
    assert_eq!(next(&mut partition), Some(3));
}

#[test]
fn an_id_passes_to_the_next_offset_even_if_that_waits_for_its_key() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, J);
    runs(&mut partition, 2, B, K);
    waits(&mut partition, 3, A, K);
    waits(&mut partition, 4, A, L);
    fails(&mut partition, 1, Failure::Permanent);
    partition.letter_accepted(1);
    assert_eq!((next(&mut partition), partition.owns(3, A)), (None, true));
    partition.succeeded(2);
    assert_eq!((next(&mut partition), next(&mut partition)), (Some(3), None));
    fails(&mut partition, 3, Failure::Permanent);
    partition.letter_accepted(3);
    assert_eq!(next(&mut partition), Some(4));
}

#[test]
fn a_drain_forgets_what_waits_with_its_keys_and_ids_and_keeps_what_runs() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    waits(&mut partition, 2, B, K);
    waits(&mut partition, 3, A, J);
    runs(&mut partition, 4, C, L);
    fails(&mut partition, 4, Failure::Transient);
    assert_eq!(partition.abandon_waiting(), [2, 3, 4]);
    assert_eq!((next(&mut partition), partition.next_due(), partition.has_runnable()), (None, None, false));
    assert_eq!((stage(&partition, 1), partition.held_count()), (Some(Stage::Running), 1));
    partition.succeeded(1);
    assert!(partition.marked_all(1), "no other id is under way");
    partition.settle(1..2);
    assert_eq!((partition.ledger().watermark(), partition.ledger().in_flight()), (2, 3), "abandoned is not settled");
}

#[test]
fn all_are_marked_at_once_only_if_they_are_all_there_are() {
    let mut partition = partition(Followers::Continue);
    for (offset, id) in [(1, A), (2, B), (3, C)] {
        assert_eq!(arrive(&mut partition, offset, id, K), Arrival::Start);
    }
    assert!(!partition.marked_all(2));
    partition.marked(B, 2);
    assert_eq!((partition.owns(1, A), partition.owns(2, B), partition.owns(3, C)), (true, false, true));
    assert!(partition.marked_all(2));
    assert_eq!(arrive(&mut partition, 4, A, K), Arrival::Start, "its id is free");
}

#[test]
fn without_a_deduplicator_twins_run_side_by_side() {
    let mut policy = PartitionPolicy::new(false);
    policy.lanes = LanePolicy::Unordered;
    let mut partition = Partition::new(1, policy);
    runs(&mut partition, 1, A, None);
    runs(&mut partition, 2, A, None);
    assert!(partition.owns(2, A) && partition.marked_all(9));
}

#[test]
fn a_record_that_could_not_be_started_is_the_next_again_with_the_same_attempt() {
    let mut partition = partition(Followers::Continue);
    runs(&mut partition, 1, A, K);
    runs(&mut partition, 2, B, J);
    let due = MonoTime::from_millis(1);
    assert_eq!(fails(&mut partition, 1, Failure::Transient), Verdict::Retry { at: due });
    assert_eq!((partition.next_runnable(MonoTime::ZERO), partition.next_due()), (None, Some(due)));
    assert_eq!(fails(&mut partition, 2, Failure::TimedOut), Verdict::Retry { at: due });
    for _ in 0..3 {
        assert_eq!(partition.next_runnable(due), Some((1, 2)), "the lowest offset first");
        partition.not_started(1);
    }
    assert!(partition.has_runnable());
}

#[test]
fn a_record_that_waits_to_be_started_uses_up_none_of_its_deadline() {
    let mut policy = PartitionPolicy::new(false);
    policy.retry = Retry::exponential(Duration::from_secs(1), Duration::from_secs(1)).attempts(4).within(Duration::from_secs(8));
    let mut partition = Partition::new(0, policy);
    let mut now = MonoTime::ZERO;
    partition.parked(0, A, K);
    for attempt in 2..=4 {
        let verdict = partition.failed(0, A, K, Failure::Transient, now, 0);
        assert!(matches!(verdict, Verdict::Retry { .. }), "attempt {attempt} has time left");
        for _ in 0..3 {
            now = now.after(Duration::from_secs(20));
            assert_eq!(partition.next_runnable(now), Some((0, attempt)));
            partition.not_started(0);
        }
        assert_eq!(partition.next_runnable(now), Some((0, attempt)));
        if attempt == 3 {
            // Gathered, it waits for the others of its batch.
            now = now.after(Duration::from_secs(60));
            partition.starts(0, now);
        }
    }
    let verdict = partition.failed(0, A, K, Failure::Transient, now, 0);
    assert_eq!(verdict, Verdict::GiveUp(DeadLetterReason::Exhausted), "of its attempts");
}

#[test]
fn a_record_condemned_without_an_attempt_counts_none_and_holds_its_key() {
    let mut partition = partition(Followers::Continue);
    assert_eq!(arrive(&mut partition, 1, A, K), Arrival::Start);
    partition.condemned(1, A, K, DeadLetterReason::Poison);
    waits(&mut partition, 2, B, K);
    assert_eq!(partition.held(1).and_then(|held| held.attempts), None);
    assert_eq!(stage(&partition, 1), Some(Stage::Letter(DeadLetterReason::Poison)));
    partition.letter_accepted(1);
    assert_eq!(next(&mut partition), Some(2));
    partition.condemned(2, B, K, DeadLetterReason::Crash);
    assert_eq!(stage(&partition, 2), Some(Stage::Letter(DeadLetterReason::Crash)));
}

#[test]
fn each_failure_is_answered_by_its_own_policy_with_all_attempts_counted() {
    let mut policy = PartitionPolicy::new(false);
    policy.retry = Retry::default().attempts(3).without_deadline();
    let mut partition = Partition::new(0, policy);
    let patient = Retry::default().attempts(6).without_deadline();
    let mut fails = |retry| partition.failed(0, 1, None, Judged::by(Failure::Transient, retry), MonoTime::ZERO, 0);
    for _ in 0..4 {
        assert!(matches!(fails(Some(&patient)), Verdict::Retry { .. }));
    }
    assert_eq!(fails(None), Verdict::GiveUp(DeadLetterReason::Exhausted), "a fifth attempt of three");
}
