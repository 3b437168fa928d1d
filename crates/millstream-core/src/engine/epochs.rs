//! Owns which partition belongs to which epoch, from its assignment to its end, and whose worker may live (I17, I21).
//! Leaves commits to `commits` and the workers themselves to the service.
//!
//! Inputs are what the transport and the workers say; each answers the actions to carry out, in order. Events of unknown
//! or ended epochs answer nothing, whatever order they come in (F93).

use crate::clock::MonoTime;
use crate::contract::{Assigned, Epoch, EpochEnd, TopicPartition};
use std::collections::BTreeMap;

/// What to do about a change of ownership.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EpochAction {
    /// Start the epoch's worker. No other worker of its partition lives (B60).
    StartWorker {
        /// The epoch.
        epoch: Epoch,
        /// Its partition.
        partition: TopicPartition,
    },
    /// Tell the worker to start nothing more, finish and end. May come again with an earlier end.
    DrainWorker {
        /// The epoch.
        epoch: Epoch,
        /// The end of the whole budget, commit included; share it out with [`Drain`](super::Drain).
        until: MonoTime,
    },
    /// Tell the worker to drop everything at once and end.
    StopWorker {
        /// The epoch.
        epoch: Epoch,
    },
    /// Send what is dirty now.
    FlushCommits,
    /// Give the partition up: submit `Command::Release`. Nothing of the epoch may be sent after it (I21, B57).
    Release {
        /// The epoch.
        epoch: Epoch,
    },
    /// The epoch has ended: drop its commits, credits and hand-overs. Comes once per epoch (I17), after its `Release` if it
    /// has one. A stopped worker may still be ending; its results mean nothing any more (I3).
    Forget {
        /// The epoch.
        epoch: Epoch,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Worker {
    /// Not started: an older epoch's worker of the partition still lives.
    Waiting,
    Running,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Owned,
    Draining(MonoTime),
    /// The epoch has ended; only its worker has not.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    partition: TopicPartition,
    worker: Worker,
    phase: Phase,
}

/// The epochs of one consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epochs {
    sessions: BTreeMap<Epoch, Session>,
    newest: Option<Epoch>,
    /// Set once the service drains.
    closing: Option<MonoTime>,
}

impl Epochs {
    /// Of a consumer that owns nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A partition was assigned. While the service drains it is released unstarted (B56). An epoch that is not above all
    /// before breaks the contract (C2) and is left alone. An older epoch of the same partition that still counted as owned
    /// has ended on the other side and counts as lost.
    pub fn assigned(&mut self, assigned: &Assigned) -> Vec<EpochAction> {
        let (epoch, partition) = (assigned.epoch, assigned.partition.clone());
        let mut actions = Vec::new();
        if self.newest.is_some_and(|newest| newest >= epoch) {
            return actions;
        }
        self.newest = Some(epoch);
        let older: Vec<Epoch> = self.of(&partition).filter(|(_, s)| s.phase != Phase::Over).map(|(epoch, _)| epoch).collect();
        for older in older {
            self.lose(older, &mut actions);
        }
        if self.closing.is_some() && !planted!(B56) {
            actions.extend([EpochAction::Release { epoch }, EpochAction::Forget { epoch }]);
            return actions;
        }
        self.sessions.insert(epoch, Session { partition: partition.clone(), worker: Worker::Waiting, phase: Phase::Owned });
        self.start_next(&partition, &mut actions);
        actions
    }

    /// The transport says that an epoch ends, and how. A second `Revoking` can only shorten the first.
    pub fn ending(&mut self, epoch: Epoch, how: EpochEnd, now: MonoTime) -> Vec<EpochAction> {
        let mut actions = Vec::new();
        match how {
            EpochEnd::Lost => self.lose(epoch, &mut actions),
            EpochEnd::Revoking(budget) => self.begin_drain(epoch, now.after(budget), &mut actions),
        }
        actions
    }

    /// The epoch's worker has ended, by itself or because it was told to; everything it settled is marked. Now its last
    /// commit can be waited for, or the next epoch of the partition can start.
    pub fn worker_ended(&mut self, epoch: Epoch) -> Vec<EpochAction> {
        let mut actions = Vec::new();
        let Some(session) = self.sessions.get_mut(&epoch).filter(|session| session.worker == Worker::Running) else {
            return actions;
        };
        session.worker = Worker::Ended;
        match session.phase {
            Phase::Owned => {}
            Phase::Draining(_) if planted!(B57) => self.release(epoch, &mut actions),
            Phase::Draining(_) => actions.push(EpochAction::FlushCommits),
            Phase::Over => {
                let partition = session.partition.clone();
                self.sessions.remove(&epoch);
                self.start_next(&partition, &mut actions);
            }
        }
        actions
    }

