//! Owns the tail behind the handlers: outputs are confirmed, then ids marked, then offsets settled. Batched and pipelined.
//!
//! A mark before its outputs are confirmed would be a lie that loses the outputs (B43, B67); so a record moves on only when
//! the last of its outputs is acknowledged.

use super::Worker;
use crate::clock::MonoTime;
use crate::contract::{DedupScope, Deduplicator, Error, Fingerprint, Mark, Marked, Offset};
use crate::engine::{Backoff, Hold};
use crate::handler::HandlerError;
use crate::service::cell::Ack;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A record whose handler has succeeded.
#[derive(Clone, Copy, Debug)]
struct TailRecord {
    id: u128,
    offset: Offset,
    print: Fingerprint,
    pending: u32,
    skipped: bool,
}

/// Records handed over together, until all their outputs are answered.
struct Generation {
    records: Vec<TailRecord>,
    left: usize,
}

type Marking = Pin<Box<dyn Future<Output = (Result<(), Error>, Vec<Mark>)> + Send>>;

/// The tail of one worker.
pub(super) struct Tail {
    scope: DedupScope,
    finished: Vec<TailRecord>,
    generations: BTreeMap<u64, Generation>,
    next_generation: u64,
    confirmed: Vec<TailRecord>,
    marking: Option<(Marking, Vec<TailRecord>)>,
    not_before: Option<MonoTime>,
    failures: u32,
    /// Outputs handed over and not answered yet.
    pub(super) owed: usize,
    /// Their bytes, as far as handed over together.
    pub(super) owed_bytes: usize,
    spare: (Vec<TailRecord>, Vec<Mark>),
}

impl Tail {
    pub(super) fn new(scope: DedupScope) -> Self {
        Tail {
            scope,
            finished: Vec::new(),
            generations: BTreeMap::new(),
            next_generation: 1,
            confirmed: Vec::new(),
            marking: None,
            not_before: None,
            failures: 0,
            owed: 0,
            owed_bytes: 0,
            spare: Default::default(),
        }
    }

    /// The number under which the next finished record owns its outputs.
    #[inline]
    pub(super) fn next_owner(&self) -> u32 {
        self.finished.len() as u32
    }

    /// A record's handler has succeeded, with so many outputs.
    #[inline]
    pub(super) fn push(&mut self, offset: Offset, id: u128, print: Fingerprint, outputs: u32, skipped: bool) {
        self.finished.push(TailRecord { id, offset, print, pending: outputs, skipped });
    }

    /// How many finished records have not been handed on.
    #[inline]
    pub(super) fn finished(&self) -> usize {
        self.finished.len()
    }

    /// Whether outputs are owed.
    pub(super) fn owes(&self) -> bool {
        !self.generations.is_empty()
    }

    /// Whether nothing is behind the handlers any more.
    pub(super) fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.generations.is_empty() && self.confirmed.is_empty() && self.marking.is_none()
    }

    /// When the next try to mark is due.
    pub(super) fn due(&self) -> Option<MonoTime> {
        self.not_before.filter(|_| self.marking.is_none() && !self.confirmed.is_empty())
    }

    /// Forgets outputs that will not be answered in time.
    pub(super) fn abandon_outputs(&mut self) {
        self.finished.retain(|record| record.pending == 0);
        self.generations.clear();
        (self.owed, self.owed_bytes) = (0, 0);
    }

    /// Takes everything confirmed but not marked, the call under way included.
    fn take_unmarked(&mut self) -> Vec<TailRecord> {
        let mut records = self.marking.take().map_or_else(Vec::new, |(_, records)| records);
        records.append(&mut self.confirmed);
        records.append(&mut self.finished);
        records
    }
}

