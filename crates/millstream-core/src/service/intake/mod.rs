//! The intake: the only owner of a consumer. Polls, hands each batch to the worker of its partition, grants demand, plans
//! and sends commits, answers the group. It never waits for a handler, a store or a producer (F13).

mod commit;
mod hearing;
#[cfg(millstream_planted)]
mod planted;
mod restoring;
mod revoking;
mod session;
mod start;
mod starting;
mod turned_away;
mod watching;

pub use start::StartAt;

use super::cell::{Bell, Control, Suspect};
use super::client_meters::Watch;
use super::health::Board;
use super::latest::Listener;
use super::plan::Plan;
use super::quote;
use super::shutdown::Told;
use super::watchdog::Watchdog;
use super::worker::WorkerReport;
use crate::clock::{Clock, MonoTime};
use crate::contract::{AnyConsumer, Close, Command, Consumer, ConsumerRequest, Epoch, Error};
use crate::engine::{CommitPolicy, Commits, EpochAction, Epochs, Suspicion};
use crate::topic::Topic;
use hearing::News;
use restoring::Ready;
use session::{Session, grant};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use watching::Watching;

/// What an intake is made of.
pub(crate) struct IntakeParts {
    pub(crate) consumer: AnyConsumer,
    pub(crate) request: ConsumerRequest,
    pub(crate) plans: BTreeMap<Topic, Arc<Plan>>,
    pub(crate) runtime: Handle,
    pub(crate) told: Listener<Told>,
    pub(crate) clock: Clock,
    pub(crate) board: Board,
    pub(crate) watchdog: Watchdog,
    pub(crate) start_at: StartAt,
    pub(crate) incarnation: u64,
    pub(crate) commit_every: Duration,
    pub(crate) watch: Watch,
}

/// The intake of one consumer.
pub(crate) struct Intake {
    parts: IntakeParts,
    epochs: Epochs,
    commits: Commits,
    suspicion: Suspicion,
    suspect: Arc<Suspect>,
    bell: Arc<Bell>,
    sessions: BTreeMap<Epoch, Session>,
    workers: JoinSet<WorkerReport>,
    restores: JoinSet<Ready>,
    saves: JoinSet<Epoch>,
    first: bool,
    leaving: Option<MonoTime>,
    /// The newest epoch when the group was asked about a doubt.
    doubted: Option<Epoch>,
    /// Since when the cluster turns it away.
    turned_away: Option<MonoTime>,
    watching: Watching,
    #[cfg(millstream_planted)]
    ended: planted::Ended,
}

impl Intake {
    pub(crate) fn new(parts: IntakeParts) -> Self {
        let policy = CommitPolicy::new(parts.commit_every, 10_000);
        Intake {
            epochs: Epochs::new(),
            commits: Commits::new(policy),
            suspicion: Suspicion::new(parts.request.session_timeout),
            suspect: Arc::default(),
            bell: Arc::default(),
            sessions: BTreeMap::new(),
            workers: JoinSet::new(),
            restores: JoinSet::new(),
            saves: JoinSet::new(),
            first: true,
            leaving: None,
            doubted: None,
            turned_away: None,
            watching: Watching::new(&parts),
            #[cfg(millstream_planted)]
            ended: planted::Ended::default(),
            parts,
        }
    }

