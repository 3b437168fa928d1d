//! Owns what the end of an attempt means: done, tried again, a dead letter, a probe's answer; and the ends that need no
//! attempt, because the id was done before. Leaves starting to `dispatch` and `fast`.

use super::Worker;
use super::dispatch::lane_of;
use crate::clock::MonoTime;
use crate::contract::{DeadLetterReason, Fingerprint, Mark, Offset, Position, RecordBatch};
use crate::engine::{Failure, Hold, Judged, Verdict};
use crate::envelope::Head;
use crate::handler::HandlerError;
use crate::service::fingerprint::of_event;
use crate::service::slots::Attempted;
use crate::service::{log_text, quote};
use std::task::Poll;

impl Worker {
    /// Polls the attempts that were woken; answers whether the cooperative budget ran out before all of them were.
    pub(super) fn poll_woken(&mut self, now: MonoTime) -> bool {
        if !self.slots.ready.take_any() {
            return false;
        }
        let (ready, in_batches) = (self.slots.ready.clone(), self.batching.is_some());
        for word in 0..ready.words() {
            let mut bits = ready.take(word);
            while bits != 0 {
                if !tokio::task::coop::has_budget_remaining() {
                    // tokio would answer every leaf future with "pending": stay fair and come back.
                    ready.put_back(word, bits);
                    return true;
                }
                let slot = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if slot >= self.slots.len() {
                    continue;
                }
                if in_batches && self.slots.occupant(slot).is_some() {
                    self.poll_call(slot, now);
                    continue;
                }
                let (Some(offset), Some(runner)) = (self.slots.occupant(slot), &mut self.runner) else { continue };
                self.sink.owner = self.tail.next_owner();
                if let Poll::Ready(attempted) = runner.poll(slot, self.slots.waker(slot), &mut self.sink) {
                    let began = self.slots.began(slot);
                    self.slots.give_back(slot);
                    self.measured(began, 1);
                    self.attempted(offset, attempted, now);
                }
            }
        }
        false
    }

    /// Drops attempts that took too long: their work is abandoned and tried again.
    pub(super) fn expire(&mut self, now: MonoTime) {
        planted!(B10: return);
        while let Some(slot) = self.slots.expired(now) {
            if self.batching.is_some() {
                self.call_expired(slot, now);
                continue;
            }
            if let Some(runner) = &mut self.runner {
                runner.clear(slot, "timeout");
            }
            let began = self.slots.began(slot);
            if let Some(offset) = self.slots.give_back(slot) {
                self.measured(began, 1);
                self.counts.timeouts += 1;
                planted!(B08: self.settle_anyway(offset); continue);
                let why = format!("the attempt took longer than {:?}", self.plan.settings.timeout);
                self.failed(offset, HandlerError::of(Failure::TimedOut, why.into()), now);
            }
        }
    }

    /// So many attempts that began at `began` have ended. Reads the clock only where metrics are wanted.
    pub(super) fn measured(&self, began: MonoTime, attempts: usize) {
        if let Some(meters) = &self.plan.meters {
            meters.processed(self.plan.clock.now().since(began), attempts);
        }
    }

    /// A held record's attempt ended.
    pub(super) fn attempted(&mut self, offset: Offset, attempted: Attempted, now: MonoTime) {
        let (outputs, skipped) = match attempted {
            Attempted::Done(outputs) => (outputs, false),
            Attempted::Skipped(outputs) => (outputs, true),
            Attempted::Deferred(until, why) => return self.deferred(offset, until, &why, now),
            Attempted::Failed(error) => return self.failed(offset, error, now),
        };
        self.engine.succeeded(offset);
        self.probe_ended(offset, true, now);
        if let Some(payload) = self.payloads.remove(&offset) {
            let mark =
                self.mark_of(payload.prepared.key.as_u128(), &payload.batch, payload.index, payload.prepared.head.as_ref());
            self.succeeded(mark, outputs, skipped);
        }
    }

    /// An attempt failed: again later, or a dead letter.
    pub(super) fn failed(&mut self, offset: Offset, error: HandlerError, now: MonoTime) {
        self.counts.failures += 1;
        let (error, retry) = self.plan.rules.judge(error);
        let failure = error.failure();
        planted!(B11: if failure == Failure::Panic { return });
        let entropy = self.entropy();
        let wall = self.plan.clock.wall_millis();
        let Some(payload) = self.payloads.get_mut(&offset) else { return };
        if payload.first_failed == 0 {
            payload.first_failed = wall;
        }
        payload.failure = Some((error.error_type().to_owned(), error.to_string()));
        payload.failed = failure;
        payload.log_text = log_text(&error);
        let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
        let passing = matches!(failure, Failure::Transient | Failure::TimedOut);
        if passing && self.probing == Some(offset) {
            self.engine.probe_failed(offset, id, lane);
            self.quarantine.put_back(offset);
            let trouble = format!("open: the probe with offset {offset} failed: {}", log_text(&error));
            self.plan.board.trouble(&self.place("breaker"), Some(trouble));
            return self.probe_ended(offset, false, now);
        }
        if failure != Failure::Poison {
            payload.attempts += 1;
        }
        let attempt = payload.attempts;
        let judged = Judged::by(failure, retry.as_ref()).after(error.not_before());
        let verdict = self.engine.failed(offset, id, lane, judged, now, entropy);
        if passing {
            self.breaker_failed(&error, now);
        } else {
            self.probe_ended(offset, true, now);
        }
        match verdict {
            Verdict::Retry { at } => {
                self.quarantine.put_back(offset);
                planted!(B15: self.settle_anyway(offset));
                let delay_ms = u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(
                    partition = %self.partition, offset, handler = %self.plan.handler, attempt, delay_ms,
                    reason = failure.as_str(), error_type = error.error_type(), error = log_text(&error),
                    "attempt failed, will be retried"
                );
            }
            Verdict::GiveUp(reason) if self.hand_on(offset, reason) => {}
            Verdict::GiveUp(reason) => self.write_letter(offset, reason),
        }
    }

