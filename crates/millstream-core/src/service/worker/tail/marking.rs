//! Owns the calls that mark ids, and what settles when they are answered. Leaves what they mark to the tail.

use super::super::{STORE_DEADLINE, Worker, within};
use super::Tail;
use crate::clock::MonoTime;
use crate::contract::{Deduplicator, Error, Mark, Marked, Offset};
use crate::engine::{Backoff, Hold};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

type MarkCall = Pin<Box<dyn Future<Output = (Result<(), Error>, Vec<Mark>)> + Send>>;

/// A call that marks, and what settles if it succeeds.
pub(super) struct Marking {
    pub(super) call: MarkCall,
    pub(super) runs: Vec<Range<Offset>>,
    pub(super) skipped: u64,
}

impl Tail {
    /// Takes everything confirmed but not marked, the call under way included.
    pub(super) fn take_unmarked(&mut self) -> (Vec<Range<Offset>>, u64) {
        let (mut runs, mut skipped) =
            self.marking.take().map_or_else(Default::default, |marking| (marking.runs, marking.skipped));
        runs_of(&self.confirmed.marks, &mut runs);
        self.confirmed.marks.clear();
        skipped += std::mem::take(&mut self.confirmed.skipped);
        (runs, skipped)
    }
}

/// The runs of offsets of some marks, in their order.
pub(super) fn runs_of(marks: &[Mark], runs: &mut Vec<Range<Offset>>) {
    let mut left = marks.iter().map(|mark| mark.at.offset);
    let Some(first) = left.next() else { return };
    let mut run = runs.pop_if(|run| run.end == first).map_or(first..first + 1, |run| run.start..first + 1);
    for offset in left {
        if offset != run.end {
            runs.push(std::mem::replace(&mut run, offset..offset));
        }
        run.end = offset + 1;
    }
    runs.push(run);
}

impl Worker {
    /// Marks what is confirmed, and settles what is marked; answers whether anything moved.
    pub(in crate::service::worker) fn mark(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        let tail = &mut self.tail;
        let Some(dedup) = &self.plan.deduplicator else {
            if tail.confirmed.marks.is_empty() {
                return false;
            }
            let (runs, skipped) = tail.take_unmarked();
            self.settle_all(runs, skipped);
            return true;
        };
        let mut moved = false;
        let may = tail.not_before.is_none_or(|at| at <= now) && self.cell.may_hand_over();
        if tail.marking.is_none() && !tail.confirmed.marks.is_empty() && may {
            let marks = std::mem::replace(&mut tail.confirmed.marks, std::mem::take(&mut tail.spare.1));
            let mut runs = std::mem::take(&mut tail.spare.2);
            runs_of(&marks, &mut runs);
            let (scope, dedup) = (tail.scope.clone(), dedup.clone());
            let originals = self.marks_of_originals(&marks);
            let tail = &mut self.tail;
            let call = Box::pin(async move {
                let mut met: Vec<Marked> = Vec::new();
                let result =
                    within(STORE_DEADLINE, dedup.complete(&scope, originals.as_deref().unwrap_or(&marks), &mut met)).await;
                (result, marks)
            });
            tail.marking = Some(Marking { call, runs, skipped: std::mem::take(&mut tail.confirmed.skipped) });
            moved = true;
        }
        let tail = &mut self.tail;
        let Some(marking) = &mut tail.marking else { return moved };
        let Poll::Ready((result, mut marks)) = marking.call.as_mut().poll(cx) else { return moved };
        let Some(Marking { runs, skipped, .. }) = tail.marking.take() else { return moved };
        match result {
            Ok(()) => {
                if std::mem::take(&mut tail.failures) > 0 {
                    tail.not_before = None;
                    self.engine.standstill.resume(Hold::Deduplicator, now);
                    self.plan.board.trouble(&self.place("deduplication mark"), None);
                }
                if self.checks.current.is_some() {
                    self.checks.marked.extend(marks.iter().map(|mark| (mark.key, mark.at.offset)));
                } else if !self.engine.marked_all(marks.len()) {
                    for mark in &marks {
                        self.engine.marked(mark.key, mark.at.offset);
                    }
                }
                marks.clear();
                self.tail.spare.1 = marks;
                self.settle_all(runs, skipped);
            }
            Err(error) => {
                // The store is down: settlement waits, which is back-pressure. Marking again is safe (D4).
                tail.failures = tail.failures.saturating_add(1);
                let failures = tail.failures;
                marks.append(&mut tail.confirmed.marks);
                tail.confirmed.marks = marks;
                tail.confirmed.skipped += skipped;
                let entropy = self.entropy();
                let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
                self.tail.not_before = Some(now.after(backoff.delay(failures, entropy)));
                self.engine.standstill.pause(Hold::Deduplicator, now);
                self.plan.board.trouble(&self.place("deduplication mark"), Some(error.to_string()));
            }
        }
        true
    }

    /// Settles runs of records.
    fn settle_all(&mut self, mut runs: Vec<Range<Offset>>, skipped: u64) {
        let mut count = 0;
        for run in &runs {
            count += run.end - run.start;
            let engine = &mut self.engine;
            let freed = self.open.settle(run.clone(), |run| engine.settle(run));
            self.freed(freed);
        }
        if !self.quarantine.is_idle() {
            for offset in runs.iter().flat_map(Range::clone) {
                self.out_of_quarantine(offset);
            }
        }
        self.counts.skipped += skipped;
        self.counts.done += count - skipped;
        self.breaker.succeeded_many(count);
        runs.clear();
        self.tail.spare.2 = runs;
    }

    #[cfg(millstream_planted)]
    pub(in crate::service::worker) fn settle_anyway(&mut self, offset: Offset) {
        let one = offset..offset + 1;
        self.settle_all(Vec::from([one]), 0);
    }

    /// The end of a grace: settles what is confirmed though its mark is unknown. The commit protects better than the mark.
    pub(in crate::service::worker) fn settle_unmarked(&mut self) {
        let (runs, skipped) = self.tail.take_unmarked();
        if self.plan.deduplicator.is_some() {
            self.counts.marks_missing += runs.iter().map(|run| run.end - run.start).sum::<u64>();
        }
        self.settle_all(runs, skipped);
    }

    /// Takes note of what left the window.
    #[inline]
    pub(in crate::service::worker) fn freed(&mut self, (records, bytes): (u64, u64)) {
        self.totals.1 += records;
        self.totals.2 += bytes;
    }
}
