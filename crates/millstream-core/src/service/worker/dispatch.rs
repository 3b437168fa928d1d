//! Owns what may start and what an attempt's end means. The fast path: a record that starts, is ready at once and
//! succeeds touches no map here.

use super::care::Quarantined;
use super::check::Current;
use super::{Payload, Worker};
use crate::clock::MonoTime;
use crate::contract::{DeadLetterReason, Fingerprint, Mark, Offset, Position, RecordBatch, Seen};
use crate::engine::{Arrival, Failure, Hold, LaneKey, Partition, Start, Verdict};
use crate::envelope::Timestamp;
use crate::handler::HandlerError;
use crate::service::cell::Control;
use crate::service::fingerprint::fingerprint;
use crate::service::prepare::Prepared;
use crate::service::slots::{Attempted, Start as Starting};
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
    fn engine_has_due(&self, now: MonoTime) -> bool {
        !self.engine.is_quiet() && (self.engine.has_runnable() || self.engine.next_due().is_some_and(|at| at <= now))
    }

    /// Whether anything may start at all: looked at before each start, so that control never waits behind data.
    #[inline]
    fn may_start(&mut self) -> bool {
        self.cell.state() == Control::Run
            && !self.cell.suspect().is_on()
            && self.slots.peek().is_some()
            && self.tail.owed + self.sink.len() < MOST_OUTPUTS
            && self.tail.owed_bytes + self.sink.bytes() < MOST_OUTPUT_BYTES
            && self.letters.len() < self.plan.settings.max_letters
    }

    /// One record arrives; answers whether the next may follow.
    #[inline]
    fn arrive(&mut self, current: &mut Current, now: MonoTime, stamp: Timestamp) -> bool {
        let index = current.cursor;
        let record = current.batch.view(index);
        let offset = record.offset();
        let id = current.prepared.keys[index];
        if let Some(poison) = current.prepared.poison(index) {
            let error = poisoned(poison);
            current.cursor += 1;
            if self.take_place(current, index) {
                self.condemn(offset, DeadLetterReason::Poison, &error, now);
            }
            return true;
        }
        if let Some(&Seen::Done { at, fingerprint }) = current.seen.get(index) {
            current.cursor += 1;
            if !self.conflicts(&current.batch, index, at, fingerprint) || self.take_place(current, index) {
                self.settle_done_before(offset, &current.batch, index, at, fingerprint);
            }
            return true;
        }
        if let Some(Seen::Claimed) = current.seen.get(index) {
            // Somebody else works on it: it waits for another look-up, in its key's order, and costs no attempt.
            current.cursor += 1;
            if self.take_place(current, index) {
                self.checks.claimed(offset, now);
            }
            return true;
        }
        if !self.quarantine.is_idle() {
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => return false,
                Quarantined::Crashed => {
                    current.cursor += 1;
                    if self.take_place(current, index) {
                        self.condemn(offset, DeadLetterReason::Crash, &crashed(), now);
                    }
                    return true;
                }
            }
        }
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
        if probing {
            self.probing = Some(offset);
        }
        let Some(slot) = self.slots.peek() else { return false };
        let Some(runner) = &mut self.runner else { return false };
        self.sink.owner = self.tail.next_owner();
        let head = current.prepared.head(index);
        let starting = Starting { batch: &current.batch, index, key: id, head, attempt: 1, stamp };
        match runner.start(slot, &starting, self.slots.waker(slot), &mut self.sink) {
            Poll::Ready(attempted) => self.arrived(current, index, attempted, now),
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
            Attempted::Failed(error) => {
                self.hold(current, index, Some(current.checked));
                return self.failed(offset, error, now);
            }
        };
        let mark = self.mark_of(id, &current.batch, index);
        self.tail.push(mark, outputs, skipped);
        self.probe_ended(offset, true, now);
    }

    /// The first attempt of a record that was not held went pending in its slot.
    pub(super) fn park(&mut self, current: &Current, index: usize, slot: usize, now: MonoTime) {
        let (offset, id) = (current.batch.view(index).offset(), current.prepared.keys[index]);
        self.slots.take(slot, offset, now.after(self.plan.settings.timeout));
        let lane = lane_of(&self.engine, &current.batch, index);
        self.engine.parked(offset, id, lane);
        self.hold(current, index, Some(current.checked));
    }

    /// A held record's turn has come; answers whether the next may follow.
    fn resume(&mut self, offset: Offset, attempt: u32, now: MonoTime, stamp: Timestamp) -> bool {
        if let Some(poison) = self.payloads.get(&offset).and_then(|payload| payload.prepared.poison.as_deref()) {
            self.condemn(offset, DeadLetterReason::Poison, &poisoned(poison), now);
            return true;
        }
        let checked = self.payloads.get(&offset).and_then(|payload| payload.checked);
        if self.plan.deduplicator.is_some() && !checked.is_some_and(|checked| self.is_fresh(checked, now)) {
            self.checks.held.push(offset);
            return true;
        }
        if !self.quarantine.is_idle() {
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => {
                    self.engine.not_started(offset);
                    return false;
                }
                Quarantined::Crashed => {
                    self.condemn(offset, DeadLetterReason::Crash, &crashed(), now);
                    return true;
                }
            }
        }
        let probing = match self.breaker_lets_start(now) {
            Start::Yes => false,
            Start::Probe => true,
            Start::No => {
                self.engine.not_started(offset);
                return false;
            }
        };
        let (Some(slot), Some(runner), Some(payload)) = (self.slots.peek(), &mut self.runner, self.payloads.get(&offset)) else {
            self.engine.not_started(offset);
            return false;
        };
        if probing {
            self.probing = Some(offset);
        }
        // Also after a probe that failed, which counts no attempt.
        if payload.failure.is_some() {
            self.counts.retries += 1;
        }
        self.sink.owner = self.tail.next_owner();
        let Prepared { key, head, .. } = &payload.prepared;
        let (key, head) = (key.as_u128(), head.as_ref());
        let starting = Starting { batch: &payload.batch, index: payload.index, key, head, attempt, stamp };
        match runner.start(slot, &starting, self.slots.waker(slot), &mut self.sink) {
            Poll::Ready(attempted) => self.attempted(offset, attempted, now),
            Poll::Pending => self.slots.take(slot, offset, now.after(self.plan.settings.timeout)),
        }
        true
    }

    /// Polls the attempts that were woken; answers how many, and whether the cooperative budget ran out.
    pub(super) fn poll_woken(&mut self, now: MonoTime) -> (usize, bool) {
        let mut polled = 0;
        if !self.slots.ready.take_any() {
            return (0, false);
        }
        let ready = self.slots.ready.clone();
        for word in 0..ready.words() {
            let mut bits = ready.take(word);
            while bits != 0 {
                if !tokio::task::coop::has_budget_remaining() {
                    // tokio would answer every leaf future with "pending": stay fair and come back.
                    ready.put_back(word, bits);
                    return (polled, true);
                }
                let slot = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if slot >= self.slots.len() {
                    continue;
                }
                let (Some(offset), Some(runner)) = (self.slots.occupant(slot), &mut self.runner) else { continue };
                polled += 1;
                self.sink.owner = self.tail.next_owner();
                if let Poll::Ready(attempted) = runner.poll(slot, self.slots.waker(slot), &mut self.sink) {
                    self.slots.give_back(slot);
                    self.attempted(offset, attempted, now);
                }
            }
        }
        (polled, false)
    }

    /// Drops attempts that took too long: their work is abandoned and tried again.
    pub(super) fn expire(&mut self, now: MonoTime) -> bool {
        let mut moved = false;
        while let Some(slot) = self.slots.expired(now) {
            moved = true;
            if let Some(runner) = &mut self.runner {
                runner.clear(slot);
            }
            if let Some(offset) = self.slots.give_back(slot) {
                self.counts.timeouts += 1;
                let why = format!("the attempt took longer than {:?}", self.plan.settings.timeout);
                self.failed(offset, HandlerError::of(Failure::TimedOut, why.into()), now);
            }
        }
        moved
    }

    /// A held record's attempt ended.
    fn attempted(&mut self, offset: Offset, attempted: Attempted, now: MonoTime) {
        let (outputs, skipped) = match attempted {
            Attempted::Done(outputs) => (outputs, false),
            Attempted::Skipped(outputs) => (outputs, true),
            Attempted::Failed(error) => return self.failed(offset, error, now),
        };
        self.engine.succeeded(offset);
        self.probe_ended(offset, true, now);
        if let Some(payload) = self.payloads.remove(&offset) {
            let mark = self.mark_of(payload.prepared.key.as_u128(), &payload.batch, payload.index);
            self.tail.push(mark, outputs, skipped);
        }
    }

    /// An attempt failed: again later, or a dead letter.
    fn failed(&mut self, offset: Offset, error: HandlerError, now: MonoTime) {
        self.counts.failures += 1;
        let failure = error.failure();
        let entropy = self.entropy();
        let wall = self.plan.clock.wall_millis();
        let Some(payload) = self.payloads.get_mut(&offset) else { return };
        if payload.first_failed == 0 {
            payload.first_failed = wall;
        }
        payload.failure = Some((error.error_type().to_owned(), error.to_string()));
        let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
        let passing = matches!(failure, Failure::Transient | Failure::TimedOut);
        if passing && self.probing == Some(offset) {
            self.engine.probe_failed(offset, id, lane);
            self.quarantine.put_back(offset);
            return self.probe_ended(offset, false, now);
        }
        if failure != Failure::Poison {
            payload.attempts += 1;
        }
        let verdict = self.engine.failed(offset, id, lane, failure, now, entropy);
        if passing {
            if self.breaker.failed(now) {
                self.engine.standstill.pause(Hold::Breaker, now);
                self.plan.board.trouble(&self.place("breaker"), Some(format!("open: {error}")));
            }
        } else {
            self.probe_ended(offset, true, now);
        }
        match verdict {
            Verdict::Retry { .. } => {
                self.quarantine.put_back(offset);
                tracing::debug!(partition = %self.partition, offset, handler = %self.plan.handler, %error, "attempt failed, will be retried");
            }
            Verdict::GiveUp(reason) => self.write_letter(offset, reason),
        }
    }

    /// A record becomes a dead letter without an attempt of its own.
    pub(super) fn condemn(&mut self, offset: Offset, reason: DeadLetterReason, error: &HandlerError, _now: MonoTime) {
        let wall = self.plan.clock.wall_millis();
        let Some(payload) = self.payloads.get_mut(&offset) else { return };
        payload.first_failed = wall;
        payload.failure = Some((error.error_type().to_owned(), error.to_string()));
        let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
        self.engine.condemned(offset, id, lane, reason);
        self.write_letter(offset, reason);
    }

    /// Settles a record whose id was done before: here, elsewhere, or (a conflict) by another content.
    pub(super) fn settle_done_before(
        &mut self,
        offset: Offset,
        batch: &RecordBatch,
        index: usize,
        at: Position,
        before: Fingerprint,
    ) {
        let here = Position { partition: self.partition.partition, offset };
        if self.conflicts(batch, index, at, before) {
            self.counts.conflicts += 1;
            tracing::warn!(partition = %self.partition, offset, done_at = %at, "an id was used twice, with different contents");
            if !self.payloads.contains_key(&offset) {
                let prepared = self.preparer.prepare_one(batch.view(index));
                self.payloads.insert(offset, Payload::new(batch.clone(), index, prepared, None));
            }
            let error = HandlerError::permanent(format!("its id was done by the record at {at}, which has another content"));
            return self.condemn(offset, DeadLetterReason::Conflict, &error, MonoTime::ZERO);
        }
        if at == here {
            self.counts.redeliveries += 1;
        } else {
            self.counts.duplicates += 1;
        }
        self.payloads.remove(&offset);
        let engine = &mut self.engine;
        let freed = self.open.settle(offset..offset + 1, |run| run.map(|offset| engine.settled_before(offset)).sum());
        self.freed(freed);
        if !self.quarantine.is_idle() {
            self.out_of_quarantine(offset);
        }
    }

    /// Whether a record has another content than the one at `at` that did its id.
    fn conflicts(&self, batch: &RecordBatch, index: usize, at: Position, before: Fingerprint) -> bool {
        let record = batch.view(index);
        at != Position { partition: self.partition.partition, offset: record.offset() } && fingerprint(record.value()) != before
    }

    #[inline]
    fn breaker_lets_start(&mut self, now: MonoTime) -> Start {
        if self.breaker.is_closed() { Start::Yes } else { self.breaker.may_start(now) }
    }

    fn probe_ended(&mut self, offset: Offset, succeeded: bool, now: MonoTime) {
        if self.probing != Some(offset) {
            return;
        }
        self.probing = None;
        if succeeded {
            self.breaker.probe_succeeded();
            self.engine.standstill.resume(Hold::Breaker, now);
            self.plan.board.trouble(&self.place("breaker"), None);
        } else {
            self.breaker.probe_failed(now);
        }
    }

    /// The mark of a record that is done.
    #[inline(never)]
    pub(super) fn mark_of(&self, id: u128, batch: &RecordBatch, index: usize) -> Mark {
        let record = batch.view(index);
        let print = if self.plan.deduplicator.is_some() { fingerprint(record.value()) } else { Fingerprint::default() };
        Mark::new(id, self.partition.partition, record.offset(), print)
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
    fn hold(&mut self, current: &Current, index: usize, checked: Option<(u64, MonoTime)>) {
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
fn lane_of(engine: &Partition, batch: &RecordBatch, index: usize) -> Option<LaneKey> {
    engine.lane(|| batch.view(index).key().map(xxh3_64))
}
