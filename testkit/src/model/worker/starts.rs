//! Owns which records may start, as `check.rs`, `dispatch.rs`, `fast.rs` and `care.rs` of the service's worker do. Leaves
//! what an attempt's end means to `ends`.

use super::{Outcome, Worker};
use crate::model::member::Cx;
use crate::model::search::Violation;
use crate::model::world::Nature;
use millstream_core::contract::{DeadLetterReason, Offset};
use millstream_core::engine::{Arrival, LaneKey, LanePolicy, Permit};
use millstream_core::planted;

/// Whether a record may start while the epoch is careful.
enum Quarantined {
    Runs,
    Waits,
    Crashed,
}

impl Worker {
    /// Takes the next batch in; answers whether anything moved.
    pub(super) fn check(&mut self, cx: &Cx<'_>) -> bool {
        let mut moved = false;
        if self.current.is_none() && !self.marked.is_empty() {
            for (id, offset) in self.marked.drain(..) {
                self.engine.marked(id, offset);
            }
            moved = true;
        }
        if self.current.is_none()
            && self.drain.is_none()
            && let Some((offset, next)) = self.queue.pop_front()
        {
            self.engine.admit_run(offset..offset + 1);
            self.engine.advance(next);
            self.shadow.admit(offset, next);
            self.current = Some(offset);
            self.seen = (!cx.world.dedup).then_some(false);
            moved = true;
        }
        moved
    }

    /// The deduplicator answers what it was asked, by what it knows now.
    pub(in crate::model) fn looked_up(&mut self, cx: &mut Cx<'_>) {
        let done = |cx: &Cx<'_>, offset| cx.truth.marked_by(cx.world, cx.world.entry(offset).id).is_some();
        if self.again.is_empty() {
            self.seen = self.current.map(|offset| done(cx, offset));
            return;
        }
        for offset in std::mem::take(&mut self.again) {
            if !self.payloads.contains_key(&offset) {
                continue;
            }
            if done(cx, offset) {
                self.settle_done_before(offset);
            } else {
                self.payloads.insert(offset, true);
                self.engine.not_started(offset);
            }
        }
    }

    /// Starts what may start; answers whether anything did.
    pub(super) fn dispatch(&mut self, cx: &mut Cx<'_>) -> bool {
        let mut moved = false;
        while self.engine_has_due(cx) {
            let Some((offset, attempt)) = self.engine.next_runnable(cx.now) else { break };
            if !self.resume(offset, attempt, cx) {
                break;
            }
            moved = true;
        }
        if let (Some(offset), Some(done)) = (self.current, self.seen)
            && self.arrive(offset, done, cx)
        {
            (self.current, self.seen) = (None, None);
            moved = true;
        }
        moved
    }

    fn engine_has_due(&self, cx: &Cx<'_>) -> bool {
        !self.engine.is_quiet() && (self.engine.has_runnable() || self.engine.next_due().is_some_and(|at| at <= cx.now))
    }

