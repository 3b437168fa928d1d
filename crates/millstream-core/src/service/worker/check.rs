//! Owns batches on their way in: admitted to the ledger, prepared record by record, and looked up in the deduplicator as
//! one tight loop.
//!
//! One look-up is under way at a time. While the deduplicator cannot tell, nothing starts (F43): an error is never
//! "duplicate" and never "fresh".

use super::{Payload, Worker};
use crate::clock::MonoTime;
use crate::contract::{AnyDeduplicator, DedupScope, Deduplicator, Error, Offset, RecordBatch, Seen};
use crate::engine::{Backoff, CHECK_LIFE, Hold};
use crate::service::prepare::Prepared;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

type Looked = (Result<(), Error>, Vec<u128>, Vec<Seen>);
type LookUp = Pin<Box<dyn Future<Output = Looked> + Send>>;

/// A batch whose records may be dispatched.
pub(super) struct Current {
    pub(super) batch: RecordBatch,
    pub(super) prepared: Vec<Prepared>,
    pub(super) seen: Vec<Seen>,
    pub(super) cursor: usize,
    pub(super) checked: (u64, MonoTime),
}

/// What a look-up under way is for.
enum Asking {
    /// The rest of a batch, from its cursor.
    Batch,
    /// Held records whose last look-up is too old or was before their twin's end.
    Held(Vec<Offset>),
}

/// Look-ups of one worker.
pub(super) struct Checks {
    scope: DedupScope,
    pub(super) current: Option<Current>,
    under_way: Option<(LookUp, Asking, (u64, MonoTime))>,
    /// Whether `current` awaits its look-up.
    unchecked: bool,
    pub(super) held: Vec<Offset>,
    /// Marked since `current` was looked up: their ids stay taken until it is dispatched, for its answers know nothing of
    /// these marks.
    marked: Vec<(u128, Offset)>,
    /// Everything below this is delivered or does not exist, once the queue is taken in.
    pub(super) advance_to: Option<Offset>,
    not_before: Option<MonoTime>,
    failures: u32,
    /// Buffers to be used again: keys, answers, prepared records, what was seen.
    spare: (Vec<u128>, Vec<Seen>, Vec<Prepared>, Vec<Seen>),
}

impl Checks {
    pub(super) fn new(scope: DedupScope) -> Self {
        Checks {
            scope,
            current: None,
            under_way: None,
            unchecked: false,
            held: Vec::new(),
            marked: Vec::new(),
            advance_to: None,
            not_before: None,
            failures: 0,
            spare: Default::default(),
        }
    }

    /// Whether `current` may be dispatched.
    #[inline]
    pub(super) fn is_checked(&self) -> bool {
        !self.unchecked
    }

    /// When the next try is due.
    pub(super) fn due(&self) -> Option<MonoTime> {
        self.not_before.filter(|_| self.under_way.is_none())
    }

    /// Ends a dispatched batch, keeping its buffers for the next.
    #[inline]
    pub(super) fn recycle(&mut self, mut current: Current) {
        current.prepared.clear();
        current.seen.clear();
        self.spare.2 = current.prepared;
        self.spare.3 = current.seen;
    }

    /// Drops what has not started.
    pub(super) fn abandon(&mut self) {
        self.current = None;
        self.under_way = None;
        self.unchecked = false;
        self.held.clear();
        self.marked.clear();
        self.not_before = None;
    }

    fn look_up(&mut self, dedup: AnyDeduplicator, keys: Vec<u128>, asking: Asking, stamp: (u64, MonoTime)) {
        let scope = self.scope.clone();
        let mut answers = std::mem::take(&mut self.spare.1);
        answers.clear();
        let future = Box::pin(async move {
            let looked = dedup.check(&scope, &keys, &mut answers).await;
            (looked, keys, answers)
        });
        self.under_way = Some((future, asking, stamp));
    }
}

impl Worker {
    /// Takes the next batch in, and asks the deduplicator; answers whether anything moved.
    pub(super) fn check(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        if self.checks.current.is_none()
            && self.drain.is_none()
            && let Some((batch, bytes)) = self.queue.pop_front()
        {
            self.admit(batch, bytes);
            moved = true;
        }
        let Some(dedup) = self.plan.deduplicator.clone() else {
            self.checks.unchecked = false;
            return moved;
        };
        if self.checks.under_way.is_none() && !self.cell.suspect().is_on() && self.checks.not_before.is_none_or(|at| at <= now) {
            moved |= self.ask(dedup, now);
        }
        let Some((future, _, _)) = &mut self.checks.under_way else { return moved };
        let Poll::Ready((looked, mut keys, answers)) = future.as_mut().poll(cx) else { return moved };
        let Some((_, asking, stamp)) = self.checks.under_way.take() else { return moved };
        match looked {
            Ok(()) if answers.len() == keys.len() => {
                if std::mem::take(&mut self.checks.failures) > 0 {
                    self.checks.not_before = None;
                    self.engine.standstill.resume(Hold::Deduplicator, now);
                    self.plan.board.trouble(&self.place("deduplication check"), None);
                }
                self.answered(asking, &answers, stamp, now);
                self.checks.spare.1 = answers;
            }
            failed => {
                let why =
                    failed.err().map_or_else(|| String::from("the deduplicator left answers out"), |error| error.to_string());
                self.checks.failures = self.checks.failures.saturating_add(1);
                let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
                let entropy = self.entropy();
                self.checks.not_before = Some(now.after(backoff.delay(self.checks.failures, entropy)));
                self.engine.standstill.pause(Hold::Deduplicator, now);
                self.plan.board.trouble(&self.place("deduplication check"), Some(why));
                if let Asking::Held(offsets) = asking {
                    self.checks.held.extend(offsets);
                }
            }
        }
        keys.clear();
        self.checks.spare.0 = keys;
        true
    }

