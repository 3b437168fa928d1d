//! Owns which epochs a consumer holds, what it has to say, and what its thread is to do. Every change of an epoch is made here,
//! under the lock of `shared`: so an epoch is open or it is not, whoever asks.

use super::owned::{Owned, Read, Stage};
use super::source::Source;
use crate::error;
use millstream_core::contract::{
    Applied, Assigned, Command, CommitEntry, CommitId, Committed, CommittedOffset, ConsumerEvent, Epoch, EpochEnd, Error,
    NotApplied, Offset, PartitionFault, TopicId, TopicPartition,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most commits that wait to be sent. Whoever submits more without an answer to any has lost count.
const MOST_COMMITS: usize = 1_024;

/// What the member's thread is to do.
pub(super) enum Task {
    Start {
        epoch: Epoch,
        at: Offset,
    },
    Restart {
        place: TopicPartition,
        source: Source,
        at: Offset,
    },
    Commit {
        id: CommitId,
        entries: Vec<CommitEntry>,
    },
    /// Was given up without being asked for: it stays assigned and reads nothing.
    Park(TopicPartition),
    /// It cannot be read at this offset: what is wrong is to be looked up.
    Fault {
        place: TopicPartition,
        epoch: Epoch,
        at: Offset,
    },
    /// Something is wrong with it, and was told.
    Broken(TopicPartition),
    Confirm,
    Close {
        by: Instant,
        answer: oneshot::Sender<Result<(), Error>>,
    },
    /// Nobody holds the consumer any more.
    Gone,
}

/// A partition that was assigned and of which must be found out where it stands.
pub(super) struct Looking {
    pub(super) ticket: u64,
    pub(super) source: Source,
    pub(super) resume: Option<Offset>,
}

/// What was found out about a partition.
pub(super) struct Found {
    pub(super) topic_id: TopicId,
    pub(super) committed: Option<CommittedOffset>,
    pub(super) bounds: Option<(Offset, Offset)>,
}

pub(crate) struct State {
    /// What must come out before any batch.
    pub(super) events: VecDeque<ConsumerEvent>,
    pub(super) tasks: VecDeque<Task>,
    /// By rising epoch.
    pub(super) owned: Vec<Owned>,
    pub(super) looking: BTreeMap<TopicPartition, Looking>,
    tickets: u64,
    epochs: u64,
    /// Where the round over the partitions goes on.
    round: usize,
    max_batch: usize,
    /// Closed, or at its end.
    pub(super) ended: bool,
}

impl State {
    pub(super) fn new(max_batch: usize) -> Self {
        State {
            events: VecDeque::new(),
            tasks: VecDeque::new(),
            owned: Vec::new(),
            looking: BTreeMap::new(),
            tickets: 0,
            epochs: 0,
            round: 0,
            max_batch,
            ended: false,
        }
    }

    /// What there is to say now, events before records.
    pub(super) fn next(&mut self) -> Option<ConsumerEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if self.ended {
            return Some(ConsumerEvent::Fatal(error::closed()));
        }
        let count = self.owned.len();
        for step in 0..count {
            let index = (self.round + step) % count;
            let owned = &mut self.owned[index];
            let Some(read) = owned.read(self.max_batch) else { continue };
            let epoch = owned.epoch;
            self.round = index + 1;
            match read {
                Read::Records(batch) => return Some(ConsumerEvent::Records(batch)),
                Read::Advanced(next) => return Some(ConsumerEvent::Advanced { epoch, next }),
                Read::Fault(fault) => {
                    self.tasks.push_back(Task::Broken(owned.place.clone()));
                    return Some(ConsumerEvent::Fault { epoch, fault });
                }
                Read::LookUp => {
                    let (place, at) = (owned.place.clone(), owned.position);
                    self.tasks.push_back(Task::Fault { place, epoch, at });
                }
            }
        }
        None
    }

    /// Does what can be done at once, and leaves the rest to the thread. Whether there is something for it.
    pub(super) fn obey(&mut self, command: Command) -> bool {
        let before = self.tasks.len();
        match command {
            Command::Want { epoch, records, bytes } => {
                if let Some(owned) = self.owned(epoch) {
                    owned.want(records, bytes);
                }
            }
            Command::Start { epoch, at } => {
                if let Some(owned) = self.owned(epoch)
                    && owned.stage == Stage::Told
                {
                    owned.stage = Stage::Starting(at);
                    self.tasks.push_back(Task::Start { epoch, at });
                }
            }
            Command::Pause { epoch } | Command::Resume { epoch } => {
                let paused = matches!(command, Command::Pause { .. });
                if let Some(owned) = self.owned(epoch) {
                    owned.paused = paused;
                }
            }
            Command::Commit { id, entries } => self.commit(id, entries),
            Command::Release { epoch } => {
                // Released is its end: what was about to be said of it, its loss too, is not said any more.
                self.events.retain(|event| !is_about(event, epoch));
                if let Some(owned) = self.remove(epoch) {
                    self.tasks.push_back(Task::Park(owned.place));
                }
            }
            Command::Restart { epoch, at } => {
                if let Some(owned) = self.remove(epoch) {
                    self.events.retain(|event| !is_about(event, epoch));
                    self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
                    let (place, revoking) = (owned.place.clone(), owned.revoking.is_some());
                    self.tasks.push_back(match revoking {
                        // It is on its way to somebody else and does not come back.
                        true => Task::Park(place),
                        false => Task::Restart { place, source: owned.into_source(), at },
                    });
                }
            }
            Command::Confirm => self.tasks.push_back(Task::Confirm),
            _ => {}
        }
        self.tasks.len() > before
    }

    fn commit(&mut self, id: CommitId, entries: Vec<CommitEntry>) {
        let waiting = self.tasks.iter().filter(|task| matches!(task, Task::Commit { .. })).count();
        let refused = match () {
            () if self.ended => NotApplied::Stale,
            () if waiting >= MOST_COMMITS => NotApplied::NotSent,
            () => return self.tasks.push_back(Task::Commit { id, entries }),
        };
        let results = entries.iter().map(|entry| (entry.epoch, entry.offset, Applied::NotApplied(refused))).collect();
        self.events.push_back(ConsumerEvent::Committed(Committed::new(id, results)));
    }

    /// Notes that a partition was assigned, and answers the ticket under which it is looked up.
    pub(super) fn look_for(&mut self, place: TopicPartition, source: Source, resume: Option<Offset>) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        self.looking.insert(place, Looking { ticket, source, resume });
        ticket
    }

    /// Whether somebody still waits for what is found out under `ticket`.
    pub(super) fn awaits(&self, place: &TopicPartition, ticket: u64) -> bool {
        self.looking.get(place).is_some_and(|looking| looking.ticket == ticket)
    }

    /// Opens an epoch, unless the partition went away meanwhile.
    pub(super) fn open(&mut self, place: &TopicPartition, ticket: u64, found: Found) {
        if !self.awaits(place, ticket) {
            return;
        }
        let Some(looking) = self.looking.remove(place) else { return };
        self.epochs += 1;
        let epoch = Epoch(self.epochs);
        let mut assigned = Assigned::new(place.clone(), epoch, found.topic_id);
        assigned.committed = found.committed;
        (assigned.log_start, assigned.end) = found.bounds.unzip();
        assigned.resume = looking.resume;
        let mut owned = Owned::new(place.clone(), epoch, found.topic_id, looking.source);
        owned.committed.clone_from(&assigned.committed);
        self.owned.push(owned);
        self.events.push_back(ConsumerEvent::Assigned(assigned));
    }

    /// A partition is asked back: its epoch, if one is open, may go on for `budget`. A partition nobody was told of goes
    /// without a word.
    pub(super) fn revoke(&mut self, place: &TopicPartition, budget: Duration) -> Option<Epoch> {
        self.looking.remove(place);
        let owned = self.owned.iter_mut().find(|owned| owned.place == *place)?;
        owned.revoking = Some(Instant::now() + budget);
        let epoch = owned.epoch;
        self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(budget) });
        Some(epoch)
    }

    /// A partition is gone.
    pub(super) fn lose(&mut self, place: &TopicPartition) {
        self.looking.remove(place);
        if let Some(epoch) = self.owned.iter().find(|owned| owned.place == *place).map(|owned| owned.epoch) {
            self.lose_epoch(epoch);
        }
    }

    pub(super) fn lose_epoch(&mut self, epoch: Epoch) {
        if self.remove(epoch).is_some() {
            self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
        }
    }

    pub(super) fn lose_all(&mut self) {
        self.looking.clear();
        for epoch in self.owned.iter().map(|owned| owned.epoch).collect::<Vec<_>>() {
            self.lose_epoch(epoch);
        }
    }

    /// Something is wrong with a partition, if it is still owned under this epoch.
    pub(super) fn fault(&mut self, epoch: Epoch, fault: PartitionFault) {
        if let Some(owned) = self.owned(epoch) {
            owned.stage = Stage::Faulted;
            let place = owned.place.clone();
            self.tasks.push_back(Task::Broken(place));
            self.events.push_back(ConsumerEvent::Fault { epoch, fault });
        }
    }

    /// The consumer ends. What became of commits is still told.
    pub(super) fn end(&mut self, why: Option<Error>) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.events.retain(|event| matches!(event, ConsumerEvent::Committed(_)));
        self.owned.clear();
        self.looking.clear();
        self.events.extend(why.map(ConsumerEvent::Fatal));
    }

    pub(super) fn owned(&mut self, epoch: Epoch) -> Option<&mut Owned> {
        let index = self.index(epoch)?;
        Some(&mut self.owned[index])
    }

    /// Whether an entry may be written.
    pub(super) fn is_open(&self, entry: &CommitEntry) -> bool {
        self.index(entry.epoch).is_some_and(|index| self.owned[index].place == entry.partition)
    }

    /// Under which leader an entry's last record was written, if it is known.
    pub(super) fn leader_of(&self, entry: &CommitEntry) -> Option<i32> {
        entry.leader_epoch.or_else(|| self.owned[self.index(entry.epoch)?].led_below(entry.offset))
    }

    pub(super) fn is_held(&self, epoch: Epoch) -> bool {
        self.index(epoch).is_some()
    }

    fn index(&self, epoch: Epoch) -> Option<usize> {
        self.owned.binary_search_by_key(&epoch, |owned| owned.epoch).ok()
    }

    fn remove(&mut self, epoch: Epoch) -> Option<Owned> {
        let index = self.index(epoch)?;
        // The round goes on with the same partition.
        self.round -= usize::from(index < self.round);
        Some(self.owned.remove(index))
    }
}

/// Whether an event speaks of an epoch's state.
fn is_about(event: &ConsumerEvent, of: Epoch) -> bool {
    matches!(event, ConsumerEvent::Ending { epoch, .. } | ConsumerEvent::Fault { epoch, .. } if *epoch == of)
}
