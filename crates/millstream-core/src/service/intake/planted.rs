//! Owns what the planted bugs of the intake remember that the intake itself rightly forgets: ended epochs. Not part of a normal
//! build.

use super::Intake;
use super::session::Session;
use crate::clock::MonoTime;
use crate::contract::{Applied, Command, Committed, Consumer, Epoch, EpochEnd, Error, NotApplied, Offset, TopicPartition};
use crate::engine::{Window, WindowPolicy};
use std::collections::BTreeMap;

/// Ended epochs.
#[derive(Default)]
pub(super) struct Ended {
    partitions: BTreeMap<Epoch, TopicPartition>,
    /// Records that were in flight when their epochs ended.
    load: u64,
    /// What completed late, by partition.
    late: BTreeMap<TopicPartition, Offset>,
}

impl Intake {
    /// Reads on where the log begins now, as if nothing were lost.
    pub(super) fn reset(&mut self, epoch: Epoch, at: Offset) {
        self.parts.consumer.submit(Command::Restart { epoch, at });
    }

    pub(super) fn remember(&mut self, epoch: Epoch, session: &Session) {
        self.ended.partitions.insert(epoch, session.assigned.partition.clone());
        self.ended.load += session.running.as_ref().map_or(0, |running| running.window.records());
    }

    pub(super) fn end_stale(&mut self, committed: &Committed, now: MonoTime) -> Result<(), Error> {
        let stale = Applied::NotApplied(NotApplied::Stale);
        for (epoch, ..) in committed.results.iter().filter(|(.., applied)| *applied == stale) {
            let actions = self.epochs.ending(*epoch, EpochEnd::Lost, now);
            self.act(actions, now)?;
        }
        Ok(())
    }

    /// What an ended epoch has completed counts for whoever has its partition next.
    pub(super) fn completed_late(&mut self, epoch: Epoch, watermark: Offset, now: MonoTime) {
        let Some(partition) = self.ended.partitions.get(&epoch) else { return };
        let heir = |session: &Session| session.running.is_some() && session.assigned.partition == *partition;
        match self.sessions.iter().rev().find(|(_, session)| heir(session)) {
            Some((heir, _)) => self.commits.mark(*heir, watermark, None, now),
            None => drop(self.ended.late.insert(partition.clone(), watermark)),
        }
    }
}

impl Ended {
    /// What completed late for a partition.
    pub(super) fn late(&mut self, partition: &TopicPartition) -> Option<Offset> {
        self.late.remove(partition)
    }

    /// The window of a new epoch.
    pub(super) fn window(&self, mut window: Window, policy: WindowPolicy) -> Window {
        if planted!(B66) {
            return Window::new(policy.records(policy.in_flight_records + self.load));
        }
        if planted!(B25) {
            window.delivered(self.load, 0);
        }
        window
    }
}
