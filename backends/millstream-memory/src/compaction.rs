//! Owns what rewrites segments: compaction by key, and merging of small ones. Leaves when to `log`.
//!
//! A compaction keeps the last record of each key, and records without a key. A tombstone stays in the first compaction
//! that meets it, so that readers not far behind learn of the deletion, and falls in the next. Offsets never change: what
//! is gone leaves a gap.

#![expect(clippy::disallowed_types, reason = "only looked up, never iterated")]

use crate::log::Limits;
use crate::segment::{Open, Segment};
use hashbrown::HashMap;
use millstream_core::contract::{Offset, RecordView};
use std::collections::VecDeque;

/// Compacts `sealed`; tombstones below `survived` fall.
pub(crate) fn compact(sealed: &mut VecDeque<Segment>, survived: Offset, limits: &Limits) {
    let old: Vec<Segment> = sealed.drain(..).collect();
    let mut last: HashMap<&[u8], Offset> = HashMap::new();
    for record in old.iter().flat_map(|segment| segment.set.iter()) {
        if let Some(key) = record.key() {
            last.insert(key, record.offset());
        }
    }
    let stays = |record: &RecordView<'_>| match record.key() {
        None => true,
        Some(key) => last.get(key) == Some(&record.offset()) && (record.value().is_some() || record.offset() >= survived),
    };
    let verdicts: Vec<bool> = old.iter().map(|segment| segment.set.iter().all(|record| stays(&record))).collect();
    let mut rewritten: Vec<Option<Segment>> = Vec::with_capacity(old.len());
    for (segment, untouched) in old.iter().zip(&verdicts) {
        rewritten.push(if *untouched { None } else { copy(std::slice::from_ref(segment), stays) });
    }
    drop(last);
    for ((segment, untouched), new) in old.into_iter().zip(verdicts).zip(rewritten) {
        sealed.extend(if untouched { Some(segment) } else { new });
    }
    let mut index = 0;
    while index < sealed.len() {
        merge_small(sealed, index, limits.records, limits);
        index += 1;
    }
}

/// Drops what lies at `to` and above.
pub(crate) fn cut(sealed: &mut VecDeque<Segment>, to: Offset) {
    while let Some(last) = sealed.pop_back_if(|segment| segment.next > to) {
        if let Some(mut rest) = copy(&[last], |record| record.offset() < to) {
            rest.next = to;
            sealed.push_back(rest);
            return;
        }
    }
}

/// Merges the segment at `index` with those after it while each has less than `small` records and the limits hold, so
/// that a reader far behind many small writes gets large batches. Each record is copied rarely, since it then lies in a
/// larger segment.
pub(crate) fn merge_small(sealed: &mut VecDeque<Segment>, index: usize, small: usize, limits: &Limits) {
    let (mut records, mut bytes, mut run) = (0, 0, 0);
    for segment in sealed.iter().skip(index) {
        records += segment.len();
        bytes += segment.set.bytes();
        if segment.len() >= small || records > limits.records || bytes > limits.bytes {
            break;
        }
        run += 1;
    }
    if run < 2 {
        return;
    }
    let old: Vec<Segment> = sealed.drain(index..index + run).collect();
    if let Some(merged) = copy(&old, |_| true) {
        sealed.insert(index, merged);
    }
}

/// The records of consecutive segments that stay, as one; `None` if none does.
fn copy(segments: &[Segment], stays: impl Fn(&RecordView<'_>) -> bool) -> Option<Segment> {
    let mut new: Option<Open> = None;
    for record in segments.iter().flat_map(|segment| segment.set.iter()).filter(stays) {
        new.get_or_insert_with(|| Open::new(record.offset())).push(record.offset(), record.timestamp(), record);
    }
    Some(new?.seal(segments.last()?.next))
}
