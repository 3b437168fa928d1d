//! Owns the consumer with a flaw: what it hears of the log is bent on the way out, what it is told on the way in.

use crate::batches::filtered;
use crate::flaw::Flaw;
use crate::transport::Counters;
use millstream_core::contract::{
    Applied, Assigned, Close, Command, CommitEntry, Committed, CommittedOffset, Consumer, ConsumerEvent, ConsumerRequest, Epoch,
    EpochEnd, Error, ErrorKind, NotApplied, Offset, Operation, PartitionFault, TopicPartition,
};
use millstream_memory::{Memory, MemoryConsumer};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use tokio::task::{coop, yield_now};
use tokio::time::Instant;

pub(crate) struct BrokenConsumer {
    inner: MemoryConsumer,
    memory: Memory,
    request: ConsumerRequest,
    flaw: Option<Flaw>,
    counters: Arc<Counters>,
    /// What comes out next.
    queue: VecDeque<ConsumerEvent>,
    /// The partition of each epoch there was.
    places: BTreeMap<Epoch, TopicPartition>,
    open: BTreeSet<Epoch>,
    started: BTreeSet<Epoch>,
    revoking: BTreeSet<Epoch>,
    paused: BTreeSet<TopicPartition>,
    late: Vec<Command>,
    polled: Instant,
}