    /// The epoch's last commit is applied: all it has marked is clean. Say it whenever that is so after
    /// [`worker_ended`](Self::worker_ended); before, it may not have been the last one and means nothing.
    pub fn last_commit(&mut self, epoch: Epoch) -> Vec<EpochAction> {
        let mut actions = Vec::new();
        if self.sessions.get(&epoch).is_some_and(|s| s.worker == Worker::Ended && matches!(s.phase, Phase::Draining(_))) {
            self.release(epoch, &mut actions);
        }
        actions
    }

    /// Ends the drains whose budget is used up.
    pub fn tick(&mut self, now: MonoTime) -> Vec<EpochAction> {
        let mut actions = Vec::new();
        let over = |session: &Session| matches!(session.phase, Phase::Draining(until) if until <= now);
        let over: Vec<Epoch> = self.sessions.iter().filter(|(_, s)| over(s)).map(|(epoch, _)| *epoch).collect();
        for epoch in over {
            self.release(epoch, &mut actions);
        }
        actions
    }

    /// The service drains until `deadline`: every epoch does, and what is assigned from now on is not started. May come
    /// again with an earlier deadline.
    pub fn drain(&mut self, deadline: MonoTime) -> Vec<EpochAction> {
        let mut actions = Vec::new();
        self.closing = Some(self.closing.map_or(deadline, |before| before.min(deadline)));
        let all: Vec<Epoch> = self.sessions.keys().copied().collect();
        for epoch in all {
            self.begin_drain(epoch, deadline, &mut actions);
        }
        actions
    }

    /// When [`tick`](Self::tick) has something to do, if anything drains.
    pub fn due(&self) -> Option<MonoTime> {
        let until = |session: &Session| match session.phase {
            Phase::Draining(until) => Some(until),
            _ => None,
        };
        self.sessions.values().filter_map(until).min()
    }

    /// Whether the epoch is owned: assigned, and not ended yet. Draining is owned.
    pub fn is_open(&self, epoch: Epoch) -> bool {
        self.sessions.get(&epoch).is_some_and(|session| session.phase != Phase::Over)
    }

    /// The epochs that drain and whose worker has ended: those whose last commit is waited for.
    pub fn uncommitted(&self) -> impl Iterator<Item = Epoch> {
        let awaits = |s: &Session| s.worker == Worker::Ended && matches!(s.phase, Phase::Draining(_));
        self.sessions.iter().filter(move |(_, session)| awaits(session)).map(|(epoch, _)| *epoch)
    }

    /// Whether no epoch is owned and no worker lives.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    fn of(&self, partition: &TopicPartition) -> impl Iterator<Item = (Epoch, &Session)> {
        self.sessions.iter().filter(move |(_, session)| session.partition == *partition).map(|(epoch, s)| (*epoch, s))
    }

    fn begin_drain(&mut self, epoch: Epoch, until: MonoTime, actions: &mut Vec<EpochAction>) {
        let Some(session) = self.sessions.get_mut(&epoch) else { return };
        let until = match session.phase {
            Phase::Over => return,
            Phase::Draining(before) if before <= until => return,
            Phase::Owned | Phase::Draining(_) => until,
        };
        session.phase = Phase::Draining(until);
        match session.worker {
            Worker::Waiting => self.release(epoch, actions),
            Worker::Running => actions.extend([EpochAction::DrainWorker { epoch, until }, EpochAction::FlushCommits]),
            Worker::Ended => actions.push(EpochAction::FlushCommits),
        }
    }

    /// Gives an owned epoch up in order.
    fn release(&mut self, epoch: Epoch, actions: &mut Vec<EpochAction>) {
        self.end(epoch, true, actions);
    }

    /// Drops an owned epoch that was taken away.
    fn lose(&mut self, epoch: Epoch, actions: &mut Vec<EpochAction>) {
        self.end(epoch, false, actions);
    }

    fn end(&mut self, epoch: Epoch, release: bool, actions: &mut Vec<EpochAction>) {
        let Some(session) = self.sessions.get_mut(&epoch).filter(|session| session.phase != Phase::Over) else { return };
        session.phase = Phase::Over;
        if session.worker == Worker::Running {
            actions.push(EpochAction::StopWorker { epoch });
        } else {
            self.sessions.remove(&epoch);
        }
        if release {
            actions.push(EpochAction::Release { epoch });
        }
        actions.push(EpochAction::Forget { epoch });
    }

    /// Starts the waiting epoch of a partition if no worker of it lives.
    fn start_next(&mut self, partition: &TopicPartition, actions: &mut Vec<EpochAction>) {
        if self.of(partition).any(|(_, session)| session.worker == Worker::Running) && !planted!(B60) {
            return;
        }
        let waiting = self.sessions.iter_mut().find(|(_, s)| s.worker == Worker::Waiting && s.partition == *partition);
        if let Some((&epoch, session)) = waiting {
            session.worker = Worker::Running;
            actions.push(EpochAction::StartWorker { epoch, partition: partition.clone() });
        }
    }
}

#[cfg(test)]
mod tests;
