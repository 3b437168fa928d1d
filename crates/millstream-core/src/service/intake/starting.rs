//! Owns the start of an epoch: its worker, its cell, its first commit, and the first demand. Leaves where it starts to `start`
//! and `restoring`.

use super::Intake;
use super::restoring::Prepared;
use super::session::{Running, grant};
use super::start::{StartAt, start_at};
use crate::clock::MonoTime;
use crate::contract::{Command, Consumer, Epoch, Error, TopicPartition};
use crate::engine::{Note, Quarantine, Window};
use crate::process::spawn;
use crate::service::cell::Cell;
use crate::service::retry_topics::RetryPlace;
use crate::service::worker::Worker;

impl Intake {
    /// Starts an epoch whose state is read back, if it has any.
    pub(super) fn start(
        &mut self,
        epoch: Epoch,
        partition: TopicPartition,
        ready: Option<Prepared>,
        now: MonoTime,
    ) -> Result<(), Error> {
        let Some(session) = self.sessions.get_mut(&epoch) else { return Ok(()) };
        let Prepared { at, commit, table, replays } = match ready {
            Some(ready) => ready,
            None => {
                // What lies in a retry topic was put there by this group: none of it may be skipped.
                let copied = session.plan.retries.as_ref().is_some_and(RetryPlace::is_retry);
                let policy = if copied { StartAt::Earliest } else { self.parts.start_at };
                Prepared::plain(start_at(&session.assigned, policy)?)
            }
        };
        let plan = session.plan.clone();
        let committed = session.assigned.committed.as_ref();
        let note = Note::read(committed.and_then(|committed| committed.metadata.as_deref()));
        let committed = committed.map(|committed| committed.offset);
        let quarantine = Quarantine::on_assigned(note, at, plan.settings.in_flight_records, self.parts.incarnation);
        let quarantine = quarantine.keeping(table.as_ref().map(|(_, end)| *end));
        let open_note = quarantine.note_now(false);
        let cell = Cell::new(epoch, at, self.bell.clone(), self.suspect.clone());
        self.parts.watchdog.watch(format!("handler {} on {partition}", plan.handler), &cell);
        let meters = self.watching.partition(&session.assigned);
        let topic_id = session.assigned.topic_id;
        let worker = Worker::new(
            plan.clone(),
            cell.clone(),
            partition.clone(),
            topic_id,
            at,
            quarantine,
            (table.map(|(table, _)| table), replays),
        );
        spawn(&mut self.workers, &self.parts.runtime, worker.run());
        // The open note makes a crash visible to the next owner, even one before the first commit.
        #[cfg(millstream_planted)]
        let place = partition.clone();
        self.commits.open(epoch, partition, commit, committed, now);
        // It goes before anything is read: a record that kills its process at once must be met with care the next time.
        self.commits.mark(epoch, commit, Some(open_note.to_string()), now);
        planted!(B06: if let Some(late) = self.ended.late(&place) { self.commits.mark(epoch, late, None, now) });
        self.commits.flush_now();
        self.parts.consumer.submit(Command::Start { epoch, at });
        let window = Window::new(plan.window());
        #[cfg(millstream_planted)]
        let window = self.ended.window(window, plan.window());
        let running = Running { cell, window, freed: (0, 0), granted: 0, draining: false, rung: false, noting: None, meters };
        let running = session.running.insert(running);
        grant(&mut self.parts.consumer, running, self.parts.request.max_batch);
        Ok(())
    }
}