impl BrokenConsumer {
    pub(crate) fn new(
        inner: MemoryConsumer,
        memory: Memory,
        request: ConsumerRequest,
        flaw: Option<Flaw>,
        counters: Arc<Counters>,
    ) -> Self {
        BrokenConsumer {
            inner,
            memory,
            request,
            flaw,
            counters,
            queue: VecDeque::new(),
            places: BTreeMap::new(),
            open: BTreeSet::new(),
            started: BTreeSet::new(),
            revoking: BTreeSet::new(),
            paused: BTreeSet::new(),
            late: Vec::new(),
            polled: Instant::now(),
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn alone(&self) -> bool {
        !self.request.partitions.is_empty()
    }

    /// Takes everything that the log has to say now.
    fn prefetch(&mut self) {
        loop {
            let event = {
                let mut poll = pin!(coop::unconstrained(self.inner.poll()));
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                match poll.as_mut().poll(&mut cx) {
                    Poll::Ready(event) => event,
                    Poll::Pending => return,
                }
            };
            self.hear(event);
        }
    }

    /// The newest open epoch of the same partition.
    fn heir(&self, of: Epoch) -> Epoch {
        let Some(place) = self.places.get(&of) else { return of };
        self.open.iter().rev().copied().find(|epoch| self.places.get(epoch) == Some(place)).unwrap_or(of)
    }

    fn hear(&mut self, event: ConsumerEvent) {
        if self.has(Flaw::RebalanceResumes) && matches!(event, ConsumerEvent::Ending { .. }) {
            self.open.iter().for_each(|&epoch| self.inner.submit(Command::Resume { epoch }));
        }
        match event {
            ConsumerEvent::Assigned(assigned) => self.hear_assigned(assigned),
            ConsumerEvent::Ending { epoch, how } => self.hear_ending(epoch, how),
            ConsumerEvent::Committed(committed) => self.hear_committed(committed),
            ConsumerEvent::Records(mut batch) => {
                let batch = match self.flaw {
                    Some(Flaw::SkipsARecord) => filtered(&batch, |at, _| at != 4),
                    Some(Flaw::OffsetsAreDense) => {
                        let first = batch.view(0).offset();
                        filtered(&batch, |at, view| view.offset() == first + at as u64)
                    }
                    Some(Flaw::NextIsTheLast) => {
                        batch.next -= 1;
                        Some(batch)
                    }
                    _ => Some(batch),
                };
                if self.has(Flaw::RepeatsABatch) {
                    self.queue.extend(batch.clone().map(ConsumerEvent::Records));
                }
                self.queue.extend(batch.map(ConsumerEvent::Records));
            }
            ConsumerEvent::Advanced { .. } if self.has(Flaw::TailUntold) => {}
            ConsumerEvent::Fault { fault: PartitionFault::Truncated(_), .. } if self.has(Flaw::CutsUntold) => {}
            ConsumerEvent::Fault { fault: PartitionFault::Recreated(_), epoch } if self.has(Flaw::NamesAreTopics) => {
                let batches = self.places.get(&epoch).map(|place| self.memory.read(&place.topic, place.partition, 0, 10));
                for mut batch in batches.into_iter().flatten() {
                    batch.epoch = epoch;
                    self.queue.push_back(ConsumerEvent::Records(batch));
                }
            }
            ConsumerEvent::Fault { .. } if self.has(Flaw::FaultsAreFatal) => {
                let error = Error::new(ErrorKind::Invalid, Operation::Fetch, "as the flaw has it");
                self.queue.push_back(ConsumerEvent::Fatal(error));
            }
            ConsumerEvent::Confirmed if self.has(Flaw::NeverConfirms) || self.has(Flaw::ConfirmsUnasked) => {}
            event => self.queue.push_back(event),
        }
    }

    fn hear_assigned(&mut self, mut assigned: Assigned) {
        let epoch = assigned.epoch;
        self.open.insert(epoch);
        self.places.insert(epoch, assigned.partition.clone());
        match self.flaw {
            Some(Flaw::StartsByItself) => {
                self.inner.submit(Command::Start { epoch, at: 0 });
                self.inner.submit(Command::Want { epoch, records: 100, bytes: u64::MAX });
            }
            Some(Flaw::MetadataForgotten) => {
                if let Some(committed) = &mut assigned.committed {
                    committed.metadata = None;
                }
            }
            Some(Flaw::NoCommitIsZero) => {
                assigned.committed.get_or_insert_with(|| CommittedOffset::new(0, None));
            }
            Some(Flaw::EndsUnknown) if self.alone() => (assigned.log_start, assigned.end) = (None, None),
            _ => {}
        }
        assigned.epoch = self.bent(epoch);
        self.queue.push_back(ConsumerEvent::Assigned(assigned));
    }

    fn hear_ending(&mut self, epoch: Epoch, how: EpochEnd) {
        let told = ConsumerEvent::Ending { epoch: self.bent(epoch), how };
        match how {
            EpochEnd::Revoking(_) => {
                self.revoking.insert(epoch);
                if self.has(Flaw::RevokedIsFree) {
                    self.inner.submit(Command::Release { epoch });
                }
            }
            EpochEnd::Lost => {
                self.open.remove(&epoch);
                if self.has(Flaw::EndsTwice) {
                    self.queue.push_back(ConsumerEvent::Ending { epoch, how });
                }
                if self.has(Flaw::BudgetEndsUntold) && self.revoking.contains(&epoch) {
                    return;
                }
            }
        }
        self.queue.push_back(told);
    }

    fn hear_committed(&mut self, mut committed: Committed) {
        let stale = Applied::NotApplied(NotApplied::Stale);
        for (epoch, _, applied) in &mut committed.results {
            match self.flaw {
                Some(Flaw::StaleIsApplied) if *applied == stale => *applied = Applied::Applied,
                Some(Flaw::UnknownIsApplied) if *applied == Applied::Unknown => *applied = Applied::Applied,
                Some(Flaw::ReadersCommit) if *applied == Applied::NotApplied(NotApplied::Refused) => *applied = Applied::Applied,
                Some(Flaw::StaleEndsTheEpoch) if *applied == stale => {
                    self.inner.submit(Command::Restart { epoch: *epoch, at: 0 });
                }
                _ => {}
            }
        }
        if self.has(Flaw::EpochsFall) {
            committed.results.iter_mut().for_each(|(epoch, ..)| *epoch = Epoch(FAR - epoch.0));
        }
        if self.has(Flaw::AnswersTheFirst) {
            committed.results.truncate(1);
        }
        if self.has(Flaw::AnswersTwice) {
            self.queue.push_back(ConsumerEvent::Committed(committed.clone()));
        }
        self.queue.push_back(ConsumerEvent::Committed(committed));
    }

    /// The epoch's number as it is told, and the other way round.
    fn bent(&self, epoch: Epoch) -> Epoch {
        if self.has(Flaw::EpochsFall) { Epoch(FAR - epoch.0) } else { epoch }
    }

    fn start(&mut self, epoch: Epoch, mut at: Offset) {
        let Some(place) = self.places.get(&epoch).cloned() else { return };
        let (start, end) = (self.memory.log_start(&place.topic, place.partition), self.memory.end(&place.topic, place.partition));
        let (start, end) = (start.unwrap_or(0), end.unwrap_or(0));
        let first = !self.started.contains(&epoch);
        match self.flaw {
            Some(Flaw::ResetsSilently) if at < start || at > end => at = start,
            Some(Flaw::StartsAtBatches) => at -= at % 7,
            Some(Flaw::SecondStartSeeks) if !first => {
                for mut batch in self.memory.read(&place.topic, place.partition, at, 100) {
                    batch.epoch = epoch;
                    self.queue.push_back(ConsumerEvent::Records(batch));
                }
            }
            Some(Flaw::GapsAreOutside) => {
                let found = self.memory.read(&place.topic, place.partition, at, 1);
                if found.first().is_none_or(|batch| batch.view(0).offset() != at) {
                    let fault = PartitionFault::OutOfRange { requested: at, log_start: start, end };
                    self.queue.push_back(ConsumerEvent::Fault { epoch, fault });
                }
            }
            Some(Flaw::PausesSurvive) if self.paused.contains(&place) => self.inner.submit(Command::Pause { epoch }),
            _ => {}
        }
        self.started.insert(epoch);
        self.inner.submit(Command::Start { epoch, at });
    }

    fn want(&mut self, epoch: Epoch, mut records: u32, mut bytes: u64) {
        match self.flaw {
            Some(Flaw::RecordsUnlimited) if records > 0 => records = u32::MAX,
            Some(Flaw::BytesUnlimited) => bytes = u64::MAX,
            Some(Flaw::LargeRecordsWait) if bytes < 1_000 => records = 0,
            _ => {}
        }
        self.inner.submit(Command::Want { epoch, records, bytes });
    }

    fn commit(&mut self, entries: &mut [CommitEntry]) {
        let most = 4_096;
        for entry in entries {
            if self.has(Flaw::MetadataCut)
                && let Some(text) = &mut entry.metadata
            {
                text.truncate(most);
            }
            if self.has(Flaw::ZombiesCommit) {
                let (topic, partition) = (&entry.partition.topic, entry.partition.partition);
                self.memory.set_committed(&self.request.group, topic, partition, Some(entry.offset));
            }
        }
    }

    /// What falls on a command before the log hears it.
    fn bend(&mut self, command: Command) -> Option<Command> {
        let to = |epoch: Epoch| if self.has(Flaw::OldEpochsObeyed) { self.heir(epoch) } else { self.bent(epoch) };
        Some(match command {
            Command::Start { epoch, at } => Command::Start { epoch: to(epoch), at },
            Command::Want { epoch, records, bytes } => Command::Want { epoch: to(epoch), records, bytes },
            Command::Restart { epoch, at } => Command::Restart { epoch: to(epoch), at },
            Command::Pause { epoch } => Command::Pause { epoch: to(epoch) },
            Command::Resume { epoch } => Command::Resume { epoch: to(epoch) },
            Command::Release { epoch } => Command::Release { epoch: to(epoch) },
            Command::Commit { id, mut entries } => {
                if self.has(Flaw::EpochsFall) {
                    entries.iter_mut().for_each(|entry| entry.epoch = Epoch(FAR - entry.epoch.0));
                }
                self.commit(&mut entries);
                Command::Commit { id, entries }
            }
            other => other,
        })
    }
}

/// Above every epoch of a case.
const FAR: u64 = 1_000_000;

impl Consumer for BrokenConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        for command in std::mem::take(&mut self.late) {
            self.inner.submit(command);
        }
        if self.has(Flaw::ReadersExpire) && self.alone() && self.polled.elapsed() >= self.request.session_timeout {
            self.open.clone().into_iter().for_each(|epoch| self.inner.submit(Command::Restart { epoch, at: 0 }));
        }
        self.polled = Instant::now();
        loop {
            if self.has(Flaw::ControlBehindData) {
                self.prefetch();
            }
            if let Some(event) = self.queue.pop_front() {
                return event;
            }
            let event = self.inner.poll().await;
            if self.has(Flaw::DroppedPollLoses) {
                yield_now().await;
            }
            self.hear(event);
        }
    }

