//! Owns the tail behind the handlers: outputs are confirmed, then ids marked, then offsets settled. Batched and pipelined.
//! Leaves the calls that mark, and what settles with them, to `marking`.
//!
//! A mark before its outputs are confirmed would be a lie that loses the outputs (B43, B67); so a record moves on only when
//! the last of its outputs is acknowledged.

mod marking;

use super::Worker;
use crate::clock::MonoTime;
use crate::contract::{DedupScope, Error, Mark, Offset};
use crate::handler::HandlerError;
use crate::service::cell::Ack;
use crate::service::table::Owner;
use marking::Marking;
use std::collections::BTreeMap;
use std::ops::Range;

/// A record whose handler has succeeded.
#[derive(Clone, Copy, Debug)]
struct TailRecord {
    mark: Mark,
    pending: u32,
    skipped: bool,
    /// Whether the last of what is pending is its entry, which goes out behind the outputs.
    kept: bool,
}

/// Records with nothing left but to be marked and settled.
#[derive(Default)]
struct Confirmed {
    marks: Vec<Mark>,
    skipped: u64,
}

/// Records handed over together, until all their outputs are answered.
struct Generation {
    records: Vec<TailRecord>,
    left: usize,
}

/// The tail of one worker.
pub(super) struct Tail {
    scope: DedupScope,
    finished: Vec<TailRecord>,
    generations: BTreeMap<u64, Generation>,
    next_generation: u64,
    confirmed: Confirmed,
    marking: Option<Marking>,
    not_before: Option<MonoTime>,
    failures: u32,
    /// Outputs handed over and not answered yet, and entries not written.
    pub(super) owed: usize,
    /// Their bytes, as far as handed over together.
    pub(super) owed_bytes: usize,
    /// Those of them, and their bytes, that are entries of records which are finished and not handed over.
    entries: (usize, usize),
    spare: (Vec<TailRecord>, Vec<Mark>, Vec<Range<Offset>>),
}

impl Tail {
    pub(super) fn new(scope: DedupScope) -> Self {
        Tail {
            scope,
            finished: Vec::new(),
            generations: BTreeMap::new(),
            next_generation: 1,
            confirmed: Confirmed::default(),
            marking: None,
            not_before: None,
            failures: 0,
            owed: 0,
            owed_bytes: 0,
            entries: (0, 0),
            spare: Default::default(),
        }
    }

    /// The number under which the next finished record owns its outputs.
    #[inline]
    pub(super) fn next_owner(&self) -> u32 {
        self.finished.len() as u32
    }

    /// The handlers of `count` records have succeeded without an output, so many of them with nothing to do. Answers where
    /// their marks are to be put.
    #[inline]
    pub(super) fn done(&mut self, count: usize, skipped: u64) -> &mut Vec<Mark> {
        self.confirmed.skipped += skipped;
        self.confirmed.marks.reserve(count);
        &mut self.confirmed.marks
    }

    /// A record's handler has succeeded, with so many outputs.
    pub(super) fn push(&mut self, mark: Mark, outputs: u32, skipped: bool) {
        planted!(B43: self.confirmed.marks.push(mark));
        let outputs = if planted!(B67) { outputs.min(1) } else { outputs };
        if outputs == 0 {
            self.confirmed.marks.push(mark);
            self.confirmed.skipped += u64::from(skipped);
        } else {
            self.finished.push(TailRecord { mark, pending: outputs, skipped, kept: false });
        }
    }

    /// As [`push`](Self::push), of a record whose entry of so many bytes is to be written too; answers who owns it.
    pub(super) fn push_kept(&mut self, mark: Mark, outputs: u32, skipped: bool, bytes: usize) -> Owner {
        let owner = (self.next_generation, self.next_owner());
        self.finished.push(TailRecord { mark, pending: outputs + 1, skipped, kept: true });
        // Owed from now on, not from the hand-over on: what has an outlet is asked before each start.
        (self.owed, self.owed_bytes) = (self.owed + 1, self.owed_bytes + bytes);
        self.entries = (self.entries.0 + 1, self.entries.1 + bytes);
        owner
    }