    fn admit(&mut self, batch: RecordBatch, bytes: u64) {
        let (first, last) = (batch.view(0).offset(), batch.view(batch.len() - 1).offset());
        let count = batch.len() as u64;
        if last - first + 1 == count {
            self.engine.admit_run(first..last + 1);
        } else {
            for record in batch.iter() {
                self.engine.admit(record.offset());
            }
        }
        self.engine.advance(batch.next);
        self.counts.delivered += count;
        self.totals.0 += count;
        self.open.admit(&batch, bytes);
        let mut prepared = std::mem::take(&mut self.checks.spare.2);
        prepared.reserve(batch.len());
        for record in batch.iter() {
            prepared.push(self.preparer.prepare(record));
        }
        if self.runner.is_none() {
            self.runner = Some((self.plan.make_runner)(&batch, self.context.clone()));
        }
        let seen = std::mem::take(&mut self.checks.spare.3);
        self.checks.unchecked = self.plan.deduplicator.is_some();
        self.checks.current = Some(Current { batch, prepared, seen, cursor: 0, checked: (0, MonoTime::ZERO) });
    }

    fn ask(&mut self, dedup: AnyDeduplicator, now: MonoTime) -> bool {
        let stamp = (self.cell.suspect().generation(), now);
        let mut keys = std::mem::take(&mut self.checks.spare.0);
        if !self.checks.held.is_empty() {
            let mut offsets = std::mem::take(&mut self.checks.held);
            offsets.retain(|offset| self.payloads.contains_key(offset));
            keys.extend(offsets.iter().filter_map(|offset| self.payloads.get(offset)).map(|p| p.prepared.key.as_u128()));
            if !offsets.is_empty() {
                self.checks.look_up(dedup, keys, Asking::Held(offsets), stamp);
                return true;
            }
        }
        let Some(current) = self.checks.current.as_ref() else {
            self.checks.spare.0 = keys;
            return false;
        };
        if !self.checks.unchecked && self.is_fresh(current.checked, now) {
            self.checks.spare.0 = keys;
            return false;
        }
        keys.extend(current.prepared[current.cursor..].iter().map(|prepared| prepared.key.as_u128()));
        self.checks.unchecked = true;
        self.checks.look_up(dedup, keys, Asking::Batch, stamp);
        true
    }

    fn answered(&mut self, asking: Asking, answers: &[Seen], stamp: (u64, MonoTime), now: MonoTime) {
        if !self.is_fresh(stamp, now) {
            // Made before a suspicion: it says nothing about now.
            if let Asking::Held(offsets) = asking {
                self.checks.held.extend(offsets);
            }
            return;
        }
        match asking {
            Asking::Batch => {
                if let Some(current) = &mut self.checks.current {
                    current.seen.truncate(current.cursor);
                    current.seen.resize(current.cursor, Seen::Fresh);
                    current.seen.extend_from_slice(answers);
                    current.checked = stamp;
                }
                self.checks.unchecked = false;
            }
            Asking::Held(offsets) => {
                for (offset, &seen) in offsets.into_iter().zip(answers) {
                    self.held_checked(offset, seen, stamp);
                }
            }
        }
    }

    /// The marks of records are applied: those with their ids may be looked up again, once no older answer is in use.
    pub(super) fn marked(&mut self, count: usize, records: impl Iterator<Item = (u128, Offset)>) {
        if self.checks.current.is_some() {
            self.checks.marked.extend(records);
        } else if !self.engine.marked_all(count) {
            records.for_each(|(id, offset)| self.engine.marked(id, offset));
        }
    }

    /// The answers that knew nothing of some marks are used up.
    #[inline]
    pub(super) fn release_marked(&mut self) {
        for (id, offset) in self.checks.marked.drain(..) {
            self.engine.marked(id, offset);
        }
    }

    /// Whether a look-up still counts: young enough, and made under today's standing in the group (§4, §8).
    #[inline]
    pub(super) fn is_fresh(&self, (generation, at): (u64, MonoTime), now: MonoTime) -> bool {
        generation == self.cell.suspect().generation() && now.since(at) < CHECK_LIFE
    }

    fn held_checked(&mut self, offset: Offset, seen: Seen, stamp: (u64, MonoTime)) {
        let Some(payload) = self.payloads.get_mut(&offset) else { return };
        match seen {
            Seen::Done { at, fingerprint } => {
                let Payload { batch, index, .. } = payload;
                let (batch, index) = (batch.clone(), *index);
                self.settle_done_before(offset, &batch, index, at, fingerprint);
            }
            Seen::Claimed => self.checks.held.push(offset),
            Seen::Fresh => {
                payload.checked = Some(stamp);
                self.engine.not_started(offset);
            }
        }
    }
}