impl Worker {
    /// Hands the outputs of finished records over and moves those without on; answers whether anything moved.
    pub(super) fn hand_over(&mut self) -> bool {
        if self.tail.finished.is_empty() || !self.cell.may_hand_over() {
            return false;
        }
        if self.sink.len() == 0 {
            if self.tail.confirmed.is_empty() {
                std::mem::swap(&mut self.tail.finished, &mut self.tail.confirmed);
            } else {
                let tail = &mut self.tail;
                tail.confirmed.append(&mut tail.finished);
            }
            return true;
        }
        let generation = self.tail.next_generation;
        self.tail.next_generation += 1;
        let records = std::mem::replace(&mut self.tail.finished, std::mem::take(&mut self.tail.spare.0));
        let tail = &mut self.tail;
        tail.owed += self.sink.len();
        tail.owed_bytes += self.sink.bytes();
        tail.confirmed.extend(records.iter().filter(|record| record.pending == 0));
        let left = records.iter().filter(|record| record.pending > 0).count();
        tail.generations.insert(generation, Generation { records, left });
        let (plan, cell) = (&self.plan, &self.cell);
        let mut unsent = Vec::new();
        self.sink.hand_over(|namespace, handed| match (plan.outbox)(namespace) {
            Some(outbox) => outbox.hand_over(cell.clone(), plan.counters.clone(), generation, handed),
            None => unsent.push(handed.owners),
        });
        for owners in unsent {
            // `build()` refuses such a service; a plan without a producer cannot emit.
            let error = || {
                crate::contract::Error::new(
                    crate::contract::ErrorKind::Configuration,
                    crate::contract::Operation::Send,
                    "the service has no producer",
                )
            };
            let refused = (0..owners.len()).map(|index| (index, error())).collect();
            self.cell.answer(Ack { generation, owners, refused });
        }
        true
    }

    /// Takes the outboxes' answers; answers whether there were any.
    pub(super) fn take_acks(&mut self, now: MonoTime) -> bool {
        let mut acks = std::mem::take(&mut self.acks);
        self.cell.take_acks(&mut acks);
        let moved = !acks.is_empty();
        for ack in acks.drain(..) {
            self.acknowledged(ack, now);
        }
        self.acks = acks;
        moved
    }

    fn acknowledged(&mut self, ack: Ack, now: MonoTime) {
        let tail = &mut self.tail;
        let Some(generation) = tail.generations.get_mut(&ack.generation) else { return };
        tail.owed = tail.owed.saturating_sub(ack.owners.len());
        let mut refused = Vec::new();
        for (index, error) in ack.refused {
            let record = &mut generation.records[ack.owners[index] as usize];
            if record.pending != u32::MAX {
                // The record is a dead letter now, whatever becomes of its other outputs.
                record.pending = u32::MAX;
                generation.left -= 1;
                refused.push((record.offset, record.id, error));
            }
        }
        for owner in ack.owners {
            let record = &mut generation.records[owner as usize];
            if record.pending == u32::MAX || record.pending == 0 {
                continue;
            }
            record.pending -= 1;
            if record.pending == 0 {
                generation.left -= 1;
                tail.confirmed.push(*record);
            }
        }
        if generation.left == 0 {
            if let Some(mut done) = tail.generations.remove(&ack.generation) {
                done.records.clear();
                tail.spare.0 = done.records;
            }
            if tail.generations.is_empty() {
                (tail.owed, tail.owed_bytes) = (0, 0);
            }
        }
        for (offset, id, error) in refused {
            self.output_refused(offset, id, &error, now);
        }
    }

    fn output_refused(&mut self, offset: Offset, id: u128, error: &Error, _now: MonoTime) {
        let Some((batch, index)) = self.open.find(offset) else { return };
        let prepared = self.preparer.prepare(batch.view(index));
        let mut payload = super::Payload::new(batch, index, prepared, None);
        let why = HandlerError::permanent(format!("an output was refused: {error}"));
        payload.failure = Some((String::from("output-refused"), why.to_string()));
        payload.attempts = 1;
        self.payloads.insert(offset, payload);
        self.engine.refused(offset, id);
        self.write_letter(offset, crate::contract::DeadLetterReason::OutputRefused);
    }

