//! Owns one process: its intake, its workers and its consumer, driven as `service/intake/` does it. The methods have the
//! names of the ones they follow.

use super::client::{Client, Fetched, Request, Told};
use super::search::Violation;
use super::truth::Truth;
use super::worker::{Control, Worker};
use super::world::World;
use millstream_core::clock::MonoTime;
use millstream_core::contract::{
    Applied, Assigned, Committed, CommittedOffset, Epoch, EpochEnd, Offset, TopicId, TopicPartition,
};
use millstream_core::engine::{CommitPolicy, Commits, EpochAction, Epochs, Note, Quarantine, Window, WindowPolicy};
use millstream_core::planted;
use std::collections::{BTreeMap, VecDeque};

/// What a member meets while something happens to it.
pub(super) struct Cx<'a> {
    /// The world's settings.
    pub(super) world: &'a World,
    /// The time.
    pub(super) now: MonoTime,
    /// What has really happened.
    pub(super) truth: &'a mut Truth,
    /// Promises that are broken by it.
    pub(super) broken: &'a mut Vec<Violation>,
    /// Epochs it gives up.
    pub(super) released: &'a mut Vec<Epoch>,
}

/// What a started epoch adds (`intake/session.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    window: Window,
    freed: u64,
    granted: u32,
    draining: bool,
    rung: bool,
    noting: Option<(Offset, u64)>,
}

/// One epoch as the intake sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    committed: Option<(Offset, Option<String>)>,
    running: Option<Running>,
    /// The end of the budget, once it is revoked.
    until: Option<MonoTime>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    /// Crashes before.
    pub(super) life: u8,
    /// Its consumer.
    pub(super) client: Client,
    number: u8,
    epochs: Epochs,
    commits: Commits,
    sessions: BTreeMap<Epoch, Session>,
    workers: BTreeMap<Epoch, Worker>,
    /// Set once its service is told to stop.
    leaving: Option<MonoTime>,
    /// Something was said to a worker that it has to look at.
    awake: bool,
}

/// The one partition.
pub(super) fn partition() -> TopicPartition {
    TopicPartition::new("paper.orders.new".parse().expect("a topic's name"), 0)
}

/// Batches that may wait in a worker's inbox.
const QUEUED: usize = 2;

impl Member {
    /// Member `number` after so many crashes, with nothing.
    pub(super) fn new(world: &World, number: u8, life: u8) -> Self {
        Member {
            life,
            client: Client::default(),
            number,
            epochs: Epochs::new(),
            commits: Commits::new(CommitPolicy::new(world.commit_every, 10_000)),
            sessions: BTreeMap::new(),
            workers: BTreeMap::new(),
            leaving: None,
            awake: false,
        }
    }

    /// Its workers, with their epochs.
    pub(super) fn workers(&self) -> impl Iterator<Item = (Epoch, &Worker)> {
        self.workers.iter().map(|(epoch, worker)| (*epoch, worker))
    }

    /// Whether its service was told to stop, and all is given up or time is up.
    pub(super) fn has_left(&self, now: MonoTime) -> bool {
        self.leaving.is_some_and(|by| by <= now || self.epochs.is_empty())
    }

    /// Whether its service was told to stop.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// When it does something by itself; `None` if it has nothing to wait for.
    pub(super) fn due(&self, now: MonoTime) -> Option<MonoTime> {
        let workers = self.workers.values().filter_map(Worker::timer);
        [self.commits.due(now), self.epochs.due(), self.leaving].into_iter().flatten().chain(workers).min()
    }

    // ---- what happens to it

    /// It hears what it was told first. Answers whether it has to join the group again.
    pub(super) fn hear(&mut self, cx: &mut Cx<'_>) -> bool {
        let Some(told) = self.client.told.pop_front() else { return false };
        let mut thrown_out = false;
        let actions = match told {
            Told::Assigned(epoch, committed) => {
                let mut assigned = Assigned::new(partition(), epoch, TopicId(1));
                assigned.committed = committed.clone().map(|(offset, metadata)| CommittedOffset::new(offset, metadata));
                assigned.log_start = Some(0);
                self.client.owned = Some(super::client::Owned { epoch, position: None, demand: 0 });
                let actions = self.epochs.assigned(&assigned);
                self.sessions.insert(epoch, Session { committed, running: None, until: None });
                actions
            }
            Told::Revoking(epoch) => {
                let until = cx.now.after(cx.world.budget);
                if let Some(session) = self.sessions.get_mut(&epoch) {
                    session.until = Some(session.until.map_or(until, |before| before.min(until)));
                }
                self.epochs.ending(epoch, EpochEnd::Revoking(cx.world.budget), cx.now)
            }
            Told::Lost(epoch) => {
                thrown_out = true;
                self.client.release(epoch);
                self.epochs.ending(epoch, EpochEnd::Lost, cx.now)
            }
        };
        self.act(actions, cx);
        self.look_around(cx);
        thrown_out
    }

