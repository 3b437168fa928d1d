//! Owns what the end of an attempt leads to, as `ended.rs`, `tail.rs`, `letters.rs` and `leave.rs` of the service's worker
//! do: outputs, marks, settlement, dead letters, and the worker's own end.

use super::{Control, MarkFate, Outcome, Worker};
use crate::model::member::Cx;
use millstream_core::clock::MonoTime;
use millstream_core::contract::{DeadLetterReason, Offset};
use millstream_core::engine::{Backoff, Drain, Failure, Hold, Phase, Verdict};
use millstream_core::planted;
use std::ops::Range;
use std::time::Duration;

/// Pauses of the tail and of the letters, without dice.
fn pause(failures: u32) -> Duration {
    Backoff::new(Duration::from_millis(50), Duration::from_secs(5)).without_jitter().delay(failures, 0)
}

impl Worker {
    // ---- `ended.rs`

    /// A pending attempt ends.
    pub(in crate::model) fn attempt_ends(&mut self, offset: Offset, outcome: Outcome, cx: &mut Cx<'_>) {
        self.running.remove(offset);
        self.attempted(offset, outcome, cx);
    }

    /// A held record's attempt ended.
    pub(super) fn attempted(&mut self, offset: Offset, outcome: Outcome, cx: &mut Cx<'_>) {
        let failure = match outcome {
            Outcome::Ok => {
                self.engine.succeeded(offset);
                self.running.remove(offset);
                self.payloads.remove(&offset);
                return self.finished(offset, cx);
            }
            Outcome::Transient => Failure::Transient,
            Outcome::Permanent => {
                self.shadow.hopeless.add(offset);
                Failure::Permanent
            }
        };
        let (id, lane) = (cx.world.entry(offset).id, self.lane(offset, cx));
        match self.engine.failed(offset, id, lane, failure, cx.now, 0) {
            Verdict::Retry { .. } if planted!(B15) => self.settle_all(&[offset]),
            Verdict::Retry { .. } => self.quarantine.put_back(offset),
            Verdict::GiveUp(_) => self.letters.add(offset),
        }
    }

    /// A record becomes a dead letter without an attempt of its own.
    pub(super) fn condemn(&mut self, offset: Offset, reason: DeadLetterReason, cx: &Cx<'_>) {
        let (id, lane) = (cx.world.entry(offset).id, self.lane(offset, cx));
        self.engine.condemned(offset, id, lane, reason);
        self.letters.add(offset);
    }

    /// A record's id was done before.
    pub(super) fn settle_done_before(&mut self, offset: Offset) {
        self.payloads.remove(&offset);
        self.cell.freed += self.engine.settled_before(offset);
        self.shadow.settle(offset);
        self.out_of_quarantine(offset);
    }

    fn out_of_quarantine(&mut self, offset: Offset) {
        if !self.quarantine.is_idle() {
            self.quarantine.settled(offset, self.engine.ledger().watermark());
        }
    }

    // ---- `tail.rs`

    /// A handler has returned Ok: its outputs are handed over.
    pub(super) fn finished(&mut self, offset: Offset, cx: &mut Cx<'_>) {
        self.shadow.through.add(offset);
        let outputs = cx.world.entry(offset).outputs;
        if outputs > 0 && planted!(B43) {
            self.confirmed.push(offset);
        }
        if outputs == 0 {
            cx.truth.done.add(offset);
            self.confirmed.push(offset);
            return;
        }
        if let Some(index) = cx.world.index_of(offset) {
            self.shadow.unacknowledged[index] = outputs;
        }
        self.owed.insert(offset, if planted!(B67) { outputs.min(1) } else { outputs });
    }

