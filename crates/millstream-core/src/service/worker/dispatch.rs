//! Owns what may start and what an attempt's end means. The fast path: a record that starts, is ready at once and
//! succeeds touches no map here.

use super::check::Current;
use super::{Payload, Worker};
use crate::clock::MonoTime;
use crate::contract::{DeadLetterReason, Fingerprint, Offset, Position, RecordBatch, Seen};
use crate::engine::{Arrival, Failure, Hold, LaneKey, Partition, Permit, Start, Verdict};
use crate::envelope::Timestamp;
use crate::handler::HandlerError;
use crate::service::cell::Control;
use crate::service::fingerprint::fingerprint;
use crate::service::slots::{Attempted, Start as Starting};
use std::task::Poll;
use xxhash_rust::xxh3::xxh3_64;

/// Outputs a worker may owe before it starts nothing more: two full batches with several outputs each.
const MOST_OUTPUTS: usize = 8_192;
/// Bytes of outputs a worker may owe.
const MOST_OUTPUT_BYTES: usize = 16 << 20;

impl Worker {
    /// Starts what may start, at most `budget` records; answers how many it touched.
    pub(super) fn dispatch(&mut self, now: MonoTime, stamp: Timestamp, budget: usize) -> usize {
        let mut touched = 0;
        while touched < budget && self.engine_has_due(now) && self.may_start() {
            let Some((offset, attempt)) = self.engine.next_runnable(now) else { break };
            if !self.resume(offset, attempt, now, stamp) {
                // It is back where it was. Taken for progress, this would be a loop until the breaker's time has come.
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
            if !self.arrive(&mut current, now, stamp) {
                break;
            }
            touched += 1;
        }
        if current.cursor < len {
            self.checks.current = Some(current);
        } else {
            self.checks.recycle(current);
            self.release_marked();
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
        let prepared = &current.prepared[index];
        let id = prepared.key.as_u128();
        if let Some(poison) = &prepared.poison {
            let error = HandlerError::of(Failure::Poison, poison.to_string().into());
            current.cursor += 1;
            self.hold(current, index, None);
            self.condemn(offset, DeadLetterReason::Poison, &error, now);
            return true;
        }
        if let Some(&Seen::Done { at, fingerprint }) = current.seen.get(index) {
            current.cursor += 1;
            self.settle_done_before(offset, &current.batch, index, at, fingerprint);
            return true;
        }
        if let Some(Seen::Claimed) = current.seen.get(index) {
            // Somebody else works on it: it waits for another look-up, and costs no attempt.
            current.cursor += 1;
            let lane = lane_of(&self.engine, &current.batch, index);
            self.engine.parked(offset, id, lane);
            self.hold(current, index, None);
            self.checks.held.push(offset);
            return true;
        }
        if !self.quarantine.is_idle() {
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => return false,
                Quarantined::Crashed => {
                    current.cursor += 1;
                    self.hold(current, index, None);
                    self.condemn(offset, DeadLetterReason::Crash, &crashed(), now);
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
            let checked = Some(current.checked).filter(|_| self.engine.holds_id(id, offset));
            self.hold(current, index, checked);
            return true;
        }
        if probing {
            self.probing = Some(offset);
        }
        let Some(slot) = self.slots.peek() else { return false };
        let Some(runner) = &mut self.runner else { return false };
        self.sink.owner = self.tail.next_owner();
        let starting = Starting { batch: &current.batch, index, prepared, attempt: 1, stamp };
        match runner.start(slot, &starting, self.slots.waker(slot), &mut self.sink) {
            Poll::Ready(Attempted::Done(outputs)) => {
                let print = self.print(&current.batch, index);
                self.tail.push(offset, id, print, outputs, false);
                if self.probing.is_some() {
                    self.probe_ended(offset, true, now);
                }
            }
            Poll::Ready(Attempted::Skipped(outputs)) => {
                let print = self.print(&current.batch, index);
                self.tail.push(offset, id, print, outputs, true);
                if self.probing.is_some() {
                    self.probe_ended(offset, true, now);
                }
            }
            Poll::Ready(Attempted::Failed(error)) => {
                let checked = Some(current.checked);
                self.hold(current, index, checked);
                self.failed(offset, error, now);
            }
            Poll::Pending => {
                self.slots.take(slot, offset, now.after(self.plan.settings.timeout));
                let lane = lane_of(&self.engine, &current.batch, index);
                self.engine.parked(offset, id, lane);
                let checked = Some(current.checked);
                self.hold(current, index, checked);
            }
        }
        true
    }

    /// A held record's turn has come; answers whether the next may follow.
    fn resume(&mut self, offset: Offset, attempt: u32, now: MonoTime, stamp: Timestamp) -> bool {
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
        if attempt > 1 {
            self.counts.retries += 1;
        }
        self.sink.owner = self.tail.next_owner();
        let starting = Starting { batch: &payload.batch, index: payload.index, prepared: &payload.prepared, attempt, stamp };
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
            let print = self.print(&payload.batch, payload.index);
            self.tail.push(offset, payload.prepared.key.as_u128(), print, outputs, skipped);
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
        if failure != Failure::Poison {
            payload.attempts += 1;
        }
        let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
        let verdict = self.engine.failed(offset, id, lane, failure, now, entropy);
        if matches!(failure, Failure::Transient | Failure::TimedOut) {
            if self.probing == Some(offset) {
                self.probe_ended(offset, false, now);
            } else if self.breaker.failed(now) {
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
        if at != here && fingerprint(batch.view(index).value()) != before {
            self.counts.conflicts += 1;
            tracing::warn!(partition = %self.partition, offset, done_at = %at, "an id was used twice, with different contents");
            if !self.payloads.contains_key(&offset) {
                let prepared = self.preparer.prepare(batch.view(index));
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
    }

    fn quarantined(&mut self, offset: Offset) -> Quarantined {
        if self.cell.is_noted(offset) {
            self.quarantine.noted(offset);
        }
        match self.quarantine.before_start(offset) {
            Permit::Run => Quarantined::Runs,
            Permit::NoteFirst(note) => {
                self.cell.request_note(offset, note);
                Quarantined::Waits
            }
            Permit::DeadLetter => Quarantined::Crashed,
            _ => Quarantined::Waits,
        }
    }

    /// A record is settled: care may end.
    pub(super) fn out_of_quarantine(&mut self, offset: Offset) {
        let watermark = self.engine.ledger().watermark();
        self.quarantine.settled(offset, watermark);
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

    #[inline]
    fn print(&self, batch: &RecordBatch, index: usize) -> Fingerprint {
        if self.plan.deduplicator.is_none() {
            return Fingerprint::default();
        }
        fingerprint(batch.view(index).value())
    }

    /// Keeps what a held record needs.
    fn hold(&mut self, current: &Current, index: usize, checked: Option<(u64, MonoTime)>) {
        let offset = current.batch.view(index).offset();
        let prepared = current.prepared[index].again();
        self.payloads.insert(offset, Payload::new(current.batch.clone(), index, prepared, checked));
    }
}

fn crashed() -> HandlerError {
    HandlerError::permanent("it ended its process three times")
}

/// Whether a record may start while the epoch is careful.
enum Quarantined {
    Runs,
    Waits,
    Crashed,
}

/// The lane of a record: its key's hash. Topic, partition and namespace are the worker's own, so they need not be in it
/// (F32). Records without a key are in no lane.
fn lane_of(engine: &Partition, batch: &RecordBatch, index: usize) -> Option<LaneKey> {
    engine.lane(|| batch.view(index).key().map(xxh3_64))
}