    /// A batch comes.
    pub(super) fn take(&mut self, mut batch: Fetched, cx: &mut Cx<'_>) {
        if planted!(B22) {
            batch.epoch = self.sessions.keys().next_back().copied().unwrap_or(batch.epoch);
        }
        if let Some(running) = self.sessions.get_mut(&batch.epoch).and_then(|session| session.running.as_mut()) {
            let worker = self.workers.get_mut(&batch.epoch).expect("a started epoch has a worker");
            match batch.record {
                Some(offset) => {
                    running.granted = running.granted.saturating_sub(1);
                    running.window.delivered(1, 1);
                    worker.push(offset, batch.next);
                    if running.window.records() > cx.world.in_flight {
                        cx.broken.push(Violation::new("I11", "more records are in flight than may be"));
                    }
                    grant(&mut self.client, batch.epoch, running, worker);
                }
                None => worker.advance(batch.next),
            }
            worker.turn(cx);
        }
        self.look_around(cx);
    }

    /// Something happens to the worker of `epoch`, which then has a turn.
    pub(super) fn with_worker(&mut self, epoch: Epoch, cx: &mut Cx<'_>, what: impl FnOnce(&mut Worker, &mut Cx<'_>)) {
        if let Some(worker) = self.workers.get_mut(&epoch) {
            what(worker, cx);
            worker.turn(cx);
        }
        self.look_around(cx);
    }

    /// The worker of `epoch` ends, and the intake hears of it.
    pub(super) fn worker_ended(&mut self, epoch: Epoch, cx: &mut Cx<'_>) {
        let Some(worker) = self.workers.get_mut(&epoch) else { return };
        if worker.cell.report.is_none() {
            worker.end(false);
        }
        let (watermark, note) = worker.cell.report.expect("it has just ended");
        worker.gone = true;
        if let Some(watermark) = watermark {
            self.commits.mark(epoch, watermark, Some(note.to_string()), cx.now);
            self.commits.flush_now();
        }
        let actions = self.epochs.worker_ended(epoch);
        self.act(actions, cx);
        self.look_around(cx);
    }

    /// A commit's outcome comes.
    pub(super) fn committed(&mut self, committed: &Committed, cx: &mut Cx<'_>) {
        self.commits.outcome(committed, cx.now);
        if planted!(B41) {
            for (epoch, _, applied) in &committed.results {
                if matches!(applied, Applied::NotApplied(_)) {
                    let actions = self.epochs.ending(*epoch, EpochEnd::Lost, cx.now);
                    self.act(actions, cx);
                }
            }
        }
        self.look_around(cx);
    }

    /// Its service is told to stop.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>) {
        let by = cx.now.after(cx.world.budget);
        self.leaving = Some(by);
        for session in self.sessions.values_mut() {
            session.until = Some(session.until.map_or(by, |before| before.min(by)));
        }
        let actions = self.epochs.drain(by);
        self.act(actions, cx);
        self.look_around(cx);
    }

    /// Its timers fire.
    pub(super) fn wake(&mut self, cx: &mut Cx<'_>) {
        self.awake = true;
        self.look_around(cx);
    }

    // ---- `intake/mod.rs`

    /// Turns of the intake and of the workers it wakes, until nothing moves.
    fn look_around(&mut self, cx: &mut Cx<'_>) {
        loop {
            if std::mem::take(&mut self.awake) {
                for worker in self.workers.values_mut() {
                    worker.turn(cx);
                }
            }
            self.look(cx);
            if !self.awake {
                break;
            }
        }
        let sessions = &self.sessions;
        self.workers.retain(|epoch, worker| !worker.gone || sessions.contains_key(epoch));
    }

    fn look(&mut self, cx: &mut Cx<'_>) {
        for (&epoch, session) in &mut self.sessions {
            let (Some(running), Some(worker)) = (&mut session.running, self.workers.get_mut(&epoch)) else { continue };
            let cell = &mut worker.cell;
            if let Some((offset, note)) = cell.note.take() {
                self.commits.mark(epoch, cell.watermark, Some(note.to_string()), cx.now);
                running.noting = Some((offset, self.commits.version(epoch)));
                self.commits.flush_now();
            } else if !running.rung && cell.dirty {
                self.commits.mark(epoch, cell.watermark, None, cx.now);
                running.rung = true;
            }
            if let Some((offset, version)) = running.noting
                && self.commits.has_applied(epoch, version)
            {
                running.noting = None;
                cell.noted = Some(offset);
                self.awake = true;
            }
            grant(&mut self.client, epoch, running, worker);
        }
        let mut actions = self.epochs.tick(cx.now);
        let decided = |epoch: &Epoch| self.commits.is_clean(*epoch) || self.commits.is_hopeless(*epoch);
        let clean: Vec<Epoch> = self.epochs.uncommitted().filter(decided).collect();
        for epoch in clean {
            actions.extend(self.epochs.last_commit(epoch));
        }
        self.act(actions, cx);
        self.commit(cx.now);
    }

    /// `intake/commit.rs`
    fn commit(&mut self, now: MonoTime) {
        if self.commits.due(now).is_none_or(|at| at > now) {
            return;
        }
        for (&epoch, session) in &mut self.sessions {
            let (Some(running), Some(worker)) = (&mut session.running, self.workers.get_mut(&epoch)) else { continue };
            running.rung = false;
            if std::mem::take(&mut worker.cell.dirty) {
                self.commits.mark(epoch, worker.cell.watermark, None, now);
            }
        }
        if let Some((id, mut entries)) = self.commits.plan(now) {
            self.commits.retain_open(&mut entries);
            debug_assert!(self.client.submitted.is_none(), "one commit is outstanding");
            self.client.submitted = Some(Request { id, entries });
        }
    }

    fn act(&mut self, actions: Vec<EpochAction>, cx: &mut Cx<'_>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                EpochAction::StartWorker { epoch, partition } => self.start(epoch, partition, cx),
                EpochAction::DrainWorker { epoch, until } => {
                    if let Some(running) = self.sessions.get_mut(&epoch).and_then(|session| session.running.as_mut()) {
                        running.draining = true;
                        self.client.want(epoch, 0);
                    }
                    self.control(epoch, Control::Drain(until));
                }
                EpochAction::StopWorker { epoch } => self.control(epoch, Control::Stop),
                EpochAction::FlushCommits => self.commits.flush_now(),
                EpochAction::Release { epoch } => {
                    self.check_release(epoch, cx);
                    self.commits.close(epoch);
                    self.client.release(epoch);
                    cx.released.push(epoch);
                }
                EpochAction::Forget { epoch } => {
                    self.commits.close(epoch);
                    self.control(epoch, Control::Stop);
                    self.sessions.remove(&epoch);
                }
            }
        }
    }

    fn control(&mut self, epoch: Epoch, control: Control) {
        let started = self.sessions.get(&epoch).is_some_and(|session| session.running.is_some());
        let Some(worker) = self.workers.get_mut(&epoch).filter(|_| started) else { return };
        let cell = &mut worker.cell;
        cell.control = match (cell.control, control) {
            (Control::Stop, _) | (_, Control::Stop) => Control::Stop,
            (Control::Drain(before), Control::Drain(until)) => Control::Drain(before.min(until)),
            (before, Control::Run) => before,
            (Control::Run, drain) => drain,
        };
        self.awake = true;
    }

    /// `intake/starting.rs`
    fn start(&mut self, epoch: Epoch, partition: TopicPartition, cx: &mut Cx<'_>) {
        if self.workers.values().any(|worker| !worker.gone) {
            cx.broken.push(Violation::new("I17", "a worker is started while another of the partition lives"));
        }
        let Some(session) = self.sessions.get_mut(&epoch) else { return };
        let committed = session.committed.as_ref().map(|(offset, _)| *offset);
        let at = committed.unwrap_or(0);
        let note = Note::read(session.committed.as_ref().and_then(|(_, metadata)| metadata.as_deref()));
        let incarnation = u64::from(self.number) * 16 + u64::from(self.life) + 1;
        let quarantine = Quarantine::on_assigned(note, at, cx.world.in_flight, incarnation);
        let open_note = quarantine.note_now(false);
        let worker = Worker::new(cx.world, at, quarantine);
        self.commits.open(epoch, partition, at, committed, cx.now);
        self.commits.mark(epoch, at, Some(open_note.to_string()), cx.now);
        self.commits.flush_now();
        self.client.start(epoch, at);
        let window = Window::new(WindowPolicy::LOCAL.records(cx.world.in_flight));
        let running = Running { window, freed: 0, granted: 0, draining: false, rung: false, noting: None };
        let running = session.running.insert(running);
        grant(&mut self.client, epoch, running, &worker);
        self.workers.insert(epoch, worker);
    }

    /// A partition is released after the outcome of its last commit or the end of its budget (I21).
    fn check_release(&self, epoch: Epoch, cx: &mut Cx<'_>) {
        let Some(session) = self.sessions.get(&epoch) else { return };
        if session.running.is_some() && !self.commits.is_clean(epoch) && session.until.is_none_or(|until| cx.now < until) {
            cx.broken.push(Violation::new("I21", format!("epoch {} is released before its last commit's outcome", epoch.0)));
        }
    }
}

/// `intake/session.rs`: asks for as much as the window has room for.
fn grant(client: &mut Client, epoch: Epoch, running: &mut Running, worker: &Worker) {
    if running.draining || worker.queued() >= QUEUED {
        return;
    }
    let freed = worker.cell.freed;
    running.window.freed(freed - running.freed, freed - running.freed);
    running.freed = freed;
    let demand = running.window.demand(worker.cell.span, 64);
    if demand.records > 0 && running.granted != demand.records {
        running.granted = demand.records;
        client.want(epoch, demand.records);
    }
}
