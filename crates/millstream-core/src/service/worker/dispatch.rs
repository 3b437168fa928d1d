//! Owns what may start, record by record: what arrives, and what is held and has its turn. Leaves runs of fresh records to
//! `fast`, and what an attempt's end means to `ended`.

use super::care::Quarantined;
use super::check::Current;
use super::retried::Turn;
use super::{Payload, Worker};
use crate::clock::MonoTime;
use crate::contract::{DeadLetterReason, Offset, RecordBatch, Seen};
use crate::engine::{Arrival, Failure, LaneKey, Partition, Start};
use crate::envelope::Timestamp;
use crate::handler::HandlerError;
use crate::service::cell::Control;
use crate::service::prepare::Prepared;
use crate::service::slots::{Attempted, Start as Starting};
use crate::service::spans::Attempt;
use std::task::Poll;
use xxhash_rust::xxh3::xxh3_64;

/// Outputs a worker may owe before it starts nothing more: two full batches with several outputs each.
pub(super) const MOST_OUTPUTS: usize = 8_192;
/// Bytes of outputs a worker may owe.
pub(super) const MOST_OUTPUT_BYTES: usize = 16 << 20;

impl Worker {
    /// Starts what may start, at most `budget` records; answers how many it touched.
    pub(super) fn dispatch(&mut self, now: MonoTime, stamp: Timestamp, budget: usize) -> usize {
        let mut touched = 0;
        while touched < budget && self.engine_has_due(now) && self.may_start() {
            let Some((offset, attempt)) = self.engine.next_runnable(now) else { break };
            if !self.resume(offset, attempt, now, stamp) {
                // Put back: that is no progress, and to count it as some would try it again at once, for ever.
                break;
            }
            touched += 1;
        }
        if !self.checks.is_checked() {
            return touched;
        }
        let Some(mut current) = self.checks.current.take() else { return touched };
        if self.plan.deduplicator.is_some() && !self.is_fresh(current.checked, now) {
            // Too old: `check` looks it up again.
            self.checks.current = Some(current);
            return touched;
        }
        let len = current.batch.len();
        while touched < budget && current.cursor < len && self.may_start() {
            let fast = self.run_fast(&mut current, budget - touched, now, stamp);
            touched += fast;
            if fast > 0 {
                continue;
            }
            if !self.arrive(&mut current, now, stamp) {
                break;
            }
            touched += 1;
        }
        if current.cursor < len {
            self.checks.current = Some(current);
        } else {
            self.checks.recycle(current);
        }
        touched
    }

    #[inline]
    pub(super) fn engine_has_due(&self, now: MonoTime) -> bool {
        !self.engine.is_quiet() && (self.engine.has_runnable() || self.engine.next_due().is_some_and(|at| at <= now))
    }

    /// Whether anything may start at all: looked at before each start, so that control never waits behind data.
    #[inline]
    pub(super) fn may_start(&mut self) -> bool {
        self.cell.state() == Control::Run && !self.cell.suspect().is_on() && self.slots.peek().is_some() && self.has_outlet()
    }

    /// Whether what finishes now would find room behind the handlers.
    #[inline]
    pub(super) fn has_outlet(&self) -> bool {
        self.tail.owed + self.sink.len() < MOST_OUTPUTS
            && self.tail.owed_bytes + self.sink.bytes() < MOST_OUTPUT_BYTES
            && self.letters.len() + self.copies.len() < self.plan.settings.max_letters
    }

