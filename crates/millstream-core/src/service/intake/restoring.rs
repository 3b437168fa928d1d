//! Owns the time between an assignment and its start in which state is read back. Leaves reading to `service::table`; what
//! does not keep a table never comes here.
//!
//! To the engine it is the beginning of the epoch's worker, which ends without a report if the epoch does.

use super::Intake;
use super::start::start_at;
use crate::clock::MonoTime;
use crate::contract::{Assigned, Epoch, Error, Offset};
use crate::engine::{EpochAction, Note};
use crate::service::plan::Plan;
use crate::service::table::{EntryPosition, Restored, TablePlan, TableStart, Writes, restore};
use crate::service::worker::Table;

/// What is ready to be started.
pub(super) struct Ready {
    epoch: Epoch,
    prepared: Result<Prepared, Error>,
}

/// Where an epoch starts, and what it keeps.
pub(super) struct Prepared {
    pub(super) at: Offset,
    /// Its table, and the end of the table's log.
    pub(super) table: Option<(Box<Table>, Offset)>,
}

impl Intake {
    /// Begins to read an epoch's state back, if it keeps any.
    pub(super) fn restore(&mut self, epoch: Epoch) -> bool {
        let Some(session) = self.sessions.get_mut(&epoch) else { return false };
        if session.plan.table.is_none() {
            return false;
        }
        let (plan, assigned, policy) = (session.plan.clone(), session.assigned.clone(), self.parts.start_at);
        self.parts.board.restoring(&place(&plan, &assigned), true);
        let task = async move {
            let prepared = match &plan.table {
                Some(table) => restore(table, &assigned, plan.run, &plan.settings.limits)
                    .await
                    .and_then(|restored| prepare(&plan, table, restored, &assigned, start_at(&assigned, policy)?)),
                None => start_at(&assigned, policy).map(|at| Prepared { at, table: None }),
            };
            Ready { epoch, prepared }
        };
        session.restoring = Some(self.restores.spawn_on(task, &self.parts.runtime));
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

fn place(plan: &Plan, assigned: &Assigned) -> String {
    format!("{} on {}", plan.handler, assigned.partition)
}

/// Where the input starts, given what was read back and where it would start without.
///
/// A commit that says a table was kept comes after all its entries, so the start is the commit. Of a commit that does not
/// say so the entries may be missing.
fn prepare(plan: &Plan, table: &TablePlan, restored: Restored, assigned: &Assigned, at: Offset) -> Result<Prepared, Error> {
    let Restored { mut entries, end } = restored;
    let committed = assigned.committed.as_ref();
    let note = Note::read(committed.and_then(|committed| committed.metadata.as_deref()));
    let kept = note.and_then(|note| note.table);
    let place = table.place(&assigned.partition);
    if let Some(kept) = kept.filter(|kept| *kept > end) {
        use crate::contract::{ErrorKind, Operation};
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
    entries.start_at(start);
    let table = Table {
        origin: EntryPosition::origin(plan.run, assigned.topic_id),
        place,
        entries,
        replays_until: if replays { at } else { 0 },
        producer: table.producer.clone(),
        watch: table.watch.clone(),
        writes: Writes::default(),
        full: false,
    };
    Ok(Prepared { at: start, table: Some((Box::new(table), end)) })
}
