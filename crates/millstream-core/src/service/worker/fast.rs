//! Owns the fast path: a run of fresh records that start, are ready at once and succeed. Per record it touches the twins'
//! set, the seat and the tail, and nothing else; whatever is not of this kind ends the run and is left to `dispatch`.

use super::Worker;
use super::check::Current;
use crate::clock::MonoTime;
use crate::contract::Seen;
use crate::envelope::Timestamp;
use crate::service::slots::{Attempted, Start};
use std::task::Poll;

impl Worker {
    /// Runs as many records as are on the fast path, at most `budget`; answers how many it touched.
    pub(super) fn run_fast(&mut self, current: &mut Current, budget: usize, now: MonoTime, stamp: Timestamp) -> usize {
        if !self.engine.is_quiet() || !self.quarantine.is_idle() || !self.breaker.is_closed() {
            return 0;
        }
        let (Some(slot), Some(mut runner)) = (self.slots.peek(), self.runner.take()) else { return 0 };
        let first = current.cursor;
        let end = current.batch.len().min(first + budget);
        let end = current.prepared.next_poison(first, end).min(end);
        let waker = self.slots.waker(slot).clone();
        let checked = self.plan.deduplicator.is_some();
        self.sink.owner = self.tail.next_owner();
        let mut last = None;
        while current.cursor < end && self.cell.runs() {
            let index = current.cursor;
            if checked && current.seen[index] != Seen::Fresh {
                break;
            }
            let key = current.prepared.keys[index];
            if !self.engine.arrive_quietly(current.batch.view(index).offset(), key) {
                break;
            }
            current.cursor += 1;
            let start = Start { batch: &current.batch, index, key, head: current.prepared.head(index), attempt: 1, stamp };
            match runner.start(slot, &start, &waker, &mut self.sink) {
                Poll::Ready(Attempted::Done(0)) => {
                    let mark = self.mark_of(key, &current.batch, index);
                    self.tail.done(mark);
                }
                other => {
                    last = Some((index, other));
                    break;
                }
            }
        }
        self.runner = Some(runner);
        match last {
            Some((index, Poll::Ready(attempted))) => self.arrived(current, index, attempted, now),
            Some((index, Poll::Pending)) => self.park(current, index, slot, now),
            None => {}
        }
        current.cursor - first
    }
}
