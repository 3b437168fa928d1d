//! Owns what the intake does at each thing it hears: of its consumer, its workers, and who tells it to stop. Leaves the
//! turn between two of them to the intake.

use super::Intake;
use super::restoring::Ready;
use super::revoking::Saving;
use super::session::{Session, grant};
use crate::clock::MonoTime;
use crate::contract::{ConsumerEvent, Epoch, Error, ErrorKind, Operation, PartitionFault};
use crate::service::shutdown::Told;
use crate::service::worker::WorkerReport;

/// What happened while the intake waited.
pub(super) enum News {
    Told,
    Ended(Result<WorkerReport, tokio::task::JoinError>),
    Restored(Result<Ready, tokio::task::JoinError>),
    Saved(Result<Epoch, tokio::task::JoinError>),
    Woken,
    Tick,
    Said(ConsumerEvent),
}

impl Intake {
    pub(super) fn hear(&mut self, news: News, now: MonoTime) -> Result<(), Error> {
        match news {
            News::Told => {
                let told = self.parts.told.look();
                planted!(B35: if self.epochs.due().is_some() { return Ok(()) });
                if let Told::Stop(by) | Told::Abandon(by) = told {
                    self.leaving = Some(by);
                    let actions = self.epochs.drain(by);
                    self.act(actions, now)?;
                }
            }
            News::Ended(Ok(report)) => {
                if let Some(watermark) = report.watermark {
                    planted!(B06: self.completed_late(report.epoch, watermark, now));
                    self.commits.mark(report.epoch, watermark, Some(report.note.to_string()), now);
                    self.commits.flush_now();
                }
                let actions = self.epochs.worker_ended(report.epoch);
                self.act(actions, now)?;
            }
            News::Ended(Err(error)) => {
                return Err(Error::new(ErrorKind::Internal, Operation::Run, "a worker died").with_source(error));
            }
            News::Restored(Ok(ready)) => self.restored(ready, now)?,
            // It was told to end.
            News::Restored(Err(error)) if error.is_cancelled() => {}
            News::Restored(Err(error)) => {
                return Err(Error::new(ErrorKind::Internal, Operation::Run, "restoring died").with_source(error));
            }
            News::Saved(saved) => self.saved(saved),
            News::Woken | News::Tick => {}
            News::Said(event) => self.heard(event, now)?,
        }
        Ok(())
    }

    fn heard(&mut self, event: ConsumerEvent, now: MonoTime) -> Result<(), Error> {
        match event {
            ConsumerEvent::Records(batch) => {
                let Some(session) = self.sessions.get_mut(&batch.epoch) else { return Ok(()) };
                let Some(running) = &mut session.running else { return Ok(()) };
                let (records, bytes) = (batch.len() as u64, batch.bytes() as u64);
                let _polled = self.watching.polled(&batch, running.meters.as_mut(), now).entered();
                running.granted = running.granted.saturating_sub(u32::try_from(records).unwrap_or(u32::MAX));
                running.window.delivered(records, bytes);
                running.cell.push(batch, bytes);
                let max_batch = self.parts.request.max_batch;
                grant(&mut self.parts.consumer, running, max_batch);
            }
            ConsumerEvent::Advanced { epoch, next } => {
                if let Some(running) = self.sessions.get_mut(&epoch).and_then(|session| session.running.as_mut()) {
                    if let Some(meters) = &mut running.meters {
                        meters.advanced(next);
                    }
                    running.cell.advance(next);
                }
            }
            ConsumerEvent::Assigned(assigned) => {
                let Some(plan) = self.parts.plans.get(&assigned.partition.topic).cloned() else {
                    let text = format!("the group was assigned {}, which no handler asked for", assigned.partition);
                    return Err(Error::new(ErrorKind::Configuration, Operation::Group, text));
                };
                tracing::info!(partition = %assigned.partition, epoch = assigned.epoch.0, "assigned");
                let actions = self.epochs.assigned(&assigned);
                self.sessions.insert(
                    assigned.epoch,
                    Session { assigned, plan, restoring: None, running: None, saving: Saving::default() },
                );
                self.act(actions, now)?;
                // Said last: who waits for the service must see by then what it restores.
                if std::mem::take(&mut self.first) {
                    self.parts.board.assigned();
                }
            }
            ConsumerEvent::Ending { epoch, how } => {
                tracing::info!(epoch = epoch.0, ?how, "epoch ends");
                let actions = self.epochs.ending(epoch, how, now);
                self.act(actions, now)?;
                self.ask_whether_let_in(how);
                // That all it was asked about has ended is an answer too (C13), and the only one that comes.
                if self.doubted.is_some_and(|doubted| self.sessions.range(..=doubted).next().is_none()) {
                    self.trust();
                }
            }
            ConsumerEvent::Fault { epoch, fault } => self.fault(epoch, &fault),
            ConsumerEvent::Committed(committed) => {
                self.watching.committed(&committed, now);
                planted!(B41: self.end_stale(&committed, now)?);
                for trouble in self.commits.outcome(&committed, now) {
                    tracing::warn!(epoch = trouble.epoch.0, why = ?trouble.why, "commit refused");
                }
                self.tell_certain(&committed);
            }
            ConsumerEvent::Confirmed => {
                // A member that is given nothing has its answer too: it belongs to the group and is ready to take over.
                if std::mem::take(&mut self.first) {
                    self.parts.board.assigned();
                }
                self.let_in();
                self.trust();
            }
            ConsumerEvent::Degraded(error) => self.troubled(error, now)?,
            ConsumerEvent::Fatal(error) => return Err(error),
        }
        Ok(())
    }

    /// Ends a doubt: the group has answered.
    fn trust(&mut self) {
        self.doubted = None;
        self.suspicion.confirmed();
        self.suspect.set(false);
        for running in self.sessions.values().filter_map(|session| session.running.as_ref()) {
            running.cell.worker.wake();
        }
    }

    fn fault(&mut self, epoch: Epoch, fault: &PartitionFault) {
        planted!(B36: if let PartitionFault::OutOfRange { log_start, .. } = fault { return self.reset(epoch, *log_start) });
        let Some(session) = self.sessions.get(&epoch) else { return };
        // It stays parked and says so; nothing is skipped without an operator (F20).
        let place = format!("partition {}", session.assigned.partition);
        tracing::error!(partition = %session.assigned.partition, ?fault, "the partition is at fault and stays parked");
        self.parts.board.trouble(&place, Some(format!("parked: {fault:?}")));
        if matches!(fault, PartitionFault::Recreated(_) | PartitionFault::UnknownTopic) {
            // What is done was done in a topic that is gone: committed, it would skip what lies in another one of its name (F88).
            self.commits.close(epoch);
        }
    }
}
