//! Owns the calls of a batch handler: when one starts, and what its end means for each of its records. Leaves what follows
//! for a record to `ended`, as for single attempts.
//!
//! A call with several records that fails as a whole (a panic, a time-out, an `Err`) says not which record is at fault. It
//! counts no attempt of any, and from then on each of them comes alone: so a record has at most one call more than attempts,
//! and a bad one takes no neighbour with it (I5, I20).

use super::Worker;
use super::batch::Gathered;
use super::dispatch::lane_of;
use crate::clock::MonoTime;
use crate::contract::Offset;
use crate::engine::{Failure, Start};
use crate::handler::{BatchRecord, HandlerError, Outcome};
use crate::service::batch_call::{CallEnd, StartCall};
use crate::service::log_text;
use crate::service::slots::Attempted;
use crate::service::spans::Attempt;
use std::sync::Arc;
use std::task::Poll;

impl Worker {
    /// Starts a call if one is due and may start; answers whether anything moved.
    pub(super) fn call(&mut self, now: MonoTime) -> bool {
        if !self.is_call_due(now) || !self.may_start() {
            return false;
        }
        if self.put_stale_back(now) {
            return true;
        }
        let start = self.breaker_lets_start(now);
        let Some(batching) = &mut self.batching else { return false };
        let records = match (start, batching.alone.pop_front()) {
            (Start::No, alone) => {
                alone.into_iter().for_each(|alone| batching.alone.push_front(alone));
                return false;
            }
            (_, Some(alone)) => vec![alone],
            (Start::Yes, None) => batching.take(),
            (Start::Probe, None) => vec![batching.take_first()],
        };
        if start == Start::Probe {
            self.probing = records.first().map(|record| record.offset);
        }
        self.start_call(&records, now);
        true
    }

    fn is_call_due(&self, now: MonoTime) -> bool {
        let Some(batching) = &self.batching else { return false };
        // One at a time there is no company to wait for.
        let careful = !self.quarantine.is_idle();
        // Nor where the window is full of those that wait for a key that is in it.
        let full = self.checks.current.is_none() && self.totals.0 - self.totals.1 >= self.plan.settings.in_flight_records;
        let alone = (careful || full) && !batching.gathered.is_empty();
        alone || !batching.alone.is_empty() || batching.is_due(now)
    }

    /// Looks records up again that have waited too long since, or through a doubt (I7); answers whether there were any.
    fn put_stale_back(&mut self, now: MonoTime) -> bool {
        if self.plan.deduplicator.is_none() {
            return false;
        }
        let Some(mut batching) = self.batching.take() else { return false };
        let mut stale: Vec<Offset> = Vec::new();
        let mut keep = |record: &Gathered| {
            let checked = self.payloads.get(&record.offset).and_then(|payload| payload.checked);
            let fresh = checked.is_some_and(|checked| self.is_fresh(checked, now));
            if !fresh {
                stale.push(record.offset);
            }
            fresh
        };
        batching.retain(&mut keep);
        self.batching = Some(batching);
        for &offset in &stale {
            self.quarantine.put_back(offset);
            self.engine.not_started(offset);
        }
        !stale.is_empty()
    }

    fn start_call(&mut self, gathered: &[Gathered], now: MonoTime) {
        let Some(slot) = self.slots.peek() else { return };
        let (mut records, mut offsets) = (Vec::with_capacity(gathered.len()), Vec::with_capacity(gathered.len()));
        for &Gathered { offset, attempt, .. } in gathered {
            if attempt > 1 {
                self.engine.starts(offset, now);
            }
            let Some(payload) = self.payloads.get(&offset) else { continue };
            payload.starts_again(&mut self.counts, &self.plan);
            let (record, prepared) = (payload.batch.share(payload.index), &payload.prepared);
            records.push(BatchRecord { record, key: prepared.key, head: prepared.head, attempt });
            offsets.push(offset);
        }
        let records: Arc<[BatchRecord]> = records.into();
        let traced = Attempt::begin_call(&self.plan, &self.partition, &records);
        let stamp = self.stamp();
        let Some(runner) = self.batching.as_mut().and_then(|batching| batching.runner.as_mut()) else { return };
        let began = self.plan.meters.as_ref().map(|_| self.plan.clock.now());
        match runner.start(slot, StartCall { records, stamp, traced }, self.slots.waker(slot)) {
            Poll::Ready(end) => {
                began.into_iter().for_each(|began| self.measured(began, 1));
                self.call_ended(&offsets, end, now);
            }
            Poll::Pending => {
                let first = offsets.first().copied().unwrap_or_default();
                self.slots.take(slot, first, now, now.after(self.plan.settings.timeout));
                if let Some(batching) = &mut self.batching {
                    batching.calls.insert(slot, offsets);
                }
            }
        }
    }