    /// The record of the batch arrives; answers whether it is seen to.
    fn arrive(&mut self, offset: Offset, done: bool, cx: &mut Cx<'_>) -> bool {
        let entry = cx.world.entry(offset);
        if entry.nature == Nature::Poison {
            if self.take_place(offset, cx) {
                self.condemn(offset, DeadLetterReason::Poison, cx);
            }
            return true;
        }
        if done {
            self.settle_done_before(offset);
            return true;
        }
        if !self.quarantine.is_idle() {
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => return false,
                Quarantined::Crashed => {
                    if self.take_place(offset, cx) {
                        self.condemn(offset, DeadLetterReason::Crash, cx);
                    }
                    return true;
                }
            }
        }
        let fast = self.engine.is_quiet() && self.quarantine.is_idle() && self.engine.arrive_quietly(offset, entry.id);
        if !fast && self.engine.arrive(offset, entry.id, |engine| engine.lane(|| Some(entry.key))) == Arrival::Wait {
            self.quarantine.put_back(offset);
            let checked = self.engine.owns(offset, entry.id);
            self.payloads.insert(offset, checked);
            return true;
        }
        self.called(offset, 1, cx);
        if entry.nature == Nature::Ready {
            self.finished(offset, cx);
            return true;
        }
        let lane = self.lane(offset, cx);
        self.engine.parked(offset, entry.id, lane);
        self.payloads.insert(offset, true);
        self.running.add(offset);
        true
    }

    /// A held record's turn has come; answers whether the next may follow.
    fn resume(&mut self, offset: Offset, attempt: u32, cx: &mut Cx<'_>) -> bool {
        if cx.world.entry(offset).nature == Nature::Poison {
            self.condemn(offset, DeadLetterReason::Poison, cx);
            return true;
        }
        if cx.world.dedup && self.payloads.get(&offset) != Some(&true) {
            self.again.push(offset);
            return true;
        }
        if !self.quarantine.is_idle() {
            match self.quarantined(offset) {
                Quarantined::Runs => {}
                Quarantined::Waits => {
                    self.engine.not_started(offset);
                    return false;
                }
                Quarantined::Crashed => {
                    self.condemn(offset, DeadLetterReason::Crash, cx);
                    return true;
                }
            }
        }
        self.called(offset, attempt, cx);
        self.running.add(offset);
        if cx.world.entry(offset).nature == Nature::Ready {
            self.attempted(offset, Outcome::Ok, cx);
        }
        true
    }

    /// Gives a record that does not start now its place in its key's order; answers whether its turn is now.
    fn take_place(&mut self, offset: Offset, cx: &Cx<'_>) -> bool {
        let entry = cx.world.entry(offset);
        let turn = self.engine.arrive(offset, entry.id, |engine| engine.lane(|| Some(entry.key))) == Arrival::Start;
        if turn {
            let lane = self.lane(offset, cx);
            self.engine.parked(offset, entry.id, lane);
        }
        self.payloads.insert(offset, false);
        turn
    }

    pub(super) fn lane(&self, offset: Offset, cx: &Cx<'_>) -> Option<LaneKey> {
        self.engine.lane(|| Some(cx.world.entry(offset).key))
    }

    fn quarantined(&mut self, offset: Offset) -> Quarantined {
        if self.cell.noted == Some(offset) {
            self.quarantine.noted(offset);
        }
        match self.quarantine.before_start(offset) {
            Permit::Run => Quarantined::Runs,
            Permit::NoteFirst(note) => {
                self.cell.note = Some((offset, note));
                Quarantined::Waits
            }
            Permit::DeadLetter => Quarantined::Crashed,
            _ => Quarantined::Waits,
        }
    }

    /// The handler is called. Here the promises about calls are checked: their number (I5) and their order (I8).
    fn called(&mut self, offset: Offset, attempt: u32, cx: &mut Cx<'_>) {
        let entry = cx.world.entry(offset);
        if planted!(B04) && cx.world.dedup {
            cx.truth.mark(cx.world, offset);
        }
        let calls = self.shadow.call(cx.world, offset);
        let most = cx.world.max_attempts;
        if u32::from(calls) > most {
            cx.broken.push(Violation::new("I5", format!("record {offset} is called for the {calls}th time, of {most} at most")));
        }
        if u32::from(calls) != attempt {
            cx.broken.push(Violation::new("I5", format!("call {calls} of record {offset} counts as attempt {attempt}")));
        }
        if self.shadow.hopeless.has(offset) {
            cx.broken.push(Violation::new("I5", format!("record {offset} is called again after a permanent error")));
        }
        let twin = self.running.iter().find(|other| *other != offset && cx.world.entry(*other).id == entry.id);
        if let Some(twin) = twin.filter(|_| cx.world.dedup) {
            cx.broken.push(Violation::new("I7", format!("record {offset} starts while {twin}, which has its id, runs")));
        }
        let before = |other: Offset| match cx.world.lanes {
            LanePolicy::Unordered => false,
            LanePolicy::ByPartition => true,
            _ => cx.world.entry(other).key == entry.key,
        };
        let waits =
            self.shadow.admitted.iter().find(|other| *other < offset && before(*other) && !self.shadow.through.has(*other));
        if let Some(other) = waits {
            cx.broken.push(Violation::new(
                "I8",
                format!("record {offset} starts while {other}, before it with its key, is not through"),
            ));
        }
    }
}