    fn submit(&mut self, command: Command) {
        let Some(command) = self.bend(command) else { return };
        match command {
            Command::Start { epoch, at } => return self.start(epoch, at),
            Command::Want { epoch, records, bytes } => return self.want(epoch, records, bytes),
            Command::Restart { epoch, .. } => {
                self.open.remove(&epoch);
                if self.has(Flaw::DeliversAfterTheEnd) {
                    self.prefetch();
                    let fetched = std::mem::take(&mut self.queue);
                    self.inner.submit(command);
                    self.queue.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
                    self.queue.extend(fetched);
                    return;
                }
            }
            Command::Pause { epoch } => {
                if self.has(Flaw::PausesIgnored) {
                    return;
                }
                self.paused.extend(self.places.get(&epoch).cloned());
            }
            Command::Release { epoch } => {
                self.open.remove(&epoch);
                if self.has(Flaw::SpeaksOfReleased) {
                    self.queue.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
                }
            }
            Command::Commit { .. } if self.has(Flaw::CloseDropsCommits) => return self.late.push(command),
            Command::Confirm if self.has(Flaw::ConfirmsUnasked) => self.queue.push_back(ConsumerEvent::Confirmed),
            _ => {}
        }
        self.inner.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        if self.has(Flaw::CloseHangs) {
            self.inner.submit(Command::Confirm);
            while !matches!(self.inner.poll().await, ConsumerEvent::Confirmed) {}
        }
        let silently = self.has(Flaw::LeavesUntold)
            || self.has(Flaw::SecondLeaves) && self.counters.left.fetch_add(1, Ordering::Relaxed) == 0;
        match how {
            Close::Leave(within) if silently => self.inner.close(Close::Stay(within)).await,
            how => self.inner.close(how).await,
        }
    }
}
