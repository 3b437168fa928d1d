//! Owns the sending of commits that are due. Leaves when they are to the engine.

use super::Intake;
use crate::clock::MonoTime;
use crate::contract::{Command, Committed, Consumer};
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

    /// Tells workers what of theirs the group certainly has now.
    pub(super) fn tell_certain(&self, committed: &Committed) {
        for (epoch, ..) in &committed.results {
            let running = self.sessions.get(epoch).and_then(|session| session.running.as_ref());
            if let (Some(running), Some(certain)) = (running, self.commits.certain(*epoch)) {
                running.cell.committed.store(certain, Ordering::Relaxed);
            }
        }
    }
}
