//! Owns the fast path: a run of fresh records that start, are ready at once and succeed. Per record it touches the twins'
//! set, the seat and the tail, and nothing else; whatever is not of this kind ends the run and is left to `dispatch`.

use super::Worker;
use super::check::Current;
use super::dispatch::{MOST_OUTPUT_BYTES, MOST_OUTPUTS};
use crate::clock::MonoTime;
use crate::contract::{Fingerprint, Mark};
use crate::envelope::Timestamp;
use crate::service::fingerprint::of_event;
use crate::service::slots::Run;
use crate::service::spans::wants_process;
use std::ops::Range;
use std::task::Poll;

impl Worker {
    /// Runs as many records as are on the fast path, at most `budget`; answers how many it touched.
    pub(super) fn run_fast(&mut self, current: &mut Current, budget: usize, now: MonoTime, stamp: Timestamp) -> usize {
        if wants_process() {
            // Each attempt has a span of its own.
            return 0;
        }
        if self.retry_topic().is_some() || self.table.is_some() {
            // Each copy has its own time, and each attempt that keeps state is lent its entry.
            return 0;
        }
        if !self.engine.is_quiet() || !self.quarantine.is_idle() || !self.breaker.is_closed() {
            return 0;
        }
        let first = current.cursor;
        let end = current.plain_end(self.plan.deduplicator.is_some()).min(first + budget);
        let (Some(slot), Some(runner)) = (self.slots.peek(), self.runner.as_mut()) else { return 0 };
        if first >= end {
            return 0;
        }
        self.sink.owner = self.tail.next_owner();
        self.ran.clear();
        let run = Run {
            batch: &current.batch,
            prepared: &current.prepared,
            slot,
            waker: self.slots.waker(slot),
            cell: &self.cell,
            stamp,
            room: (MOST_OUTPUTS.saturating_sub(self.tail.owed), MOST_OUTPUT_BYTES.saturating_sub(self.tail.owed_bytes)),
        };
        let began = self.plan.meters.as_ref().map(|_| self.plan.clock.now());
        let last = runner.run(&run, first..end, &mut self.engine, &mut self.sink, &mut self.ran);
        let ended = first + self.ran.ended;
        if let Some(began) = began {
            self.measured(began, self.ran.ended + usize::from(matches!(last, Some(Poll::Ready(_)))));
        }
        self.ended(current, first..ended);
        current.cursor = ended + usize::from(last.is_some());
        match last {
            Some(Poll::Ready(attempted)) => self.arrived(current, ended, attempted, now),
            Some(Poll::Pending) => self.park(current, ended, slot, now),
            None => {}
        }
        current.cursor - first
    }

    /// The records of a run have ended, done or skipped.
    fn ended(&mut self, current: &Current, records: Range<usize>) {
        if !self.ran.outputs.is_empty() {
            for (index, &(outputs, skipped)) in records.zip(&self.ran.outputs) {
                let mark = self.mark_of(current.prepared.keys[index], &current.batch, index, current.prepared.head(index));
                self.tail.push(mark, outputs, skipped);
            }
            return;
        }
        let (partition, checked) = (self.partition.partition, self.plan.deduplicator.is_some());
        let (keys, first) = (&current.prepared.keys[records.clone()], records.start);
        let marks = self.tail.done(records.len(), self.ran.skipped);
        // Both sides say how many they are, so no push looks for room.
        marks.extend(current.batch.views(records).zip(keys).enumerate().map(|(index, (record, &key))| {
            let print =
                if checked { of_event(record.value(), current.prepared.head(first + index)) } else { Fingerprint::default() };
            Mark::new(key, partition, record.offset(), print)
        }));
    }
}