    /// The record at the cursor needs no start, or may not start yet; `None` if it may, else whether the next may follow.
    #[inline]
    pub(super) fn needs_no_start(&mut self, current: &mut Current, now: MonoTime) -> Option<bool> {
        let index = current.cursor;
        let offset = current.batch.view(index).offset();
        if self.retry_topic().is_some() || planted!(B29) {
            match self.copys_turn(current, now) {
                Turn::Now => {}
                Turn::Later => return Some(false),
                Turn::Foreign => {
                    current.cursor += 1;
                    self.settle_filtered(current, index..index + 1);
                    return Some(true);
                }
            }
        }
        if let Some(end) = current.prepared.filtered_until(index) {
            current.cursor = end;
            self.settle_filtered(current, index..end);
            return Some(true);
        }
        if self.was_lettered(offset) {
            current.cursor += 1;
            self.counts.redeliveries += 1;
            self.settle_without_start(offset);
            return Some(true);
        }
        if let Some(poison) = current.prepared.poison(index) {
            let error = poisoned(poison);
            current.cursor += 1;
            if self.take_place(current, index) {
                self.condemn(offset, DeadLetterReason::Poison, &error, now);
            }
            return Some(true);
        }
        if let Some((at, fingerprint)) = self.is_done_before(offset, current.seen.get(index)) {
            current.cursor += 1;
            let record = (&current.batch, index, current.prepared.head(index));
            if !self.conflicts(record, at, fingerprint) || self.take_place(current, index) {
                self.settle_done_before(offset, record, at, fingerprint);
            }
            return Some(true);
        }
        if let Some(Seen::Claimed) = current.seen.get(index) {
            // Somebody else works on it: it waits for another look-up, in its key's order, and costs no attempt.
            current.cursor += 1;
            if self.take_place(current, index) {
                self.checks.claimed(offset, now);
            }
            return Some(true);
        }
        if !self.quarantine.is_idle() {
            if self.breaker.holds_back(now) {
                return Some(false);
            }
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => return Some(false),
                Quarantined::Crashed => {
                    current.cursor += 1;
                    if self.take_place(current, index) {
                        self.condemn(offset, DeadLetterReason::Crash, &crashed(), now);
                    }
                    return Some(true);
                }
            }
        }
        None
    }

    /// One record arrives; answers whether the next may follow.
    #[inline]
    fn arrive(&mut self, current: &mut Current, now: MonoTime, stamp: Timestamp) -> bool {
        let index = current.cursor;
        if let Some(next) = self.needs_no_start(current, now) {
            return next;
        }
        let record = current.batch.view(index);
        let (offset, id) = (record.offset(), current.prepared.keys[index]);
        let probing = match self.breaker_lets_start(now) {
            Start::Yes => false,
            Start::Probe => true,
            Start::No => return false,
        };
        current.cursor += 1;
        let batch = &current.batch;
        if self.engine.arrive(offset, id, |engine| lane_of(engine, batch, index)) == Arrival::Wait {
            if probing {
                self.breaker.probe_abandoned(now);
            }
            // It waits for another, which must not wait for it in turn.
            self.quarantine.put_back(offset);
            let checked = Some(current.checked);
            self.hold(current, index, checked.filter(|_| self.engine.owns(offset, id)));
            return true;
        }
        let ended = self.lend(&current.batch, index);
        match (probing, &ended) {
            (true, None) => self.probing = Some(offset),
            // It asks nothing of the dependency: the next one does.
            (true, Some(_)) => self.breaker.probe_abandoned(now),
            (false, _) => {}
        }
        let Some(slot) = self.slots.peek() else { return false };
        let Some(runner) = &mut self.runner else { return false };
        self.sink.owner = self.tail.next_owner();
        let head = current.prepared.head(index);
        let traced = Attempt::begin(&self.plan, &self.partition, record, head, id, 1);
        let starting = Starting { batch: &current.batch, index, key: id, head, attempt: 1, stamp, traced };
        let began = self.plan.meters.as_ref().map(|_| self.plan.clock.now());
        let polled = match ended {
            Some(ended) => Poll::Ready(ended),
            None => runner.start(slot, &starting, self.slots.waker(slot), &mut self.sink),
        };
        match polled {
            Poll::Ready(attempted) => {
                began.into_iter().for_each(|began| self.measured(began, 1));
                self.arrived(current, index, attempted, now);
            }
            Poll::Pending => self.park(current, index, slot, now),
        }
        true
    }

    /// The first attempt of a record that was not held ended in place.
    pub(super) fn arrived(&mut self, current: &Current, index: usize, attempted: Attempted, now: MonoTime) {
        let (offset, id) = (current.batch.view(index).offset(), current.prepared.keys[index]);
        let (outputs, skipped) = match attempted {
            Attempted::Done(outputs) => (outputs, false),
            Attempted::Skipped(outputs) => (outputs, true),
            Attempted::Deferred(until, why) => {
                self.hold(current, index, Some(current.checked));
                return self.deferred(offset, until, &why, now);
            }
            Attempted::Failed(error) => {
                self.hold(current, index, Some(current.checked));
                return self.failed(offset, error, now);
            }
        };
        let mark = self.mark_of(id, &current.batch, index, current.prepared.head(index));
        self.succeeded(mark, outputs, skipped);
        self.probe_ended(offset, true, now);
    }

    /// The first attempt of a record that was not held went pending in its slot.
    pub(super) fn park(&mut self, current: &Current, index: usize, slot: usize, now: MonoTime) {
        let (offset, id) = (current.batch.view(index).offset(), current.prepared.keys[index]);
        self.slots.take(slot, offset, now, now.after(self.plan.settings.timeout));
        let lane = lane_of(&self.engine, &current.batch, index);
        self.engine.parked(offset, id, lane);
        self.hold(current, index, Some(current.checked));
    }

    /// A held record whose turn has come needs no start, or may not start yet; `None` if it may, else whether the next may
    /// follow.
    pub(super) fn needs_no_restart(&mut self, offset: Offset, now: MonoTime) -> Option<bool> {
        if let Some(poison) = self.payloads.get(&offset).and_then(|payload| payload.prepared.poison.as_deref()) {
            self.condemn(offset, DeadLetterReason::Poison, &poisoned(poison), now);
            return Some(true);
        }
        let checked = self.payloads.get(&offset).and_then(|payload| payload.checked);
        if self.plan.deduplicator.is_some() && !checked.is_some_and(|checked| self.is_fresh(checked, now)) {
            self.checks.held.push(offset);
            return Some(true);
        }
        if !self.quarantine.is_idle() {
            // First: who has leave to run and does not would keep those before it from asking, and no probe would ever start.
            if self.breaker.holds_back(now) {
                self.engine.not_started(offset);
                return Some(false);
            }
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => {
                    self.engine.not_started(offset);
                    return Some(false);
                }
                Quarantined::Crashed => {
                    self.condemn(offset, DeadLetterReason::Crash, &crashed(), now);
                    return Some(true);
                }
            }
        }
        None
    }

    /// A held record's turn has come; answers whether the next may follow.
    fn resume(&mut self, offset: Offset, attempt: u32, now: MonoTime, stamp: Timestamp) -> bool {
        if let Some(next) = self.needs_no_restart(offset, now) {
            return next;
        }
        let probing = match self.breaker_lets_start(now) {
            Start::Yes => false,
            Start::Probe => true,
            Start::No => {
                self.engine.not_started(offset);
                return false;
            }
        };
        let ended = self.lend_held(offset);
        let (Some(slot), Some(runner), Some(payload)) = (self.slots.peek(), &mut self.runner, self.payloads.get(&offset)) else {
            self.engine.not_started(offset);
            return false;
        };
        match (probing, &ended) {
            (true, None) => self.probing = Some(offset),
            (true, Some(_)) => self.breaker.probe_abandoned(now),
            (false, _) => {}
        }
        payload.starts_again(&mut self.counts, &self.plan);
        self.sink.owner = self.tail.next_owner();
        let Prepared { key, head, .. } = &payload.prepared;
        let (key, head) = (key.as_u128(), head.as_ref());
        let record = payload.batch.view(payload.index);
        let traced = Attempt::begin(&self.plan, &self.partition, record, head, key, attempt);
        let starting = Starting { batch: &payload.batch, index: payload.index, key, head, attempt, stamp, traced };
        let began = self.plan.meters.as_ref().map(|_| self.plan.clock.now());
        let polled = match ended {
            Some(ended) => Poll::Ready(ended),
            None => runner.start(slot, &starting, self.slots.waker(slot), &mut self.sink),
        };
        match polled {
            Poll::Ready(attempted) => {
                began.into_iter().for_each(|began| self.measured(began, 1));
                self.attempted(offset, attempted, now);
            }
            Poll::Pending => self.slots.take(slot, offset, now, now.after(self.plan.settings.timeout)),
        }
        true
    }

    #[inline]
    pub(super) fn breaker_lets_start(&mut self, now: MonoTime) -> Start {
        if self.breaker.is_closed() { Start::Yes } else { self.breaker.may_start(now) }
    }

    /// Gives a record that does not start now its place in its key's order; answers whether its turn is now.
    fn take_place(&mut self, current: &Current, index: usize) -> bool {
        let (batch, offset, id) = (&current.batch, current.batch.view(index).offset(), current.prepared.keys[index]);
        let turn = self.engine.arrive(offset, id, |engine| lane_of(engine, batch, index)) == Arrival::Start;
        if turn {
            let lane = lane_of(&self.engine, batch, index);
            self.engine.parked(offset, id, lane);
        }
        self.hold(current, index, None);
        turn
    }

    /// Keeps what a held record needs.
    pub(super) fn hold(&mut self, current: &Current, index: usize, checked: Option<(u64, MonoTime)>) {
        let offset = current.batch.view(index).offset();
        let prepared = current.prepared.get(index);
        self.payloads.insert(offset, Payload::new(current.batch.clone(), index, prepared, checked));
    }
}

fn poisoned(why: &str) -> HandlerError {
    HandlerError::of(Failure::Poison, why.to_owned().into())
}

fn crashed() -> HandlerError {
    HandlerError::permanent("it ended its process three times")
}

/// The lane of a record: its key's hash. Topic, partition and namespace are the worker's own, so they need not be in it
/// (F32). Records without a key are in no lane.
pub(super) fn lane_of(engine: &Partition, batch: &RecordBatch, index: usize) -> Option<LaneKey> {
    engine.lane(|| batch.view(index).key().map(xxh3_64))
}
