//! Owns reading as a member of a group: the order in which events come out, and when the member looks at its group. Leaves
//! rebalancing to `group`, one partition's reading to `owned`.

use crate::alarm::Alarm;
use crate::broker::Broker;
use crate::error;
use crate::group::{Change, Grant, Group};
use crate::member::MemberId;
use crate::owned::{Owned, Read};
use crate::signal::Signal;
use millstream_core::clock::MonoTime;
use millstream_core::contract::{
    Applied, Assigned, Close, Command, CommitEntry, CommitId, Committed, Consumer, ConsumerEvent, ConsumerRequest, Epoch,
    EpochEnd, Error, NotApplied, Offset, PartitionFault, TopicPartition,
};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};
use tokio::task::coop;
use tokio::time::timeout;

/// A group member of a [`Memory`](crate::Memory). It joins as it is polled, and stays while it is polled or a poll is
/// pending; dropped without `close` it is a crashed member, whose session runs out.
///
/// Needs a tokio runtime with time when a poll has to wait. A poll takes part in tokio's cooperative budget, so that a
/// loop over a full log does not starve other tasks.
#[derive(Debug)]
pub struct MemoryConsumer {
    broker: Arc<Broker>,
    group: Arc<Group>,
    request: ConsumerRequest,
    signal: Arc<Signal>,
    member: Option<MemberId>,
    /// By rising epoch.
    owned: Vec<Owned>,
    /// What must come out before any batch.
    events: VecDeque<ConsumerEvent>,
    /// Where the round over the partitions goes on.
    round: usize,
    resume: Vec<(TopicPartition, Offset)>,
    confirm: bool,
    look: bool,
    /// When the group has something to do if nobody polls until then.
    tick: MonoTime,
    alarm: Alarm,
    closed: bool,
    /// Reads named partitions and belongs to no group; those that were not told of yet.
    alone: Option<VecDeque<Grant>>,
}

impl MemoryConsumer {
    /// A reader of partitions that belongs to no group.
    pub(crate) fn alone(broker: Arc<Broker>, request: ConsumerRequest, partitions: VecDeque<Grant>) -> Self {
        Self::with(broker, request, Arc::new(Group::new("")), Some(partitions))
    }

    pub(crate) fn new(broker: Arc<Broker>, request: ConsumerRequest) -> Self {
        let group = broker.group(&request.group);
        Self::with(broker, request, group, None)
    }

    fn with(broker: Arc<Broker>, request: ConsumerRequest, group: Arc<Group>, alone: Option<VecDeque<Grant>>) -> Self {
        MemoryConsumer {
            group,
            broker,
            request,
            signal: Arc::new(Signal::default()),
            member: None,
            owned: Vec::new(),
            events: VecDeque::new(),
            round: 0,
            resume: Vec::new(),
            confirm: false,
            look: true,
            tick: MonoTime::ZERO,
            alarm: Alarm::default(),
            closed: false,
            alone,
        }
    }

    /// One look at everything, the group first.
    fn turn(&mut self) -> Option<ConsumerEvent> {
        if self.closed {
            return Some(self.events.pop_front().unwrap_or_else(|| ConsumerEvent::Fatal(error::closed())));
        }
        if self.signal.is_stalled() {
            return None;
        }
        if let Some(waiting) = &mut self.alone {
            let granted = std::mem::take(waiting);
            self.look_alone(granted);
            return self.events.pop_front().or_else(|| self.read());
        }
        let now = self.broker.now();
        let alive = now < self.expires();
        if alive {
            self.signal.beat(now);
        }
        // The flag is taken in any case: what it announces is about to be seen.
        if self.signal.take_changed() || self.look || !alive || now >= self.tick {
            self.look_at_group(now);
        }
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        self.read()
    }

    fn expires(&self) -> MonoTime {
        self.signal.last_poll().after(self.request.session_timeout)
    }

    /// When the next turn is due, if nothing happens before.
    fn due(&self) -> MonoTime {
        if self.alone.is_some() {
            return self.broker.now().after(self.request.session_timeout);
        }
        self.signal.last_poll().after(self.request.session_timeout / 3).min(self.tick)
    }