    /// An attempt or a call failed in a way that may pass: one more for the breaker, which may open.
    pub(super) fn breaker_failed(&mut self, error: &HandlerError, now: MonoTime) {
        if self.breaker.failed(now) {
            self.engine.standstill.pause(Hold::Breaker, now);
            self.plan.board.trouble(&self.place("breaker"), Some(format!("open: {}", log_text(error))));
        }
    }

    /// A record becomes a dead letter without an attempt of its own.
    pub(super) fn condemn(&mut self, offset: Offset, reason: DeadLetterReason, error: &HandlerError, _now: MonoTime) {
        let wall = self.plan.clock.wall_millis();
        let Some(payload) = self.payloads.get_mut(&offset) else { return };
        payload.first_failed = wall;
        payload.failure = Some((error.error_type().to_owned(), error.to_string()));
        // Such words are the framework's own, and quote nothing of a payload.
        payload.log_text = quote(&error.to_string());
        let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
        self.engine.condemned(offset, id, lane, reason);
        self.write_letter(offset, reason);
    }

    /// Settles a record whose id was done before: here, elsewhere, or (a conflict) by another content. In conflict it is a
    /// held one.
    pub(super) fn settle_done_before(
        &mut self,
        offset: Offset,
        (batch, index, head): (&RecordBatch, usize, Option<&Head>),
        at: Position,
        before: Fingerprint,
    ) {
        let here = self.place_of(batch, index);
        if self.conflicts((batch, index, head), at, before) {
            self.counts.conflicts += 1;
            tracing::warn!(partition = %self.partition, offset, done_at = %at, "an id was used twice, with different contents");
            let error = HandlerError::permanent(format!("its id was done by the record at {at}, which has another content"));
            return self.condemn(offset, DeadLetterReason::Conflict, &error, MonoTime::ZERO);
        }
        if at == here {
            self.counts.redeliveries += 1;
        } else {
            self.counts.duplicates += 1;
        }
        self.settle_without_start(offset);
    }

    /// Settles a record that was settled before it came.
    pub(super) fn settle_without_start(&mut self, offset: Offset) {
        self.payloads.remove(&offset);
        let engine = &mut self.engine;
        let freed = self.open.settle(offset..offset + 1, |run| run.map(|offset| engine.settled_before(offset)).sum());
        self.freed(freed);
        if !self.quarantine.is_idle() {
            self.out_of_quarantine(offset);
        }
    }

    /// Whether a record has another content than the one at `at` that did its id.
    pub(super) fn conflicts(
        &self,
        (batch, index, head): (&RecordBatch, usize, Option<&Head>),
        at: Position,
        before: Fingerprint,
    ) -> bool {
        at != self.place_of(batch, index) && of_event(batch.view(index).value(), head) != before
    }

    pub(super) fn probe_ended(&mut self, offset: Offset, succeeded: bool, now: MonoTime) {
        if self.probing != Some(offset) {
            return;
        }
        self.probing = None;
        if succeeded {
            self.breaker.probe_succeeded();
            self.engine.probe_again();
            self.engine.standstill.resume(Hold::Breaker, now);
            self.plan.board.trouble(&self.place("breaker"), None);
        } else {
            self.breaker.probe_failed(now);
        }
    }

    /// Who failed as a probe is one again when nobody else is left to ask with; answers whether there is such a record.
    pub(super) fn probe_again(&mut self, now: MonoTime) -> bool {
        // Neither closed nor holding back: a probe is due, and nobody has taken it.
        if self.breaker.is_closed() || self.breaker.holds_back(now) || self.others_may_probe(now) || !self.may_start() {
            return false;
        }
        self.engine.probe_again()
    }

    /// Whether a record that has not failed as a probe may still be the next one, be it that it awaits its note first.
    fn others_may_probe(&self, now: MonoTime) -> bool {
        // A copy that is not due holds up those behind it only.
        let arrives = self.checks.current.is_some() && self.checks.is_checked() && self.waits.is_none_or(|(_, at)| at <= now);
        let gathered = self.batching.as_ref().is_some_and(|batching| !batching.gathered.is_empty() || !batching.alone.is_empty());
        arrives || gathered || self.engine.has_runnable() || self.checks.is_asking()
    }

    /// The mark of a record that an attempt holds.
    #[cfg(millstream_planted)]
    pub(super) fn mark_of_held(&self, offset: Offset) -> Option<Mark> {
        let payload = self.payloads.get(&offset)?;
        Some(self.mark_of(payload.prepared.key.as_u128(), &payload.batch, payload.index, payload.prepared.head.as_ref()))
    }

    /// The mark of a record that is done.
    #[inline(never)]
    pub(super) fn mark_of(&self, id: u128, batch: &RecordBatch, index: usize, head: Option<&Head>) -> Mark {
        let record = batch.view(index);
        let print = if self.plan.deduplicator.is_some() { of_event(record.value(), head) } else { Fingerprint::default() };
        Mark::new(id, self.partition.partition, record.offset(), print)
    }
}