    /// Runs until told to stop, or until the consumer or a worker fails.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let result = self.serve().await;
        // Whatever ended it, no worker outlives the intake.
        for session in self.sessions.values().filter_map(|session| session.running.as_ref()) {
            session.cell.control(Control::Stop);
        }
        self.restores.shutdown().await;
        self.saves.shutdown().await;
        while self.workers.join_next().await.is_some() {}
        let left =
            self.leaving.map_or(Duration::from_secs(1), |by| by.since(self.parts.clock.now()).max(Duration::from_millis(50)));
        let closed = tokio::time::timeout(left, self.parts.consumer.close(Close::Leave(left))).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!(group = %self.parts.request.group, "leaving the group was not confirmed: its session will expire");
        }
        result
    }

    async fn serve(&mut self) -> Result<(), Error> {
        self.parts.consumer.submit(Command::Confirm);
        let tick = tokio::time::sleep(Duration::ZERO);
        let mut tick = pin!(tick);
        loop {
            let now = self.parts.clock.now();
            self.look_around(now);
            if self.leaving.is_some() && self.epochs.is_empty() {
                return Ok(());
            }
            if self.leaving.is_some_and(|by| by <= now) {
                return Ok(());
            }
            let due = self.due(now);
            tick.as_mut().reset(self.parts.clock.instant(due));
            let news = {
                let mut told = pin!(self.parts.told.changed());
                let mut said = pin!(self.parts.consumer.poll());
                let (bell, workers, restores, saves) = (&self.bell, &mut self.workers, &mut self.restores, &mut self.saves);
                // Dropping `poll`'s future loses nothing: all state lives in the consumer.
                poll_fn(|cx| {
                    if told.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(News::Told);
                    }
                    if let Poll::Ready(Some(ended)) = workers.poll_join_next(cx) {
                        return Poll::Ready(News::Ended(ended));
                    }
                    if let Poll::Ready(Some(restored)) = restores.poll_join_next(cx) {
                        return Poll::Ready(News::Restored(restored));
                    }
                    if let Poll::Ready(Some(saved)) = saves.poll_join_next(cx) {
                        return Poll::Ready(News::Saved(saved));
                    }
                    if let Poll::Ready(event) = said.as_mut().poll(cx) {
                        return Poll::Ready(News::Said(event));
                    }
                    if tick.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(News::Tick);
                    }
                    if bell.heard(cx.waker()) { Poll::Ready(News::Woken) } else { Poll::Pending }
                })
                .await
            };
            let now = self.parts.clock.now();
            self.hear(news, now)?;
        }
    }

    /// Reads all cells, grants demand, commits what is due. Cheap, and done once per turn.
    fn look_around(&mut self, now: MonoTime) {
        self.suspect.turned(now, self.suspicion.longest_gap());
        if self.suspicion.turn(self.parts.clock.now_with_suspend()) {
            tracing::warn!(group = %self.parts.request.group, "the process was away for long: waiting for the group's answer");
            self.suspect.set(true);
            self.doubted = self.sessions.last_key_value().map(|(epoch, _)| *epoch);
            self.parts.consumer.submit(Command::Confirm);
        }
        let max_batch = self.parts.request.max_batch;
        for (&epoch, session) in &mut self.sessions {
            let Some(running) = &mut session.running else { continue };
            let cell = &running.cell;
            if let Some((offset, note)) = cell.take_note() {
                self.commits.mark(epoch, cell.watermark.load(Ordering::SeqCst), Some(note.to_string()), now);
                running.noting = Some((offset, self.commits.version(epoch)));
                self.commits.flush_now();
            } else if !running.rung && cell.is_dirty() {
                // The mark is left until the commit goes, so that a busy worker rings once an interval.
                self.commits.mark(epoch, cell.watermark.load(Ordering::SeqCst), None, now);
                running.rung = true;
            }
            if let Some((offset, version)) = running.noting
                && self.commits.has_applied(epoch, version)
            {
                running.noting = None;
                running.cell.noted(offset);
            }
            grant(&mut self.parts.consumer, running, max_batch);
            if let Some(meters) = &mut running.meters {
                meters.refresh(running.cell.watermark.load(Ordering::SeqCst), now, || self.parts.clock.wall_millis());
            }
        }
        let mut actions = self.epochs.tick(now);
        let decided = |epoch: &Epoch| self.commits.is_clean(*epoch) || self.commits.is_hopeless(*epoch);
        let clean: Vec<Epoch> = self.epochs.uncommitted().filter(decided).collect();
        for epoch in clean {
            // What the group refuses comes again: the hook must not save it as done.
            if !self.commits.is_clean(epoch) || self.is_saved(epoch) {
                actions.extend(self.epochs.last_commit(epoch));
            }
        }
        // Ending epochs start no worker that could fail.
        if let Err(error) = self.act(actions, now) {
            tracing::error!(error = quote(&error.to_string()), "an epoch could not be ended");
        }
        self.commit(now);
    }

    fn act(&mut self, actions: Vec<EpochAction>, now: MonoTime) -> Result<(), Error> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                EpochAction::StartWorker { epoch, partition } => {
                    if !self.restore(epoch) {
                        self.start(epoch, partition, None, now)?;
                    }
                }
                EpochAction::DrainWorker { epoch, until } => {
                    if let Some(running) = self.sessions.get_mut(&epoch).and_then(|session| session.running.as_mut()) {
                        // What came now would only be dropped.
                        running.draining = true;
                        self.parts.consumer.submit(Command::Want { epoch, records: 0, bytes: 0 });
                    }
                    self.control(epoch, Control::Drain(until));
                    actions.extend(self.drop_restore(epoch));
                }
                EpochAction::StopWorker { epoch } => {
                    self.control(epoch, Control::Stop);
                    actions.extend(self.drop_restore(epoch));
                }
                EpochAction::FlushCommits => self.commits.flush_now(),
                EpochAction::Release { epoch } => {
                    self.commits.close(epoch);
                    self.parts.consumer.submit(Command::Release { epoch });
                }
                EpochAction::Forget { epoch } => {
                    self.commits.close(epoch);
                    self.control(epoch, Control::Stop);
                    if let Some(session) = self.sessions.remove(&epoch) {
                        planted!(B06: self.remember(epoch, &session));
                        planted!(B25: self.remember(epoch, &session));
                        planted!(B66: self.remember(epoch, &session));
                        session.saving.abandon();
                        if let Some(running) = &session.running {
                            // Its last note is committed, or nothing can be any more.
                            session.plan.turns.pass(&running.cell);
                        }
                        self.parts.board.trouble(&format!("partition {}", session.assigned.partition), None);
                    }
                }
            }
        }
        Ok(())
    }

    fn control(&self, epoch: Epoch, control: Control) {
        if let Some(running) = self.sessions.get(&epoch).and_then(|session| session.running.as_ref()) {
            running.cell.control(control);
        }
    }

    fn due(&self, now: MonoTime) -> MonoTime {
        // A turn at least this often: a longer gap means that the process was away (§8).
        let beat = now.after(self.parts.request.session_timeout / 6);
        [self.commits.due(now), self.epochs.due(), self.leaving].into_iter().flatten().fold(beat, MonoTime::min)
    }
}
