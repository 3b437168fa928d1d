//! Owns the time between an assignment and its start in which state is read back. Leaves reading to `service::table`
//! and to a user's hook; what keeps nothing never comes here.
//!
//! To the engine it is the beginning of the epoch's worker, which ends without a report if the epoch does.

use super::Intake;
use super::start::{StartAt, start_at};
use crate::clock::{Clock, MonoTime};
use crate::contract::{Assigned, Epoch, Error, ErrorKind, Offset, Operation};
use crate::engine::{Backoff, EpochAction, Failure, Note};
use crate::process::spawn;
use crate::service::Restored as Answer;
use crate::service::hooks::Hook;
use crate::service::plan::Plan;
use crate::service::table::{EntryPosition, Restored, TablePlan, TableStart, Writes, restore};
use crate::service::worker::Table;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// What is ready to be started.
pub(super) struct Ready {
    epoch: Epoch,
    prepared: Result<Prepared, Error>,
}

/// Where an epoch starts, and what it keeps.
pub(super) struct Prepared {
    pub(super) at: Offset,
    /// What it commits at first. Higher than where it starts if records are read again for a state that is restored by
    /// position: the group has done them, and whoever takes over a replay that was interrupted must see that they were.
    pub(super) commit: Offset,
    /// Its table, and the end of the table's log.
    pub(super) table: Option<(Box<Table>, Offset)>,
    /// Records that run again though they are done: what its state has of them it knows better than the deduplicator.
    pub(super) replays: Range<Offset>,
}

impl Prepared {
    /// Of an epoch that keeps nothing.
    pub(super) fn plain(at: Offset) -> Self {
        Prepared { at, commit: at, table: None, replays: 0..0 }
    }
}

impl Intake {
    /// Begins to read an epoch's state back, if it keeps any.
    pub(super) fn restore(&mut self, epoch: Epoch) -> bool {
        let Some(session) = self.sessions.get_mut(&epoch) else { return false };
        if session.plan.table.is_none() && session.plan.hooks.assigned.is_none() {
            return false;
        }
        let (plan, assigned, policy) = (session.plan.clone(), session.assigned.clone(), self.parts.start_at);
        self.parts.board.restoring(&place(&plan, &assigned), true);
        let task = async move {
            let prepared = ready(&plan, &assigned, policy).await;
            Ready { epoch, prepared }
        };
        session.restoring = Some(spawn(&mut self.restores, &self.parts.runtime, task));
        true
    }

    /// An epoch's state is read back: it starts, unless it has ended meanwhile.
    pub(super) fn restored(&mut self, ready: Ready, now: MonoTime) -> Result<(), Error> {
        let Some(session) = self.sessions.get_mut(&ready.epoch) else { return Ok(()) };
        if session.restoring.take().is_none() {
            return Ok(());
        }
        let partition = session.assigned.partition.clone();
        self.parts.board.restoring(&place(&session.plan, &session.assigned), false);
        self.start(ready.epoch, partition, Some(ready.prepared?), now)
    }

    /// Ends the reading of an epoch that ends; answers what follows.
    pub(super) fn drop_restore(&mut self, epoch: Epoch) -> Vec<EpochAction> {
        let Some(session) = self.sessions.get_mut(&epoch) else { return Vec::new() };
        let Some(restoring) = session.restoring.take() else { return Vec::new() };
        restoring.abort();
        self.parts.board.restoring(&place(&session.plan, &session.assigned), false);
        self.epochs.worker_ended(epoch)
    }
}

