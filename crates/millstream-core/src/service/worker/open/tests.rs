//! What open batches promise: who is still there, and when their bytes leave.

#![expect(clippy::single_range_in_vec_init, reason = "a run of offsets is a range")]

use super::*;
use crate::contract::{Epoch, RecordSetBuilder, TopicPartition};
use std::sync::Arc;

/// A batch of records at these offsets.
fn batch(offsets: &[Offset]) -> RecordBatch {
    let mut builder = RecordSetBuilder::new(0);
    offsets.iter().for_each(|&offset| builder.push(offset, 0, None, Some(b"x")));
    let partition = TopicPartition::new("paper.orders.new".parse().expect("a topic"), 0);
    let next = offsets.last().map_or(0, |last| last + 1);
    RecordBatch::new(partition, Epoch(1), Arc::new(builder.build()), 0..offsets.len(), next)
}

/// Three batches of 100, 200 and 400 bytes; between the offsets of the second are gaps.
fn three() -> OpenBatches {
    let mut open = OpenBatches::default();
    open.admit(&batch(&[1, 2, 3]), 100);
    open.admit(&batch(&[5, 8, 9]), 200);
    open.admit(&batch(&[10, 11]), 400);
    open
}

/// Settles each open record of a run; answers the parts it was asked for, and what was freed.
fn settle(open: &mut OpenBatches, run: Range<Offset>, of: &[Offset]) -> (Vec<Range<Offset>>, (u64, u64)) {
    let mut parts = Vec::new();
    let freed = open.settle(run, |part| {
        parts.push(part.clone());
        of.iter().filter(|offset| part.contains(offset)).count() as u64
    });
    (parts, freed)
}

#[test]
fn a_batchs_bytes_leave_with_the_last_of_its_records_and_each_record_at_once() {
    let mut open = three();
    assert_eq!(settle(&mut open, 1..3, &[1, 2]).1, (2, 0));
    assert_eq!(settle(&mut open, 11..12, &[11]).1, (1, 0));
    assert_eq!(settle(&mut open, 10..11, &[10]).1, (1, 400), "in any order");
    assert_eq!(settle(&mut open, 10..11, &[]).1, (0, 0), "once");
    assert_eq!(settle(&mut open, 3..4, &[3]).1, (1, 100));
    assert_eq!(open.abandon(), (3, 200));
}

#[test]
fn a_run_over_several_batches_settles_in_each_what_lies_in_it() {
    let all = [1, 2, 3, 5, 8, 9, 10, 11];
    assert_eq!(settle(&mut three(), 2..9, &all), (vec![2..4, 5..9], (4, 0)));
    assert_eq!(settle(&mut three(), 4..5, &all), (vec![], (0, 0)), "there is nothing between the batches");
    assert_eq!(settle(&mut three(), 3..5, &all), (vec![3..4], (1, 0)));
    assert_eq!(settle(&mut three(), 4..6, &all), (vec![5..6], (1, 0)));
    assert_eq!(settle(&mut three(), 10..11, &all), (vec![10..11], (1, 0)), "a batch's end is not its record");
    assert_eq!(settle(&mut three(), 0..99, &all), (vec![1..4, 5..10, 10..12], (8, 700)));
}

#[test]
fn a_batch_is_let_go_as_soon_as_it_and_those_before_it_are_settled() {
    let mut open = three();
    settle(&mut open, 5..10, &[5, 8, 9]);
    assert_eq!(open.batches.len(), 3);
    settle(&mut open, 1..4, &[1, 2, 3]);
    assert_eq!(open.batches.len(), 1);
}

#[test]
fn an_open_record_is_found_by_its_offset_and_none_where_there_is_none() {
    let open = three();
    for offset in [1, 2, 3, 5, 8, 9, 10, 11] {
        let (batch, index) = open.find(offset).expect("it is open");
        assert_eq!(batch.view(index).offset(), offset);
    }
    for offset in [0, 4, 6, 7, 12] {
        assert!(open.find(offset).is_none(), "{offset}");
    }
}

#[test]
fn what_is_abandoned_is_all_that_is_open_and_is_forgotten() {
    let mut open = three();
    settle(&mut open, 1..6, &[1, 2, 3, 5]);
    assert_eq!(open.abandon(), (4, 600));
    assert_eq!(open.abandon(), (0, 0));
}
