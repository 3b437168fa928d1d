//! What the tail keeps by itself: what is confirmed, what is owed, and the runs that settle.

#![expect(clippy::single_range_in_vec_init, reason = "a run of offsets is a range")]

use super::marking::runs_of;
use super::*;
use crate::contract::Fingerprint;
use std::future::pending;

fn mark(offset: Offset) -> Mark {
    Mark::new(u128::from(offset), 0, offset, Fingerprint::default())
}

fn tail() -> Tail {
    Tail::new(DedupScope::new("paper", "group", 0, "handler", "orders.new"))
}

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

/// The runs of these offsets, behind those that are there.
fn runs(before: &[Range<Offset>], offsets: &[Offset]) -> Vec<Range<Offset>> {
    let mut runs = before.to_vec();
    runs_of(&offsets.iter().map(|&offset| mark(offset)).collect::<Vec<_>>(), &mut runs);
    runs
}

#[test]
fn neighbours_are_one_run_and_nothing_between_others_is_settled() {
    assert_eq!(runs(&[], &[]), []);
    assert_eq!(runs(&[], &[5]), [5..6]);
    assert_eq!(runs(&[], &[5, 6, 7, 9, 10, 20]), [5..8, 9..11, 20..21]);
    assert_eq!(runs(&[], &[9, 3, 4]), [9..10, 3..5], "in the order in which they were confirmed");
}

#[test]
fn a_run_goes_on_from_call_to_call_if_it_has_no_gap() {
    assert_eq!(runs(&[0..2, 4..6], &[6, 7]), [0..2, 4..8]);
    assert_eq!(runs(&[0..2, 4..6], &[7, 8]), [0..2, 4..6, 7..9]);
    assert_eq!(runs(&[4..6], &[]), [4..6]);
}

#[test]
fn a_record_without_outputs_is_confirmed_at_once_and_one_with_outputs_waits_for_them() {
    let mut tail = tail();
    assert!(tail.is_empty());
    tail.push(mark(1), 0, true);
    tail.push(mark(2), 2, true);
    tail.push(mark(3), 0, false);
    assert_eq!((tail.finished(), tail.next_owner()), (1, 1));
    assert_eq!(tail.take_unmarked(), (vec![1..2, 3..4], 1));
    assert_eq!(tail.take_unmarked(), (vec![], 0));
    assert!(!tail.is_empty(), "its outputs are not confirmed");
}

#[test]
fn what_is_done_without_outputs_is_confirmed_with_how_many_of_it_were_skipped() {
    let mut tail = tail();
    tail.done(2, 1).extend([mark(1), mark(2)]);
    tail.done(1, 1).push(mark(3));
    assert!(!tail.is_empty());
    assert_eq!(tail.take_unmarked(), (vec![1..4], 2));
    assert!(tail.is_empty());
}

#[test]
fn what_is_unmarked_begins_with_the_call_under_way() {
    let mut tail = tail();
    tail.done(1, 1).push(mark(3));
    tail.marking = Some(Marking { call: Box::pin(pending()), runs: vec![0..1, 2..3], skipped: 2 });
    assert!(!tail.is_empty());
    assert_eq!(tail.take_unmarked(), (vec![0..1, 2..4], 3));
    assert!(tail.is_empty());
}

#[test]
fn an_entry_is_owed_from_the_moment_its_record_is_finished() {
    let mut tail = tail();
    tail.push(mark(1), 1, false);
    assert_eq!(tail.push_kept(mark(2), 0, false, 30), (tail.handed_over(), 1));
    assert_eq!(tail.push_kept(mark(3), 2, false, 12), (tail.handed_over(), 2));
    assert_eq!((tail.owed, tail.owed_bytes, tail.entries), (2, 42, (2, 42)));
    assert_eq!(
        tail.finished.iter().map(|record| (record.pending, record.kept)).collect::<Vec<_>>(),
        [(1, false), (1, true), (3, true)]
    );
}

#[test]
fn abandoned_outputs_are_owed_by_nobody_and_what_is_confirmed_stays() {
    let mut tail = tail();
    tail.push(mark(1), 0, false);
    tail.push_kept(mark(2), 3, false, 30);
    tail.generations.insert(1, Generation { records: Vec::new(), left: 1 });
    assert!(tail.owes());
    tail.abandon_outputs();
    assert_eq!((tail.owes(), tail.owed, tail.owed_bytes, tail.entries, tail.finished()), (false, 0, 0, (0, 0), 0));
    assert_eq!(tail.take_unmarked().0, [1..2]);
}

#[test]
fn the_next_try_to_mark_is_due_only_if_there_is_something_to_mark_and_no_call_under_way() {
    let mut tail = tail();
    tail.not_before = Some(at(50));
    assert_eq!(tail.due(), None);
    tail.done(1, 0).push(mark(1));
    assert_eq!(tail.due(), Some(at(50)));
    tail.marking = Some(Marking { call: Box::pin(pending()), runs: Vec::new(), skipped: 0 });
    assert_eq!(tail.due(), None);
    tail.marking = None;
    tail.not_before = None;
    assert_eq!(tail.due(), None);
}
