//! Owns how a worker ends: in order, by drain (§9), or at once, when its epoch is lost.

use super::{Worker, WorkerReport};
use crate::clock::MonoTime;
use crate::engine::{Drain, Hold, Phase};

impl Worker {
    /// Begins or shortens a drain: no new starts, backoffs and waits abandoned.
    pub(super) fn begin_drain(&mut self, until: MonoTime, now: MonoTime) {
        if self.drain.is_none() {
            self.drain = Some(Drain::begin(now, until.since(now)));
            self.engine.standstill.pause(Hold::Draining, now);
            self.queue.clear();
            self.checks.abandon();
            self.abandon_gathered();
            planted!(B55: return);
            for offset in self.engine.abandon_waiting() {
                self.payloads.remove(&offset);
            }
        } else if let Some(drain) = &mut self.drain
            && until < drain.deadline()
        {
            drain.abandon(now);
        }
    }

    /// Goes on leaving; the report when nothing is left to wait for.
    pub(super) fn leave(&mut self, now: MonoTime) -> Option<WorkerReport> {
        let mut drain = self.drain.take()?;
        let report = self.step(&mut drain, now);
        self.drain = Some(drain);
        report
    }

    fn step(&mut self, drain: &mut Drain, now: MonoTime) -> Option<WorkerReport> {
        let phase = drain.phase(now);
        planted!(B55: if self.engine.held_count() > 0 { return None });
        if self.slots.running() > 0 {
            if phase == Phase::Handlers {
                return None;
            }
            self.drop_attempts();
        }
        let unwritten = self.letters.len() + self.copies.len() + self.unwritten();
        if self.tail.owes() || self.tail.finished() > 0 || unwritten > 0 {
            if phase <= Phase::Outputs {
                drain.finished(Phase::Handlers, now);
                return None;
            }
            // Not confirmed in time: their inputs stay unsettled and are redone, with the same ids.
            self.sink.clear();
            self.tail.abandon_outputs();
            self.abandon_entries();
        }
        if !self.tail.is_empty() && phase <= Phase::Marks {
            drain.finished(Phase::Outputs, now);
            return None;
        }
        self.settle_unmarked();
        Some(self.end(true))
    }

    fn drop_attempts(&mut self) {
        for slot in self.slots.taken() {
            if self.batching.is_some() {
                for offset in self.drop_call(slot, "abandoned") {
                    self.payloads.remove(&offset);
                }
            }
            if let Some(runner) = &mut self.runner {
                runner.clear(slot, "abandoned");
            }
            if let Some(offset) = self.slots.give_back(slot) {
                self.payloads.remove(&offset);
                planted!(B07: self.settle_anyway(offset));
            }
        }
    }

    /// Ends: what is open is abandoned, never settled.
    pub(super) fn end(&mut self, in_order: bool) -> WorkerReport {
        self.drop_attempts();
        self.letters.abandon();
        self.copies.abandon();
        let (abandoned, _) = self.open.abandon();
        self.counts.abandoned += abandoned;
        self.counts.zombie_possible += self.cell.with_client();
        debug_assert_eq!(self.totals.0, self.totals.1 + abandoned, "delivered = settled + abandoned (I19)");
        self.publish(MonoTime::ZERO);
        for place in
            ["deduplication check", "deduplication mark", "dead letters", "retry topic", "breaker", "table", "table's writes"]
        {
            self.plan.board.trouble(&self.place(place), None);
        }
        let watermark = match in_order {
            true if planted!(B02) => Some(self.engine.ledger().next()),
            false if planted!(B06) => Some(self.engine.ledger().next()),
            _ => in_order.then(|| self.engine.ledger().watermark()),
        };
        WorkerReport { epoch: self.cell.epoch, watermark, note: self.quarantine.note_now(true) }
    }
}