    /// The broker has one more output of a record.
    pub(in crate::model) fn output_acknowledged(&mut self, offset: Offset, cx: &mut Cx<'_>) {
        if let Some(index) = cx.world.index_of(offset) {
            self.shadow.unacknowledged[index] -= 1;
            if self.shadow.unacknowledged[index] == 0 {
                cx.truth.done.add(offset);
            }
        }
        let Some(pending) = self.owed.get_mut(&offset) else { return };
        *pending -= 1;
        if *pending == 0 {
            self.owed.remove(&offset);
            if !planted!(B43) {
                self.confirmed.push(offset);
            }
        }
    }

    /// An output of a record is refused for good: the record becomes a dead letter.
    pub(in crate::model) fn output_refused(&mut self, offset: Offset, cx: &Cx<'_>) {
        if let Some(index) = cx.world.index_of(offset) {
            self.shadow.unacknowledged[index] = 0;
        }
        self.owed.remove(&offset);
        self.payloads.insert(offset, false);
        self.engine.refused(offset, cx.world.entry(offset).id);
        self.letters.add(offset);
    }

    /// Marks what is confirmed, or settles it where there is no deduplicator; answers whether anything moved.
    pub(super) fn mark(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.confirmed.is_empty() || self.marking.is_some() || self.mark_not_before.is_some_and(|at| at > cx.now) {
            return false;
        }
        let confirmed = std::mem::take(&mut self.confirmed);
        if cx.world.dedup {
            self.marking = Some(confirmed);
        } else {
            self.settle_all(&confirmed);
        }
        true
    }

    /// The call that marks ends.
    pub(in crate::model) fn mark_ends(&mut self, fate: MarkFate, cx: &mut Cx<'_>) {
        let Some(mut marks) = self.marking.take() else { return };
        if fate != MarkFate::Lost {
            for &offset in &marks {
                cx.truth.mark(cx.world, offset);
            }
        }
        if fate != MarkFate::Applied {
            self.mark_failures += 1;
            marks.append(&mut self.confirmed);
            self.confirmed = marks;
            self.mark_not_before = Some(cx.now.after(pause(self.mark_failures)));
            self.engine.standstill.pause(Hold::Deduplicator, cx.now);
            return;
        }
        if std::mem::take(&mut self.mark_failures) > 0 {
            self.mark_not_before = None;
            self.engine.standstill.resume(Hold::Deduplicator, cx.now);
        }
        let ids = marks.iter().map(|&offset| (cx.world.entry(offset).id, offset));
        if self.current.is_some() {
            self.marked.extend(ids);
        } else if self.engine.marked_all(marks.len() + self.marked.len()) {
            self.marked.clear();
        } else {
            for (id, offset) in ids {
                self.engine.marked(id, offset);
            }
        }
        self.settle_all(&marks);
    }

    fn settle_all(&mut self, offsets: &[Offset]) {
        let mut runs: Vec<Range<Offset>> = Vec::new();
        for &offset in offsets {
            match runs.last_mut().filter(|run| run.end == offset) {
                Some(run) => run.end = offset + 1,
                None => runs.push(offset..offset + 1),
            }
        }
        for run in runs {
            self.cell.freed += self.engine.settle(run);
        }
        for &offset in offsets {
            self.shadow.settle(offset);
            self.out_of_quarantine(offset);
        }
    }

    // ---- `letters.rs`

    /// Hands letters over; answers whether anything moved.
    pub(super) fn send_letters(&mut self, now: MonoTime) -> bool {
        let may = self.sending.is_empty() && self.letters_not_before.is_none_or(|at| at <= now);
        if self.letters.is_empty() || !may {
            return false;
        }
        self.sending = std::mem::take(&mut self.letters);
        true
    }