/// Reads everything back that the epoch keeps.
async fn ready(plan: &Plan, assigned: &Assigned, policy: StartAt) -> Result<Prepared, Error> {
    let at = start_at(assigned, policy)?;
    let clock = Clock::new();
    let mut prepared = match &plan.table {
        Some(table) => {
            let restored = restore(table, assigned, plan.run, &plan.settings.limits).await?;
            prepare(plan, table, restored, assigned, at)?
        }
        None => Prepared::plain(at),
    };
    if let Some(hook) = &plan.hooks.assigned {
        let within = plan.settings.table.restore_within;
        let restored = tokio::time::timeout_at(clock.instant(MonoTime::ZERO.after(within)), call(plan, hook, assigned)).await;
        let text = || format!("the hook for {} did not restore it within {within:?}; nothing was started", assigned.partition);
        let restored = restored.map_err(|_| Error::new(ErrorKind::TimedOut, Operation::Restore, text()))??;
        prepared.at = restored.start(prepared.at, assigned.log_start.unwrap_or(0));
        if let Some(lacks) = restored.lacks().filter(|_| prepared.table.is_none()) {
            prepared.replays = lacks..Offset::MAX;
        }
    }
    if let Some((table, _)) = &mut prepared.table {
        table.entries.start_at(prepared.at);
        if table.entries.is_full() {
            let (place, entries) = (&table.place, table.entries.len());
            tracing::warn!(%place, entries, "restored, and full: records with new keys wait; `TableSettings::most` gives room");
        }
    }
    Ok(prepared)
}

/// Calls a hook until it succeeds, or fails for good.
async fn call(plan: &Plan, hook: &Hook<Assigned, Answer>, assigned: &Assigned) -> Result<Answer, Error> {
    let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    let mut failures = 0;
    loop {
        let error = match hook(assigned.clone()).await {
            Ok(restored) => return Ok(restored),
            Err(error) => plan.rules.judge(error).0,
        };
        if !matches!(error.failure(), Failure::Transient | Failure::TimedOut) {
            let text = format!("the hook for {} failed: {error}", assigned.partition);
            return Err(Error::new(ErrorKind::Invalid, Operation::Restore, text));
        }
        failures += 1;
        let text = crate::service::log_text(&error);
        tracing::warn!(partition = %assigned.partition, error = text, "the hook for an assigned partition failed, will be retried");
        tokio::time::sleep(backoff.delay(failures, u64::from(failures)).max(error.not_before())).await;
    }
}

fn place(plan: &Plan, assigned: &Assigned) -> String {
    format!("{} on {}", plan.handler, assigned.partition)
}

/// Where the input starts, given what was read back and where it would start without.
///
/// A commit that says a table was kept comes after all its entries, so the start is the commit. Of a commit that does not
/// say so the entries may be missing. Whatever comes again is applied: an entry is written before its record is marked, so
/// what the table has of it is known there, and a table that is only half filled lacks what the deduplicator knows.
fn prepare(plan: &Plan, table: &TablePlan, restored: Restored, assigned: &Assigned, at: Offset) -> Result<Prepared, Error> {
    let Restored { entries, end } = restored;
    let committed = assigned.committed.as_ref();
    let note = Note::read(committed.and_then(|committed| committed.metadata.as_deref()));
    let kept = note.and_then(|note| note.table);
    let place = table.place(&assigned.partition);
    if let Some(kept) = kept.filter(|kept| *kept > end) {
        let text = format!(
            "{place} ends at {end} and ended at {kept} before: it was cut or created anew. To fill it again from the input, reset the group's offsets"
        );
        return Err(Error::new(ErrorKind::Configuration, Operation::Restore, text));
    }
    let log_start = assigned.log_start.unwrap_or(0);
    let is_new = committed.is_some() && kept.is_none() && assigned.resume.is_none();
    let replays = is_new && table.settings.start == TableStart::Replay && log_start < at;
    let start = if replays { log_start } else { at };
    if replays {
        tracing::warn!(partition = %assigned.partition, from = start, to = at, %place, "the table is new: its input is read again");
    }
    let table = Table {
        origin: EntryPosition::origin(plan.run, assigned.topic_id),
        place,
        entries,
        producer: table.producer.clone(),
        watch: table.watch.clone(),
        writes: Writes::default(),
        refused: BTreeMap::new(),
        lettered: BTreeMap::new(),
        full: false,
    };
    Ok(Prepared { at: start, commit: start, table: Some((Box::new(table), end)), replays: 0..Offset::MAX })
}
