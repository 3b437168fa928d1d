//! Owns reading: a member of a group, or a reader without one. All that happens comes out of `poll`, in order.

use crate::files::{MAX_METADATA, Shared, io};
use crate::frame;
use millstream::contract::{
    Applied, Assigned, Close, Command, CommitEntry, Committed, Consumer, ConsumerEvent, ConsumerRequest, Epoch, EpochEnd, Error,
    ErrorKind, NotApplied, Operation, PartitionFault, RecordBatch, RecordSetBuilder, TopicId, TopicPartition,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) struct FilesConsumer {
    shared: Arc<Shared>,
    request: ConsumerRequest,
    id: u64,
    changes: watch::Receiver<()>,
    /// The group's generation under which its epochs are held.
    generation: Option<u64>,
    epochs: u64,
    owned: BTreeMap<Epoch, Owned>,
    events: VecDeque<ConsumerEvent>,
    confirm: bool,
    /// The epoch that was read last, so that each has its turn.
    last: Epoch,
    /// An error was said, and until then nothing is tried again.
    trouble: Option<Instant>,
}

/// How long an error is waited out: one that lasts would be said again and again without a rest.
const TROUBLE: Duration = Duration::from_secs(1);

/// A partition under an epoch.
struct Owned {
    place: TopicPartition,
    next: Option<u64>,
    records: u32,
    bytes: u64,
    fresh: bool,
    paused: bool,
}

impl FilesConsumer {
    pub(crate) fn new(shared: Arc<Shared>, request: ConsumerRequest) -> Result<Self, Error> {
        for topic in &request.topics {
            shared.topic(topic, Operation::Group)?;
        }
        for place in &request.partitions {
            if shared.topic(&place.topic, Operation::Fetch)?.len() <= place.partition as usize {
                return Err(Error::new(ErrorKind::UnknownTopic, Operation::Fetch, format!("there is no partition {place}")));
            }
        }
        let (id, changes) = (shared.members.fetch_add(1, Ordering::Relaxed), shared.changes.subscribe());
        Ok(FilesConsumer {
            shared,
            request,
            id,
            changes,
            generation: None,
            epochs: 0,
            owned: BTreeMap::new(),
            events: VecDeque::new(),
            confirm: false,
            last: Epoch(0),
            trouble: None,
        })
    }

    fn is_alone(&self) -> bool {
        !self.request.partitions.is_empty()
    }

    /// Says to the group that it polls, and takes or loses the partitions.
    fn join(&mut self) -> Result<(), Error> {
        let held = match self.is_alone() {
            true => Some(1),
            false => self.shared.group(&self.request.group, |group| group.polls(self.id, self.request.session_timeout))?,
        };
        if held != self.generation {
            for epoch in std::mem::take(&mut self.owned).into_keys() {
                self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
            }
            self.generation = held;
            if held.is_some() {
                for place in self.places()? {
                    self.assign(place, None)?;
                }
            }
        }
        if std::mem::take(&mut self.confirm) {
            self.events.push_back(ConsumerEvent::Confirmed);
        }
        Ok(())
    }

    /// What there is to say now.
    fn next(&mut self) -> Result<Option<ConsumerEvent>, Error> {
        self.join()?;
        match self.events.pop_front() {
            Some(event) => Ok(Some(event)),
            None => self.fetch(),
        }
    }

    fn places(&self) -> Result<Vec<TopicPartition>, Error> {
        let mut places = self.request.partitions.clone();
        for topic in self.request.topics.iter().filter(|_| !self.is_alone()) {
            let count = self.shared.topic(topic, Operation::Group)?.len();
            places.extend((0..count).map(|number| TopicPartition::new(topic.clone(), u32::try_from(number).unwrap_or(u32::MAX))));
        }
        Ok(places)
    }

    fn assign(&mut self, place: TopicPartition, resume: Option<u64>) -> Result<(), Error> {
        self.epochs += 1;
        let epoch = Epoch(self.epochs);
        let mut assigned = Assigned::new(place.clone(), epoch, TopicId(1));
        if !self.is_alone() {
            assigned.committed = self.shared.group(&self.request.group, |group| group.committed(&place))?;
        }
        (assigned.log_start, assigned.end, assigned.resume) = (Some(0), Some(self.end(&place)?), resume);
        self.owned.insert(epoch, Owned { place, next: None, records: 0, bytes: 0, fresh: false, paused: false });
        self.events.push_back(ConsumerEvent::Assigned(assigned));
        Ok(())
    }

    fn end(&self, place: &TopicPartition) -> Result<u64, Error> {
        Ok(self.shared.topic(&place.topic, Operation::Fetch)?[place.partition as usize].len())
    }

