//! Owns the sending of commits that are due. Leaves when they are to the engine.

use super::Intake;
use crate::clock::MonoTime;
use crate::contract::{Command, Consumer};
use std::sync::atomic::Ordering;

impl Intake {
    /// Sends what is due. Whatever makes it due, everything goes as it stands now, and every worker rings again for more:
    /// one whose mark went without that would never be heard of again.
    pub(super) fn commit(&mut self, now: MonoTime) {
        if self.commits.due(now).is_none_or(|at| at > now) {
            return;
        }
        for (&epoch, session) in &mut self.sessions {
            let Some(running) = &mut session.running else { continue };
            running.rung = false;
            if running.cell.take_dirty() {
                self.commits.mark(epoch, running.cell.watermark.load(Ordering::SeqCst), None, now);
            }
        }
        if let Some((id, mut entries)) = self.commits.plan(now) {
            self.commits.retain_open(&mut entries);
            self.watching.committing(id, &entries, now);
            self.parts.consumer.submit(Command::Commit { id, entries });
        }
    }
}
