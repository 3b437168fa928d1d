//! Owns care after a crash, on the worker's side: which record may start, its note, and the turn among the epochs of the
//! service. Leaves the rules to [`Quarantine`](crate::engine::Quarantine).

use super::Worker;
use crate::contract::Offset;
use crate::engine::Permit;

/// Whether a record may start while the epoch is careful.
pub(super) enum Quarantined {
    Runs,
    Waits,
    Crashed,
}

/// The turn, as one worker has it.
#[derive(Default)]
pub(super) struct Turn {
    /// The record it is used for, or was last.
    of: Option<Offset>,
    /// A record has queued for it.
    queued: bool,
    /// Another record has asked meanwhile while others waited: the turn is over, for that record too.
    over: bool,
    /// The name of the note without a suspect that is being committed, so that the turn can be passed on.
    clearing: Option<Offset>,
    /// Such notes so far. They count down from the highest offset, so that none is taken for another or for a record's.
    cleared: u64,
}

impl Worker {
    pub(super) fn quarantined(&mut self, offset: Offset) -> Quarantined {
        if self.cell.is_noted(offset) {
            self.quarantine.noted(offset);
        }
        match self.quarantine.before_start(offset) {
            Permit::Run => Quarantined::Runs,
            Permit::NoteFirst(note) => {
                if self.takes_turn(offset) {
                    self.cell.request_note(offset, note);
                } else {
                    self.quarantine.put_back(offset);
                }
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

    /// Whether the record at `offset` may be noted now. One record a turn, if others wait.
    fn takes_turn(&mut self, offset: Offset) -> bool {
        let turns = &self.plan.turns;
        let may = match self.turn.of {
            None => turns.take(&self.cell),
            Some(of) => (of == offset && !self.turn.over) || !turns.is_wanted(),
        };
        if may {
            self.turn = Turn { of: Some(offset), cleared: self.turn.cleared, ..Turn::default() };
        } else if self.turn.of.is_some() {
            self.turn.over = true;
        } else {
            self.turn.queued = true;
        }
        may
    }

    /// Passes the turn on, if others wait for it and nothing of this epoch is under suspicion, in the group's eyes either.
    /// Answers whether it did: then its own next record may queue for the turn.
    pub(super) fn pass_turn(&mut self) -> bool {
        if self.turn.queued && self.plan.turns.pass_unused(&self.cell) {
            // Who queued for it was settled by other means, or care has ended meanwhile: nobody here would ever pass it on.
            self.turn.queued = false;
        }
        if self.turn.of.is_none() || self.quarantine.is_under_way() || !self.plan.turns.is_wanted() {
            return false;
        }
        match self.turn.clearing {
            None => {
                self.turn.cleared += 1;
                let name = Offset::MAX - self.turn.cleared;
                self.turn.clearing = Some(name);
                self.cell.request_note(name, self.quarantine.note_now(false));
                false
            }
            Some(name) if self.cell.is_noted(name) => {
                (self.turn.of, self.turn.clearing) = (None, None);
                self.plan.turns.pass(&self.cell);
                true
            }
            Some(_) => false,
        }
    }
}