    /// The next batch of whoever has demand, in turn.
    fn fetch(&mut self) -> Result<Option<ConsumerEvent>, Error> {
        let behind = self.owned.range(Epoch(self.last.0 + 1)..).map(|(epoch, _)| *epoch);
        let turns: Vec<Epoch> = behind.chain(self.owned.range(..=self.last).map(|(epoch, _)| *epoch)).collect();
        for epoch in turns {
            let owned = self.owned.get_mut(&epoch).expect("it was just named");
            let Some(next) = owned.next.filter(|_| owned.records > 0 && !owned.paused) else { continue };
            let topic = self.shared.topic(&owned.place.topic, Operation::Fetch)?;
            let partition = &topic[owned.place.partition as usize];
            let most = self.request.max_batch.min(owned.records as usize);
            let frames = partition.read(next, most, owned.bytes, owned.fresh).map_err(|error| io(Operation::Fetch, error))?;
            let (mut set, mut rest, mut count) = (RecordSetBuilder::new(next), frames.as_slice(), 0);
            while let Some((record, behind)) = frame::split(rest) {
                if frame::read(record, next + count, &mut set).is_none() {
                    let fault = PartitionFault::Corrupt(next + count);
                    owned.next = None;
                    return Ok(Some(ConsumerEvent::Fault { epoch, fault }));
                }
                owned.bytes = owned.bytes.saturating_sub(frame::size(record));
                (rest, count) = (behind, count + 1);
            }
            if count == 0 {
                continue;
            }
            (owned.fresh, owned.next) = (false, Some(next + count));
            owned.records -= u32::try_from(count).expect("it is no more than the demand");
            self.last = epoch;
            let (set, end) = (Arc::new(set.build()), partition.len());
            let batch = RecordBatch::new(owned.place.clone(), epoch, set.clone(), 0..set.len(), next + count);
            return Ok(Some(ConsumerEvent::Records(batch.with_end(end, end))));
        }
        Ok(None)
    }

    fn start(&mut self, epoch: Epoch, at: u64) -> Result<(), Error> {
        let Some(owned) = self.owned.get(&epoch).filter(|owned| owned.next.is_none()) else { return Ok(()) };
        let end = self.end(&owned.place)?;
        match self.owned.get_mut(&epoch) {
            Some(owned) if at <= end => owned.next = Some(at),
            _ => {
                let fault = PartitionFault::OutOfRange { requested: at, log_start: 0, end };
                self.events.push_back(ConsumerEvent::Fault { epoch, fault });
            }
        }
        Ok(())
    }

    /// Looked at when it is written, and not when it was said: the epoch must be open, and the member the holder.
    fn commit(&self, entry: &CommitEntry) -> Applied {
        let too_long = entry.metadata.as_ref().is_some_and(|text| text.len() > MAX_METADATA);
        if self.is_alone() || too_long {
            return Applied::NotApplied(NotApplied::Refused);
        }
        let open = self.owned.get(&entry.epoch).is_some_and(|owned| owned.place == entry.partition);
        let written = self.shared.group(&self.request.group, |group| {
            let held = open && group.held_by(self.id).is_some_and(|generation| self.generation == Some(generation));
            held.then(|| group.commit(entry))
        });
        match written {
            Ok(Some(Ok(()))) => Applied::Applied,
            Ok(Some(Err(_))) => Applied::Unknown,
            Ok(None) => Applied::NotApplied(NotApplied::Stale),
            Err(_) => Applied::NotApplied(NotApplied::NotSent),
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Start { epoch, at } => self.start(epoch, at)?,
            Command::Want { epoch, records, bytes } => {
                if let Some(owned) = self.owned.get_mut(&epoch) {
                    (owned.records, owned.bytes, owned.fresh) = (records, bytes, true);
                }
            }
            Command::Restart { epoch, at } => {
                if let Some(owned) = self.owned.remove(&epoch) {
                    self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
                    self.assign(owned.place, Some(at))?;
                }
            }
            Command::Commit { id, entries } => {
                let results = entries.iter().map(|entry| (entry.epoch, entry.offset, self.commit(entry))).collect();
                self.events.push_back(ConsumerEvent::Committed(Committed::new(id, results)));
            }
            Command::Pause { epoch } | Command::Resume { epoch } => {
                let pause = matches!(command, Command::Pause { .. });
                if let Some(owned) = self.owned.get_mut(&epoch) {
                    owned.paused = pause;
                }
            }
            Command::Release { epoch } => drop(self.owned.remove(&epoch)),
            Command::Confirm => self.confirm = true,
            _ => {}
        }
        Ok(())
    }
}

impl Consumer for FilesConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        loop {
            if let Some(until) = self.trouble {
                tokio::time::sleep_until(until).await;
                self.trouble = None;
            }
            // Marked as seen before it is looked at: what changes in between wakes us.
            self.changes.mark_unchanged();
            match self.next() {
                Ok(Some(event)) => return event,
                Ok(None) => {}
                Err(error) => {
                    self.trouble = Some(Instant::now() + TROUBLE);
                    return ConsumerEvent::Degraded(error);
                }
            }
            // Woken now and then: who polls is seen alive, and sees who is not.
            let _ = tokio::time::timeout(self.request.session_timeout / 3, self.changes.changed()).await;
        }
    }

    fn submit(&mut self, command: Command) {
        if let Err(error) = self.obey(command) {
            self.events.push_back(ConsumerEvent::Degraded(error));
        }
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.owned.clear();
        if let (Close::Leave(_), false) = (how, self.is_alone()) {
            self.shared.group(&self.request.group, |group| group.leaves(self.id))?;
            self.shared.changes.send_replace(());
        }
        Ok(())
    }
}