    /// The next batch in turn, so that each partition with records and demand comes once a round.
    fn read(&mut self) -> Option<ConsumerEvent> {
        let count = self.owned.len();
        for step in 0..count {
            let index = (self.round + step) % count;
            let owned = &mut self.owned[index];
            let Some(read) = owned.read(self.request.max_batch) else { continue };
            self.round = index + 1;
            let epoch = owned.epoch;
            return Some(match read {
                Read::Records(batch) => ConsumerEvent::Records(batch),
                Read::Advanced(next) => ConsumerEvent::Advanced { epoch, next },
                Read::Fault(fault) => ConsumerEvent::Fault { epoch, fault },
                Read::Gone => {
                    let heir = self.broker.find(&owned.place.topic);
                    let fault = heir.map_or(PartitionFault::UnknownTopic, |topic| PartitionFault::Recreated(topic.id));
                    ConsumerEvent::Fault { epoch, fault }
                }
            });
        }
        None
    }

    /// Hears what the group has decided, and joins it if it is not in it (any more).
    fn look_at_group(&mut self, now: MonoTime) {
        self.look = false;
        let held: Vec<(TopicPartition, Epoch)> = self.owned.iter().map(|owned| (owned.place.clone(), owned.epoch)).collect();
        let group = self.group.clone();
        let looked = group.enter(|group| {
            group.tick(now, &self.broker);
            let mut changes = Vec::new();
            if let Some(id) = self.member {
                changes = group.reconcile(id, held.into_iter(), now, &self.broker);
                self.member = Some(id).filter(|id| group.members.contains_key(id));
            }
            if self.member.is_none() {
                self.signal.beat(now);
                let id = group.join(&self.request, &self.signal, &self.broker)?;
                self.member = Some(id);
                // Who was thrown out and lost something has its answer by that.
                self.confirm &= changes.is_empty();
                changes.extend(group.reconcile(id, std::iter::empty(), now, &self.broker));
            }
            self.tick = group.next_tick().unwrap_or(now);
            Ok::<_, Error>(changes)
        });
        match looked {
            Ok(changes) => changes.into_iter().for_each(|change| self.apply(change)),
            Err(error) => {
                self.end();
                return self.events.push_back(ConsumerEvent::Fatal(error));
            }
        }
        self.resume.clear();
        if std::mem::take(&mut self.confirm) {
            self.events.push_back(ConsumerEvent::Confirmed);
        }
    }

    /// What a look at the group is for a consumer that has none.
    fn look_alone(&mut self, granted: VecDeque<Grant>) {
        for grant in granted {
            self.take(&grant);
        }
        self.resume.clear();
        if std::mem::take(&mut self.confirm) {
            self.events.push_back(ConsumerEvent::Confirmed);
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Lost(epoch) => self.lose(epoch),
            Change::Revoking(epoch, budget) => {
                if let Some(owned) = self.owned(epoch) {
                    owned.revoking = true;
                    self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(budget) });
                }
            }
            Change::Granted(grant) => self.take(&grant),
        }
    }

    fn take(&mut self, grant: &Grant) {
        grant.partition.subscribe(&self.signal);
        let mut assigned = Assigned::new(grant.place.clone(), grant.epoch, grant.topic_id);
        assigned.committed = grant.committed.clone();
        assigned.log_start = Some(grant.partition.start());
        assigned.end = Some(grant.partition.end());
        assigned.resume = self.resume.iter().find(|(place, _)| *place == grant.place).map(|(_, at)| *at);
        self.owned.push(Owned::new(grant));
        self.events.push_back(ConsumerEvent::Assigned(assigned));
    }

    fn lose(&mut self, epoch: Epoch) {
        if self.forget(epoch).is_some() {
            self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
        }
    }

    fn forget(&mut self, epoch: Epoch) -> Option<Owned> {
        let index = self.index(epoch)?;
        let owned = self.owned.remove(index);
        // The round goes on with the same partition.
        self.round -= usize::from(index < self.round);
        owned.partition.unsubscribe(&self.signal);
        Some(owned)
    }

    fn index(&self, epoch: Epoch) -> Option<usize> {
        self.owned.binary_search_by_key(&epoch, |owned| owned.epoch).ok()
    }

    fn owned(&mut self, epoch: Epoch) -> Option<&mut Owned> {
        let index = self.index(epoch)?;
        Some(&mut self.owned[index])
    }

    fn commit(&mut self, id: CommitId, entries: Vec<CommitEntry>) {
        let names: Vec<(Epoch, Offset)> = entries.iter().map(|entry| (entry.epoch, entry.offset)).collect();
        let applied = if self.alone.is_some() {
            vec![Applied::NotApplied(NotApplied::Refused); entries.len()]
        } else if self.closed {
            vec![Applied::NotApplied(NotApplied::Stale); entries.len()]
        } else {
            let now = self.broker.now();
            self.group.clone().enter(|group| {
                // The session may have run out unnoticed: then this member's epochs have ended.
                group.tick(now, &self.broker);
                group.commit(entries, &self.broker)
            })
        };
        let results = names.into_iter().zip(applied).map(|((epoch, offset), applied)| (epoch, offset, applied)).collect();
        self.events.push_back(ConsumerEvent::Committed(Committed::new(id, results)));
    }

    /// Holds nothing any more; outcomes of commits are still told.
    fn end(&mut self) {
        self.closed = true;
        self.events.retain(|event| matches!(event, ConsumerEvent::Committed(_)));
        for owned in self.owned.drain(..) {
            owned.partition.unsubscribe(&self.signal);
        }
    }
}