    /// The sink answers: it took all letters, or refused them.
    pub(in crate::model) fn letters_answered(&mut self, taken: bool, cx: &mut Cx<'_>) {
        let sent = std::mem::take(&mut self.sending);
        if !taken && planted!(B05) {
            sent.iter().for_each(|offset| self.letter_accepted(offset));
            return;
        }
        if !taken {
            sent.iter().for_each(|offset| self.letters.add(offset));
            self.letter_failures += 1;
            self.letters_not_before = Some(cx.now.after(pause(self.letter_failures)));
            self.engine.standstill.pause(Hold::Sink, cx.now);
            return;
        }
        for offset in sent.iter() {
            cx.truth.letters.add(offset);
            if planted!(B30) {
                cx.truth.mark(cx.world, offset);
            }
            self.letter_accepted(offset);
        }
        self.letters_not_before = None;
        if std::mem::take(&mut self.letter_failures) > 0 {
            self.engine.standstill.resume(Hold::Sink, cx.now);
        }
    }

    fn letter_accepted(&mut self, offset: Offset) {
        self.payloads.remove(&offset);
        self.cell.freed += u64::from(self.engine.ledger().is_open(offset));
        let parked = self.engine.letter_accepted(offset);
        self.shadow.settle(offset);
        self.quarantine.settled(offset, self.engine.ledger().watermark());
        for follower in parked {
            // It is never handled, and those to come do not wait for it.
            self.shadow.through.add(follower);
            self.letters.add(follower);
        }
    }

    // ---- `leave.rs`

    /// Begins or shortens a drain: no new starts, backoffs and waits abandoned.
    pub(super) fn begin_drain(&mut self, until: MonoTime, now: MonoTime) {
        match &mut self.drain {
            None => {
                self.drain = Some(Drain::begin(now, until.since(now)));
                self.engine.standstill.pause(Hold::Draining, now);
                self.queue.clear();
                (self.current, self.seen) = (None, None);
                self.again.clear();
                for offset in self.engine.abandon_waiting() {
                    self.payloads.remove(&offset);
                }
            }
            Some(drain) if until < drain.deadline() => drain.abandon(now),
            Some(_) => {}
        }
    }

    /// Goes on leaving; answers whether nothing is left to wait for.
    pub(super) fn leave(&mut self, cx: &Cx<'_>) -> bool {
        let Some(mut drain) = self.drain.take() else { return false };
        let ended = self.step(&mut drain, cx.now);
        self.drain = Some(drain);
        if ended {
            self.settle_unmarked();
            self.end(true);
        }
        ended
    }

    fn step(&mut self, drain: &mut Drain, now: MonoTime) -> bool {
        let phase = drain.phase(now);
        if !self.running.is_empty() {
            if phase == Phase::Handlers {
                return false;
            }
            self.drop_attempts();
        }
        if !self.owed.is_empty() || !self.letters.is_empty() || !self.sending.is_empty() {
            if phase <= Phase::Outputs {
                drain.finished(Phase::Handlers, now);
                return false;
            }
            self.owed.clear();
        }
        if (!self.confirmed.is_empty() || self.marking.is_some()) && phase <= Phase::Marks {
            drain.finished(Phase::Outputs, now);
            return false;
        }
        true
    }

    fn drop_attempts(&mut self) {
        if planted!(B07) {
            self.settle_all(&self.running.iter().collect::<Vec<_>>());
        }
        for offset in self.running.iter() {
            self.payloads.remove(&offset);
        }
        self.running = Default::default();
    }

    fn settle_unmarked(&mut self) {
        let mut offsets = self.marking.take().unwrap_or_default();
        offsets.append(&mut self.confirmed);
        self.settle_all(&offsets);
    }

    /// Ends: what is open is abandoned, never settled. A worker that was stopped does so at its next turn.
    pub(in crate::model) fn end(&mut self, in_order: bool) {
        self.drop_attempts();
        self.letters = Default::default();
        self.sending = Default::default();
        self.publish();
        let ledger = self.engine.ledger();
        let watermark = in_order.then(|| if planted!(B02) { ledger.next() } else { ledger.watermark() });
        self.cell.control = if in_order { self.cell.control } else { Control::Stop };
        self.cell.report = Some((watermark, self.quarantine.note_now(true)));
    }
}