    /// Marks what is confirmed, and settles what is marked; answers whether anything moved.
    pub(super) fn mark(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let Some(dedup) = &self.plan.deduplicator else {
            if self.tail.confirmed.is_empty() {
                return false;
            }
            let records = std::mem::take(&mut self.tail.confirmed);
            self.settle_all(records);
            return true;
        };
        let tail = &mut self.tail;
        let may = tail.not_before.is_none_or(|at| at <= now) && self.cell.may_hand_over();
        if tail.marking.is_none() && !tail.confirmed.is_empty() && may {
            let mut marks = std::mem::take(&mut tail.spare.1);
            let partition = self.partition.partition;
            marks.extend(tail.confirmed.iter().map(|r| Mark::new(r.id, partition, r.offset, r.print)));
            let (scope, dedup) = (tail.scope.clone(), dedup.clone());
            let marking = Box::pin(async move {
                let mut met: Vec<Marked> = Vec::new();
                let result = dedup.complete(&scope, &marks, &mut met).await;
                (result, marks)
            });
            tail.marking = Some((marking, std::mem::take(&mut tail.confirmed)));
            moved = true;
        }
        let Some((marking, _)) = &mut tail.marking else { return moved };
        let Poll::Ready((result, mut marks)) = marking.as_mut().poll(cx) else { return moved };
        let Some((_, records)) = tail.marking.take() else { return moved };
        marks.clear();
        tail.spare.1 = marks;
        match result {
            Ok(()) => {
                if std::mem::take(&mut tail.failures) > 0 {
                    tail.not_before = None;
                    self.engine.standstill.resume(Hold::Deduplicator, now);
                    self.plan.board.trouble(&self.place("deduplication mark"), None);
                }
                self.marked(records.len(), records.iter().map(|record| (record.id, record.offset)));
                self.settle_all(records);
            }
            Err(error) => {
                // The store is down: settlement waits, which is back-pressure. Marking again is safe (D4).
                tail.failures = tail.failures.saturating_add(1);
                let failures = tail.failures;
                let mut records = records;
                records.append(&mut tail.confirmed);
                tail.confirmed = records;
                let entropy = self.entropy();
                let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
                self.tail.not_before = Some(now.after(backoff.delay(failures, entropy)));
                self.engine.standstill.pause(Hold::Deduplicator, now);
                self.plan.board.trouble(&self.place("deduplication mark"), Some(error.to_string()));
            }
        }
        true
    }

    /// Settles records run by run.
    fn settle_all(&mut self, mut records: Vec<TailRecord>) {
        let mut skipped = 0;
        let mut at = 0;
        while at < records.len() {
            let first = records[at].offset;
            let mut end = first;
            while at < records.len() && records[at].offset == end {
                skipped += u64::from(records[at].skipped);
                end += 1;
                at += 1;
            }
            let engine = &mut self.engine;
            let freed = self.open.settle(first..end, |run| engine.settle(run));
            self.freed(freed);
        }
        if !self.quarantine.is_idle() {
            for record in &records {
                self.out_of_quarantine(record.offset);
            }
        }
        self.counts.skipped += skipped;
        self.counts.done += records.len() as u64 - skipped;
        self.breaker.succeeded_many(records.len() as u64);
        records.clear();
        if self.tail.confirmed.capacity() == 0 {
            self.tail.confirmed = records;
        }
    }

    /// The end of a grace: settles what is confirmed though its mark is unknown. The commit protects better than the mark.
    pub(super) fn settle_unmarked(&mut self) {
        let records = self.tail.take_unmarked();
        if self.plan.deduplicator.is_some() {
            self.counts.marks_missing += records.len() as u64;
        }
        self.settle_all(records);
    }

    /// Takes note of what left the window.
    #[inline]
    pub(super) fn freed(&mut self, (records, bytes): (u64, u64)) {
        self.totals.1 += records;
        self.totals.2 += bytes;
    }
}
