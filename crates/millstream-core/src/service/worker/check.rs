//! Owns batches on their way in: admitted to the ledger, prepared record by record, and looked up in the deduplicator as
//! one tight loop.
//!
//! One look-up is under way at a time. While the deduplicator cannot tell, nothing starts (F43): an error is never
//! "duplicate" and never "fresh".

use super::{Payload, STORE_DEADLINE, Worker, within};
use crate::clock::MonoTime;
use crate::contract::{
    AnyDeduplicator, DedupScope, Deduplicator, Error, Fingerprint, Offset, PartitionId, Position, RecordBatch, Seen,
};
use crate::engine::{Backoff, CHECK_LIFE, Hold};
use crate::service::filter::Filtering;
use crate::service::plan::Calls;
use crate::service::prepare::PreparedBatch;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a record claimed elsewhere waits for its next look-up: claims last as long as an attempt.
const CLAIM_PAUSE: Duration = Duration::from_millis(250);

type Looked = (Result<(), Error>, Vec<u128>, Vec<Seen>);
type LookUp = Pin<Box<dyn Future<Output = Looked> + Send>>;

/// A batch whose records may be dispatched.
pub(super) struct Current {
    pub(super) batch: RecordBatch,
    pub(super) prepared: PreparedBatch,
    pub(super) seen: Vec<Seen>,
    pub(super) cursor: usize,
    pub(super) checked: (u64, MonoTime),
    /// The records from the cursor to here are known to be plain.
    plain: usize,
}

impl Current {
    /// The end of the plain records from the cursor on: no poison, not filtered out, and fresh if they are `checked`.
    pub(super) fn plain_end(&mut self, checked: bool) -> usize {
        let first = self.cursor;
        if self.plain <= first {
            self.plain = self.prepared.plain_until(first, self.batch.len());
            if checked {
                let seen = self.seen.get(first..self.plain).unwrap_or_default();
                self.plain = first + seen.iter().position(|seen| *seen != Seen::Fresh).unwrap_or(seen.len());
            }
        }
        self.plain
    }
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
    /// Records claimed elsewhere, and when they are looked up again.
    claimed: Option<(MonoTime, Vec<Offset>)>,
    /// Ids marked since the batch was looked up: they stay under way for the engine until all of it has arrived, since what
    /// was looked up for their twins in it says nothing any more.
    pub(super) marked: Vec<(u128, Offset)>,
    /// Everything below this is delivered or does not exist, once the queue is taken in.
    pub(super) advance_to: Option<Offset>,
    not_before: Option<MonoTime>,
    failures: u32,
    /// Buffers to be used again: keys, answers, prepared records.
    spare: (Vec<u128>, Vec<Seen>, PreparedBatch),
}

impl Checks {
    pub(super) fn new(scope: DedupScope) -> Self {
        Checks {
            scope,
            current: None,
            under_way: None,
            unchecked: false,
            held: Vec::new(),
            claimed: None,
            marked: Vec::new(),
            advance_to: None,
            not_before: None,
            failures: 0,
            spare: Default::default(),
        }
    }

    /// Whose marks are looked up.
    pub(super) fn scope(&self) -> &DedupScope {
        &self.scope
    }

    /// Whether `current` may be dispatched.
    #[inline]
    pub(super) fn is_checked(&self) -> bool {
        !self.unchecked
    }

    /// Whether records are looked up, or about to be.
    pub(super) fn is_asking(&self) -> bool {
        self.under_way.is_some() || !self.held.is_empty()
    }

    /// Takes `current` if it may be dispatched.
    pub(super) fn take_checked(&mut self) -> Option<Current> {
        if self.unchecked { None } else { self.current.take() }
    }

