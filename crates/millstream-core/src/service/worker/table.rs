//! Owns the worker's part in keeping a table: an attempt is lent its key's entry, what became of it is taken over, and it goes
//! out behind its outputs. Leaves what is kept, and its way into the topic, to `service::table`.

use super::Worker;
use crate::clock::MonoTime;
use crate::contract::{AnyProducer, Mark, Offset, Position, RecordBatch, Seen, TopicPartition};
use crate::engine::{Backoff, Failure};
use crate::handler::{HandlerError, Lent, Until};
use crate::service::cell::Ack;
use crate::service::client_meters::Watch;
use crate::service::slots::Attempted;
use crate::service::table::{Entries, Found, Owner, Write, Writes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a record waits for room in a full table before it asks again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// A table's partition, restored, as its worker keeps it.
pub(crate) struct Table {
    pub(crate) place: TopicPartition,
    pub(crate) entries: Entries,
    /// The beginning of the positions it writes.
    pub(crate) origin: Arc<str>,
    pub(crate) producer: AnyProducer,
    pub(crate) watch: Watch,
    pub(crate) writes: Writes,
    /// Whose entry waits for the letter of its record, of which an output was refused.
    pub(crate) refused: BTreeMap<Offset, Owner>,
    /// Records whose letter is accepted, and which are settled with their entry.
    pub(crate) lettered: BTreeMap<Owner, Offset>,
    /// Whether health says that it is full.
    pub(crate) full: bool,
}

impl Worker {
    /// Whether a record that is done, itself and no duplicate, must run all the same: the state that is kept may lack it.
    #[inline]
    pub(super) fn replays(&self, offset: Offset, at: Position) -> bool {
        self.replays.contains(&offset) && !planted!(B52) && at == Position { partition: self.partition.partition, offset }
    }

    /// As [`replays`](Self::replays), of what was seen of a record.
    #[inline]
    pub(super) fn is_done_before(&self, offset: Offset, seen: Option<&Seen>) -> Option<(Position, crate::contract::Fingerprint)> {
        match seen {
            Some(&Seen::Done { at, fingerprint }) if !self.replays(offset, at) => Some((at, fingerprint)),
            _ => None,
        }
    }

    /// Whether a record became a dead letter before its epoch, while those behind it went on: it is settled already, and marked
    /// as done it would be kept from being replayed.
    #[inline]
    pub(super) fn was_lettered(&self, offset: Offset) -> bool {
        self.table.as_ref().is_some_and(|table| table.entries.is_lettered(offset))
    }

    /// Lends the attempt that starts next its key's entry; answers how it ends if it need not start.
    #[inline]
    pub(super) fn lend(&mut self, batch: &RecordBatch, index: usize) -> Option<Attempted> {
        if self.table.is_some() { self.lend_entry(batch, index) } else { None }
    }

    /// As [`lend`](Self::lend), of a held record.
    #[inline]
    pub(super) fn lend_held(&mut self, offset: Offset) -> Option<Attempted> {
        self.table.as_ref()?;
        let (batch, index) = self.payloads.get(&offset).map(|payload| (payload.batch.clone(), payload.index))?;
        self.lend_entry(&batch, index)
    }

    fn lend_entry(&mut self, batch: &RecordBatch, index: usize) -> Option<Attempted> {
        let table = self.table.as_mut()?;
        let record = batch.view(index);
        let Some(key) = record.key() else {
            let why = "the record has no key, and its handler keeps an entry for each key";
            return Some(Attempted::Failed(HandlerError::of(Failure::Poison, why.into())));
        };
        match table.entries.find(key, record.offset()) {
            Found::Known => Some(Attempted::Done(0)),
            Found::Kept(stored) => {
                self.sink.lent = Some(Box::new(Lent::new(stored, table.origin.clone())));
                None
            }
            Found::Full => {
                table.full = true;
                let why = format!("full: it holds {} entries, and records with new keys wait", table.entries.len());
                self.plan.board.trouble(&self.place("table"), Some(why));
                Some(Attempted::Deferred(Until::After(FULL_PAUSE), "the table is full".into()))
            }
        }
    }

    /// A record's handler has succeeded, with so many outputs: its entry is taken over, and goes out behind them.
    #[inline]
    pub(super) fn succeeded(&mut self, mark: Mark, outputs: u32, skipped: bool) {
        planted!(B32: self.settle_anyway(mark.at.offset));
        match self.sink.changed.take() {
            None => self.tail.push(mark, outputs, skipped),
            Some(changed) => {
                let owner = self.tail.push_kept(mark, outputs, skipped, changed.record.bytes());
                let Some(table) = &mut self.table else { return };
                table.entries.take_over(&changed);
                table.writes.push(owner, Write { key: changed.key, at: changed.at, record: changed.record, ready: outputs == 0 });
                if table.full && !table.entries.is_full() {
                    table.full = false;
                    self.plan.board.trouble(&self.place("table"), None);
                }
            }
        }
    }

    /// A record's dead letter is accepted: whether it is settled with its entry, which goes out behind the letter as it would
    /// behind its outputs. It stays, for those behind it with its key are made of it; and alone in the log it would say that
    /// nothing of the record is missing.
    pub(super) fn settles_with_entry(&mut self, offset: Offset) -> bool {
        let Some(table) = &mut self.table else { return false };
        let record = self.payloads.get(&offset).map(|payload| payload.batch.view(payload.index));
        if let Some(key) = record.and_then(|record| record.key()) {
            table.entries.lettered(key, offset);
        }
        let Some(owner) = table.refused.remove(&offset) else { return false };
        table.lettered.insert(owner, offset);
        table.writes.ready(owner);
        true
    }

    /// How many entries are not acknowledged.
    pub(super) fn unwritten(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.writes.len())
    }

    /// Drops what is not written: the epoch is over.
    pub(super) fn abandon_entries(&mut self) {
        if let Some(table) = &mut self.table {
            table.writes.abandon();
        }
    }

    /// Writes entries whose outputs are acknowledged; answers whether anything moved.
    pub(super) fn write_entries(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        let Some(table) = &mut self.table else { return false };
        let may = self.cell.may_hand_over();
        // What is settled and not committed comes again if this epoch ends before it is.
        let committed = self.cell.committed.load(Ordering::Relaxed);
        let Table { writes, entries, place, producer, watch, .. } = &mut **table;
        let letters = |key: &[u8], at| entries.letters(key, committed, at);
        let moved = may && writes.send(place, producer, watch, now, self.tail.handed_over(), letters);
        let Poll::Ready(written) = table.writes.poll(cx) else { return moved };
        let lettered: Vec<Offset> = written.done.iter().filter_map(|owner| table.lettered.remove(owner)).collect();
        self.counts.outputs += written.done.len() as u64;
        if let Some(error) = written.failed {
            table.writes.failures = table.writes.failures.saturating_add(1);
            let failures = table.writes.failures;
            let entropy = self.entropy();
            let at = now.after(Backoff::new(Duration::from_millis(50), Duration::from_secs(5)).delay(failures, entropy));
            if let Some(table) = &mut self.table {
                table.writes.not_before = Some(at);
            }
            // Also what is refused for good: the entry is in those behind it, so none can be left out. It waits for an operator.
            self.plan.board.trouble(&self.place("table's writes"), Some(error.to_string()));
        } else if std::mem::take(&mut table.writes.failures) > 0 {
            self.plan.board.trouble(&self.place("table's writes"), None);
        }
        for offset in lettered {
            // Its key went on long ago: nobody is parked behind it.
            self.left(offset);
        }
        let mut done = written.done.into_iter().peekable();
        while let Some((generation, first)) = done.next() {
            let mut owners = vec![first];
            while let Some((_, owner)) = done.next_if(|(next, _)| *next == generation) {
                owners.push(owner);
            }
            self.acknowledged(Ack { generation, owners, refused: Vec::new() }, now);
        }
        true
    }
}