    /// How many finished records have not been handed on.
    #[inline]
    pub(super) fn finished(&self) -> usize {
        self.finished.len()
    }

    /// The generations below this are handed over.
    #[inline]
    pub(super) fn handed_over(&self) -> u64 {
        self.next_generation
    }

    /// Whether outputs are owed.
    pub(super) fn owes(&self) -> bool {
        !self.generations.is_empty()
    }

    /// Whether nothing is behind the handlers any more.
    pub(super) fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.generations.is_empty() && self.confirmed.marks.is_empty() && self.marking.is_none()
    }

    /// When the next try to mark is due.
    pub(super) fn due(&self) -> Option<MonoTime> {
        self.not_before.filter(|_| self.marking.is_none() && !self.confirmed.marks.is_empty())
    }

    /// Forgets outputs that will not be answered in time.
    pub(super) fn abandon_outputs(&mut self) {
        self.finished.clear();
        self.generations.clear();
        self.entries = (0, 0);
        (self.owed, self.owed_bytes) = (0, 0);
    }
}

impl Worker {
    /// Hands the outputs of finished records over and moves those without on; answers whether anything moved.
    pub(super) fn hand_over(&mut self) -> bool {
        if self.tail.finished.is_empty() || !self.cell.may_hand_over() {
            return false;
        }
        let generation = self.tail.next_generation;
        self.tail.next_generation += 1;
        let records = std::mem::replace(&mut self.tail.finished, std::mem::take(&mut self.tail.spare.0));
        let tail = &mut self.tail;
        tail.entries = (0, 0);
        tail.owed += self.sink.len();
        tail.owed_bytes += self.sink.bytes();
        let left = records.len();
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
    pub(super) fn take_acks(&mut self, now: MonoTime) {
        let mut acks = std::mem::take(&mut self.acks);
        self.cell.take_acks(&mut acks);
        for ack in acks.drain(..) {
            self.acknowledged(ack, now);
        }
        self.acks = acks;
    }

    pub(super) fn acknowledged(&mut self, ack: Ack, now: MonoTime) {
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
                if record.kept
                    && let Some(table) = &mut self.table
                {
                    table.refused.insert(record.mark.at.offset, (ack.generation, ack.owners[index]));
                }
                refused.push((record.mark.at.offset, record.mark.key, error));
            }
        }
        for owner in ack.owners {
            let record = &mut generation.records[owner as usize];
            if record.pending == u32::MAX || record.pending == 0 {
                continue;
            }
            record.pending -= 1;
            if record.pending == 1
                && record.kept
                && let Some(table) = &mut self.table
            {
                table.writes.ready((ack.generation, owner));
            }
            if record.pending == 0 {
                generation.left -= 1;
                tail.confirmed.marks.push(record.mark);
                tail.confirmed.skipped += u64::from(record.skipped);
            }
        }
        if generation.left == 0 {
            if let Some(mut done) = tail.generations.remove(&ack.generation) {
                done.records.clear();
                tail.spare.0 = done.records;
            }
            if tail.generations.is_empty() {
                (tail.owed, tail.owed_bytes) = tail.entries;
            }
        }
        for (offset, id, error) in refused {
            self.output_refused(offset, id, &error, now);
        }
    }

    fn output_refused(&mut self, offset: Offset, id: u128, error: &Error, _now: MonoTime) {
        let Some((batch, index)) = self.open.find(offset) else { return };
        let prepared = self.preparer.prepare_one(batch.view(index));
        let mut payload = super::Payload::new(batch, index, prepared, None);
        let why = HandlerError::permanent(format!("an output was refused: {error}"));
        payload.failure = Some((String::from("output-refused"), why.to_string()));
        payload.log_text = crate::service::quote(&why.to_string());
        payload.attempts = 1;
        self.payloads.insert(offset, payload);
        self.engine.refused(offset, id);
        self.write_letter(offset, crate::contract::DeadLetterReason::OutputRefused);
    }
}

#[cfg(test)]
mod tests;