    /// When the next try is due.
    pub(super) fn due(&self) -> Option<MonoTime> {
        let again = self.not_before.filter(|_| self.under_way.is_none());
        [again, self.claimed.as_ref().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    /// Looks a record up again after a pause: asking at once would ask for ever.
    pub(super) fn claimed(&mut self, offset: Offset, now: MonoTime) {
        self.claimed.get_or_insert_with(|| (now.after(CLAIM_PAUSE), Vec::new())).1.push(offset);
    }

    /// Ends a dispatched batch, keeping its buffers for the next.
    #[inline]
    pub(super) fn recycle(&mut self, mut current: Current) {
        current.prepared.clear();
        current.seen.clear();
        self.spare.2 = current.prepared;
        self.spare.1 = current.seen;
    }

    /// Drops what has not started.
    pub(super) fn abandon(&mut self) {
        self.current = None;
        self.under_way = None;
        self.unchecked = false;
        self.held.clear();
        self.claimed = None;
        self.not_before = None;
    }

    /// Where the records lie that are asked for, for a store that claims ids for them.
    fn places(&self, keys: &[u128], asking: &Asking, partition: PartitionId) -> Vec<(u128, Position)> {
        let at = |(key, offset): (&u128, Offset)| (*key, Position { partition, offset });
        match (asking, &self.current) {
            (Asking::Held(offsets), _) => keys.iter().zip(offsets.iter().copied()).map(at).collect(),
            (Asking::Batch, Some(Current { batch, cursor, .. })) => {
                let offsets = (*cursor..batch.len()).map(|index| batch.view(index).offset());
                keys.iter().zip(offsets).map(at).collect()
            }
            (Asking::Batch, None) => Vec::new(),
        }
    }

    fn look_up(
        &mut self,
        dedup: AnyDeduplicator,
        keys: Vec<u128>,
        asking: Asking,
        partition: PartitionId,
        stamp: (u64, MonoTime),
    ) {
        let scope = self.scope.clone();
        let places = dedup.claims().then(|| self.places(&keys, &asking, partition));
        let mut answers = std::mem::take(&mut self.spare.1);
        answers.clear();
        #[cfg(millstream_planted)]
        let marks = self.current.as_ref().map(|current| (current.batch.partition.partition, current.batch.view(0).offset()));
        let future = Box::pin(async move {
            let looked = match places {
                None => within(STORE_DEADLINE, dedup.check(&scope, &keys, &mut answers)).await,
                Some(places) => within(STORE_DEADLINE, dedup.claim(&scope, &places, &mut answers)).await,
            };
            planted!(B04: if let Some((partition, first)) = marks {
                let mark = |(key, offset): (&u128, u64)| crate::contract::Mark::new(*key, partition, offset, Default::default());
                let marks: Vec<_> = keys.iter().zip(first..).map(mark).collect();
                drop(dedup.complete(&scope, &marks, &mut Vec::new()).await);
            });
            (looked, keys, answers)
        });
        self.under_way = Some((future, asking, stamp));
    }
}

impl Worker {
    /// Takes the next batch in, and asks the deduplicator; answers whether anything moved.
    pub(super) fn check(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        if self.checks.current.is_none() && !self.checks.marked.is_empty() {
            for (id, offset) in self.checks.marked.drain(..) {
                self.engine.marked(id, offset);
            }
            moved = true;
        }
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
        if let Some((_, offsets)) = self.checks.claimed.take_if(|(at, _)| *at <= now) {
            self.checks.held.extend(offsets);
        }
        if self.checks.under_way.is_none() && !self.cell.suspect().is_on() && self.checks.not_before.is_none_or(|at| at <= now) {
            moved |= self.ask(dedup, now);
        }
        let asked;
        let Some((future, _, _)) = &mut self.checks.under_way else { return moved };
        let Poll::Ready((looked, mut keys, answers)) = future.as_mut().poll(cx) else { return moved };
        let Some((_, asking, stamp)) = self.checks.under_way.take() else { return moved };
        match (&asking, &mut self.checks.current) {
            (Asking::Batch, Some(current)) if current.prepared.keys.is_empty() => {
                asked = keys.len();
                current.prepared.keys = keys;
            }
            _ => {
                asked = keys.len();
                keys.clear();
                self.checks.spare.0 = keys;
            }
        }
        match looked {
            Ok(()) if answers.len() == asked => {
                if std::mem::take(&mut self.checks.failures) > 0 {
                    self.checks.not_before = None;
                    self.engine.standstill.resume(Hold::Deduplicator, now);
                    self.plan.board.trouble(&self.place("deduplication check"), None);
                }
                self.answered(asking, answers, stamp, now);
            }
            Err(_) if planted!(B12) => {
                let here = self.checks.current.as_ref().map(|current| current.batch.view(0).offset()).unwrap_or_default();
                let at = |index: usize| Position { partition: self.partition.partition, offset: here + index as u64 };
                let done = |index| Seen::Done { at: at(index), fingerprint: Fingerprint::default() };
                let all = (0..asked).map(done).collect();
                self.answered(asking, all, stamp, now);
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
        self.preparer.prepare(&batch, &mut prepared);
        if !self.plan.settings.filter.is_empty() {
            let filter = || Filtering::new(self.plan.settings.filter.clone(), &batch, self.context.clone());
            self.filtering.get_or_insert_with(filter).sift(&batch, &mut prepared);
        }
        if let Calls::Each(make) = &self.plan.calls
            && self.runner.is_none()
        {
            self.runner = Some(make(&batch, self.context.clone()));
        } else if let (Calls::Batch(_, make), Some(batching)) = (&self.plan.calls, &mut self.batching) {
            batching.runner.get_or_insert_with(|| make(&batch, self.context.clone()));
        }
        self.checks.unchecked = self.plan.deduplicator.is_some();
        self.checks.current =
            Some(Current { batch, prepared, seen: Vec::new(), cursor: 0, checked: (0, MonoTime::ZERO), plain: 0 });
    }

    fn ask(&mut self, dedup: AnyDeduplicator, now: MonoTime) -> bool {
        let stamp = (self.cell.suspect().generation(), now);
        let partition = self.partition.partition;
        let mut keys = std::mem::take(&mut self.checks.spare.0);
        if !self.checks.held.is_empty() {
            let mut offsets = std::mem::take(&mut self.checks.held);
            offsets.retain(|offset| self.payloads.contains_key(offset));
            keys.extend(offsets.iter().filter_map(|offset| self.payloads.get(offset)).map(|p| p.prepared.key.as_u128()));
            if !offsets.is_empty() {
                self.checks.look_up(dedup, keys, Asking::Held(offsets), partition, stamp);
                return true;
            }
        }
        let Some(current) = self.checks.current.as_mut() else {
            self.checks.spare.0 = keys;
            return false;
        };
        let (checked, generation) = (current.checked, self.cell.suspect().generation());
        if !self.checks.unchecked && is_fresh(checked, generation, now) {
            self.checks.spare.0 = keys;
            return false;
        }
        // The batch's own column of keys travels into the call and comes back with its answer.
        keys = match current.cursor {
            0 => std::mem::take(&mut current.prepared.keys),
            cursor => {
                keys.extend_from_slice(&current.prepared.keys[cursor..]);
                keys
            }
        };
        self.checks.unchecked = true;
        self.checks.look_up(dedup, keys, Asking::Batch, partition, stamp);
        true
    }

    fn answered(&mut self, asking: Asking, mut answers: Vec<Seen>, stamp: (u64, MonoTime), now: MonoTime) {
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
                    if current.cursor > 0 {
                        answers.splice(0..0, std::iter::repeat_n(Seen::Fresh, current.cursor));
                    }
                    current.seen = answers;
                    current.checked = stamp;
                    current.plain = 0;
                }
                self.checks.unchecked = false;
            }
            Asking::Held(offsets) => {
                for (offset, &seen) in offsets.into_iter().zip(&answers) {
                    self.held_checked(offset, seen, stamp, now);
                }
                self.checks.spare.1 = answers;
            }
        }
    }

    /// Whether a look-up still counts: young enough, and made under today's standing in the group (§4, §8).
    #[inline]
    pub(super) fn is_fresh(&self, (generation, at): (u64, MonoTime), now: MonoTime) -> bool {
        is_fresh((generation, at), self.cell.suspect().generation(), now)
    }

    fn held_checked(&mut self, offset: Offset, seen: Seen, stamp: (u64, MonoTime), now: MonoTime) {
        let replays = matches!(seen, Seen::Done { at, .. } if self.replays(offset, at));
        let Some(payload) = self.payloads.get_mut(&offset) else { return };
        match seen {
            Seen::Done { at, fingerprint } if !replays => {
                let Payload { batch, index, prepared, .. } = payload;
                let (batch, index, head) = (batch.clone(), *index, prepared.head);
                self.settle_done_before(offset, (&batch, index, head.as_ref()), at, fingerprint);
            }
            Seen::Claimed => self.checks.claimed(offset, now),
            Seen::Fresh | Seen::Done { .. } => {
                payload.checked = Some(stamp);
                self.engine.not_started(offset);
            }
        }
    }
}

#[inline]
fn is_fresh((made, at): (u64, MonoTime), generation: u64, now: MonoTime) -> bool {
    made == generation && now.since(at) < CHECK_LIFE
}

#[cfg(test)]
mod tests;