/// Whether an event speaks of an epoch's state.
fn is_about(event: &ConsumerEvent, of: Epoch) -> bool {
    matches!(event, ConsumerEvent::Ending { epoch, .. } | ConsumerEvent::Fault { epoch, .. } if *epoch == of)
}

impl Consumer for MemoryConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            loop {
                let mut event = self.turn();
                if event.is_none() {
                    // Registered first and looked again, so that what happens meanwhile is not missed.
                    self.signal.register(cx.waker());
                    event = self.turn();
                }
                if let Some(event) = event {
                    budget.made_progress();
                    return Poll::Ready(event);
                }
                if self.signal.is_stalled() {
                    return Poll::Pending;
                }
                let due = self.broker.clock().instant(self.due());
                ready!(self.alarm.poll(due, cx));
            }
        })
        .await
    }

    fn submit(&mut self, command: Command) {
        match command {
            Command::Commit { id, entries } => self.commit(id, entries),
            Command::Confirm => (self.confirm, self.look) = (true, true),
            Command::Want { epoch, records, bytes } => {
                if let Some(owned) = self.owned(epoch) {
                    owned.want(records, bytes);
                }
            }
            Command::Start { epoch, at } => {
                if let Some(fault) = self.owned(epoch).and_then(|owned| owned.start(at)) {
                    self.events.push_back(ConsumerEvent::Fault { epoch, fault });
                }
            }
            Command::Pause { epoch } | Command::Resume { epoch } => {
                let paused = matches!(command, Command::Pause { .. });
                if let Some(owned) = self.owned(epoch) {
                    owned.paused = paused;
                }
            }
            Command::Release { epoch } => {
                // Released is its end: what was about to be said of it, its loss too, is not said any more.
                self.events.retain(|event| !is_about(event, epoch));
                if let Some(owned) = self.forget(epoch)
                    && self.alone.is_none()
                {
                    self.group.enter(|group| group.release(&owned.place, epoch, &self.broker));
                }
            }
            Command::Restart { epoch, at } => {
                if let Some(owned) = self.forget(epoch) {
                    self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
                    match &mut self.alone {
                        // If the topic is gone, there is nothing to come back to.
                        Some(waiting) => waiting.extend(self.broker.grant(&owned.place)),
                        None => self.group.enter(|group| group.restart(&owned.place, epoch, &self.broker)),
                    }
                    self.resume.push((owned.place, at));
                    self.look = true;
                }
            }
            _ => {}
        }
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.end();
        if let (Close::Leave(within), Some(id)) = (how, self.member.take()) {
            // Whoever is stalled is not heard: then its session ends the membership.
            let heard = poll_fn(|cx| {
                self.signal.register(cx.waker());
                if self.signal.is_stalled() { Poll::Pending } else { Poll::Ready(()) }
            });
            if self.signal.is_stalled() && timeout(within, heard).await.is_err() {
                return Err(error::unheard(&self.request.group));
            }
            self.group.enter(|group| group.remove(id, &self.broker));
        }
        Ok(())
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        for owned in &self.owned {
            owned.partition.unsubscribe(&self.signal);
        }
    }
}