    /// Polls a call that was woken.
    #[cold]
    pub(super) fn poll_call(&mut self, slot: usize, now: MonoTime) {
        let Some(batching) = &mut self.batching else { return };
        let Some(runner) = &mut batching.runner else { return };
        let Poll::Ready(end) = runner.poll(slot, self.slots.waker(slot)) else { return };
        let offsets = batching.calls.remove(&slot).unwrap_or_default();
        let began = self.slots.began(slot);
        self.slots.give_back(slot);
        self.measured(began, 1);
        self.call_ended(&offsets, end, now);
    }

    /// A call took too long, and is dropped.
    #[cold]
    pub(super) fn call_expired(&mut self, slot: usize, now: MonoTime) {
        let began = self.slots.began(slot);
        let offsets = self.drop_call(slot, "timeout");
        self.slots.give_back(slot);
        self.measured(began, 1);
        self.counts.timeouts += 1;
        let why = format!("the call took longer than {:?}", self.plan.settings.timeout);
        self.call_ended(&offsets, Err(HandlerError::of(Failure::TimedOut, why.into())), now);
    }

    /// Drops a call, and answers whose it was.
    pub(super) fn drop_call(&mut self, slot: usize, why: &'static str) -> Vec<Offset> {
        let Some(batching) = &mut self.batching else { return Vec::new() };
        if let Some(runner) = &mut batching.runner {
            runner.clear(slot, why);
        }
        batching.calls.remove(&slot).unwrap_or_default()
    }

    fn call_ended(&mut self, offsets: &[Offset], end: CallEnd, now: MonoTime) {
        let mut called = match (end, offsets) {
            (Ok(called), _) => called,
            (Err(error), &[offset]) => return self.failed(offset, error, now),
            (Err(error), _) => return self.sort_out(offsets, error, now),
        };
        if called.answers.reach() > offsets.len() {
            tracing::warn!(partition = %self.partition, handler = %self.plan.handler, "a batch handler answered for a record that was not in its batch");
        }
        let mut rejected = std::mem::take(&mut called.rejected).into_iter().peekable();
        for (index, &offset) in offsets.iter().enumerate() {
            let answer = match rejected.next_if(|(at, _)| *at == index) {
                Some((_, why)) => Err(why),
                None => called.answers.take(index),
            };
            let mut outputs = || {
                self.sink.owner = self.tail.next_owner();
                called.outputs.emitted(index).map_or(0, |outputs| self.sink.take_over(outputs))
            };
            let attempted = match answer {
                Ok(Outcome::Done) => Attempted::Done(outputs()),
                Ok(Outcome::Skip(_)) => Attempted::Skipped(outputs()),
                Ok(Outcome::Defer(until, why)) => Attempted::Deferred(until, why),
                Err(error) => Attempted::Failed(error),
            };
            self.attempted(offset, attempted, now);
        }
        if let Some(runner) = self.batching.as_mut().and_then(|batching| batching.runner.as_mut()) {
            runner.rest(called.outputs);
        }
    }

    /// A call with several records failed as a whole: each comes alone, and nothing was an attempt.
    fn sort_out(&mut self, offsets: &[Offset], error: HandlerError, now: MonoTime) {
        self.counts.failures += 1;
        let (error, retry) = self.plan.rules.judge(error);
        let passing = matches!(error.failure(), Failure::Transient | Failure::TimedOut);
        if passing {
            self.breaker_failed(&error, now);
        }
        // What may pass gets the time to: at once, all of them would meet what the call has met.
        let entropy = self.entropy();
        let wait = passing.then(|| retry.unwrap_or(self.plan.retry).backoff.delay(1, entropy).max(error.not_before()));
        for &offset in offsets {
            let Some(payload) = self.payloads.get_mut(&offset) else { continue };
            payload.alone = true;
            self.quarantine.put_back(offset);
            match wait {
                Some(wait) => {
                    let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
                    self.engine.deferred(offset, id, lane, now.after(wait), now);
                }
                None => self.engine.not_started(offset),
            }
        }
        tracing::warn!(
            partition = %self.partition, handler = %self.plan.handler, records = offsets.len(), error = log_text(&error),
            "a call failed as a whole, and its records come one by one"
        );
    }
}
