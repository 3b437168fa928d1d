//! Owns reading as a member of a group: what is said to the coordinator and when, and the order in which events come out.
//! Leaves reading to `fetch`. It lives while it is polled: heartbeats stop when polling stops.

mod assignment;
mod commits;
mod membership;

use self::assignment::LookedUp;
use super::fetch::{Ask, Fetched, fetch};
use super::held::Held;
use crate::now::instant_now;
use crate::sim::cluster::{Beat, BeatReply, Grant, MemberId};
use crate::sim::history::What;
use crate::sim::network::{Operation as Call, Server};
use crate::sim::world::{Link, Unanswered, World};
use millstream_core::contract::{
    Applied, Close, Command, CommitEntry, CommitId, Committed, CommittedOffset, Consumer, ConsumerEvent, ConsumerRequest, Epoch,
    EpochEnd, Error, ErrorKind, NotApplied, Offset, Operation, PartitionFault, Protocol,
};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

type Calling<T> = Pin<Box<dyn Future<Output = Result<T, Unanswered>> + Send>>;

struct Committing {
    id: CommitId,
    /// What was written, in order, and the answers of the rest.
    sent: Vec<(Epoch, Offset)>,
    answered: Vec<(Epoch, Offset, Applied)>,
    call: Calling<Vec<Applied>>,
}

/// Whether commits of ended epochs are written: a client that leaves it to its user, as librdkafka does.
fn writes_anything() -> bool {
    millstream_core::planted!(B23: return true);
    millstream_core::planted!(B40: return true);
    millstream_core::planted!(B65: return true);
    false
}

/// A consumer of one member of a simulation.
pub struct SimConsumer {
    world: Arc<World>,
    link: Link,
    request: ConsumerRequest,
    id: MemberId,
    joined: bool,
    member_epoch: u64,
    /// By rising epoch.
    held: Vec<Held>,
    /// Grants that were given up, until the coordinator has heard it.
    released: Vec<u64>,
    beat: Option<(Calling<BeatReply>, Vec<u64>, bool)>,
    next_beat: Instant,
    confirm: bool,
    commits: VecDeque<(CommitId, Vec<CommitEntry>)>,
    committing: Option<Committing>,
    events: VecDeque<ConsumerEvent>,
    batches: VecDeque<ConsumerEvent>,
    /// Partitions to be assigned again, and where they are to resume.
    again: Vec<(Held, Offset)>,
    /// Partitions of a reader without a group that are not looked up yet.
    alone: bool,
    looking_up: Option<Calling<Vec<LookedUp>>>,
    timer: Pin<Box<Sleep>>,
    closed: bool,
    round: usize,
    #[cfg(millstream_planted)]
    planted: super::planted::Planted,
}

impl fmt::Debug for SimConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConsumer")
            .field("member", &self.link.member)
            .field("group", &self.request.group)
            .finish_non_exhaustive()
    }
}

impl SimConsumer {
    pub(crate) fn new(world: Arc<World>, link: Link, request: ConsumerRequest) -> Self {
        let id = MemberId(world.number());
        let mut consumer = SimConsumer {
            id,
            joined: false,
            member_epoch: 0,
            held: Vec::new(),
            released: Vec::new(),
            beat: None,
            next_beat: instant_now(),
            confirm: false,
            commits: VecDeque::new(),
            committing: None,
            events: VecDeque::new(),
            batches: VecDeque::new(),
            again: Vec::new(),
            alone: !request.partitions.is_empty(),
            looking_up: None,
            timer: Box::pin(sleep_until(instant_now())),
            closed: false,
            round: 0,
            #[cfg(millstream_planted)]
            planted: super::planted::Planted::default(),
            world,
            link,
            request,
        };
        if consumer.alone {
            consumer.look_up();
        }
        consumer
    }

    fn coordinator(&self) -> Server {
        Server::Broker(self.world.servers().leaders.coordinator())
    }

    fn fetched(&mut self, index: usize, fetched: Fetched) {
        let held = &mut self.held[index];
        let epoch = held.epoch;
        let fault = match fetched {
            Fetched::Records(batch) => {
                let Some(mut batch) = held.within_demand(batch) else { return };
                batch.epoch = epoch;
                held.position = batch.next;
                held.took(batch.len(), batch.bytes());
                return self.batches.push_back(ConsumerEvent::Records(batch));
            }
            Fetched::Nothing(next) => {
                if next > held.position {
                    held.position = next;
                    self.batches.push_back(ConsumerEvent::Advanced { epoch, next });
                } else {
                    // The next record is larger than the demand: it comes with the next one.
                    held.records = 0;
                }
                return;
            }
            Fetched::Again => return,
            Fetched::OutOfRange { start, end } if held.position > end => {
                let _ = start;
                PartitionFault::Truncated(end)
            }
            Fetched::OutOfRange { start, end } => PartitionFault::OutOfRange { requested: held.position, log_start: start, end },
            Fetched::Gone => PartitionFault::UnknownTopic,
            Fetched::Recreated(id) => PartitionFault::Recreated(id),
        };
        held.faulted = true;
        self.events.push_back(ConsumerEvent::Fault { epoch, fault });
    }

    /// Moves everything on that can be; answers whether anything moved.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        if let Some(call) = &mut self.looking_up
            && let Poll::Ready(found) = call.as_mut().poll(cx)
        {
            self.looking_up = None;
            match found {
                Ok(found) => self.found(found),
                Err(_) => self.look_up(),
            }
            moved = true;
        }
        if !self.alone {
            if self.beat.is_none() && (self.confirm || instant_now() >= self.next_beat) {
                self.begin_beat();
            }
            if let Some((call, released, confirms)) = &mut self.beat
                && let Poll::Ready(reply) = call.as_mut().poll(cx)
            {
                let (released, confirms) = (std::mem::take(released), *confirms);
                self.beat = None;
                self.beaten(reply, &released, confirms);
                moved = true;
            }
        } else if std::mem::take(&mut self.confirm) {
            self.events.push_back(ConsumerEvent::Confirmed);
            moved = true;
        }
        for (held, at) in std::mem::take(&mut self.again) {
            self.take(held, Some(at));
            moved = true;
        }
        moved |= self.drive_commits(cx);
        moved | self.drive_fetches(cx)
    }

    fn drive_fetches(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for index in 0..self.held.len() {
            let max = self.request.max_batch;
            let held = &mut self.held[index];
            #[cfg(millstream_planted)]
            super::planted::Planted::reads(&self.world, held);
            if held.wants() {
                let records = max.min(held.records as usize);
                let (place, topic_id) = (held.place.clone(), held.topic_id);
                let ask = Ask { place, topic_id, from: held.position, records, bytes: held.bytes, fresh: held.fresh };
                held.fetching = Some(Box::pin(fetch(self.world.clone(), self.link.clone(), ask)));
            }
            let Some(fetching) = &mut held.fetching else { continue };
            if let Poll::Ready(fetched) = fetching.as_mut().poll(cx) {
                held.fetching = None;
                self.fetched(index, fetched);
                moved = true;
            }
        }
        moved
    }

    fn next_event(&mut self) -> Option<ConsumerEvent> {
        if let Some(event) = self.events.pop_front() {
            #[cfg(millstream_planted)]
            let event = self.queued_behind_batches(event)?;
            // From the moment in which it is told.
            if let ConsumerEvent::Ending { epoch, how: EpochEnd::Lost } = event {
                self.world.ended(&self.link, epoch);
            }
            return Some(event);
        }
        if self.batches.is_empty() {
            return None;
        }
        // Whose turn it is changes, so that no partition waits behind a busy one (I22).
        self.round = (self.round + 1) % self.batches.len();
        let event = self.batches.remove(self.first_of_its_partition());
        if let Some(ConsumerEvent::Records(batch)) = &event {
            let first = batch.view(0).offset();
            self.world.delivered(&self.link, &self.request.group, batch);
            self.world.note(Some(self.link.member), What::Delivered(batch.partition.clone(), batch.epoch, first, batch.len()));
        }
        event
    }

    /// An order to give a partition up waits until all that lies in it is fetched, as in a queue behind data.
    #[cfg(millstream_planted)]
    fn queued_behind_batches(&mut self, event: ConsumerEvent) -> Option<ConsumerEvent> {
        millstream_core::planted!(B46: if let ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(_) } = event
            && let Some((place, position)) = self.held(epoch).map(|held| (held.place.clone(), held.position))
            && Some(position) < self.world.memory.end(&place.topic, place.partition)
        {
            self.events.push_back(event);
            return None;
        });
        Some(event)
    }

    /// The first batch of the partition whose turn it is.
    fn first_of_its_partition(&self) -> usize {
        let of = |event: &ConsumerEvent| match event {
            ConsumerEvent::Records(batch) => Some(batch.epoch),
            ConsumerEvent::Advanced { epoch, .. } => Some(*epoch),
            _ => None,
        };
        let turn = of(&self.batches[self.round]);
        self.batches.iter().position(|event| of(event) == turn).unwrap_or(0)
    }
}

impl Consumer for SimConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        poll_fn(|cx| {
            loop {
                let moved = self.drive(cx);
                if let Some(event) = self.next_event() {
                    return Poll::Ready(event);
                }
                if self.closed {
                    let text = "the consumer was closed";
                    return Poll::Ready(ConsumerEvent::Fatal(Error::new(ErrorKind::Ended, Operation::Group, text)));
                }
                if moved {
                    continue;
                }
                if self.alone || self.beat.is_some() {
                    return Poll::Pending;
                }
                self.timer.as_mut().reset(self.next_beat);
                if self.timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn submit(&mut self, command: Command) {
        match command {
            Command::Commit { id, entries } => self.commits.push_back((id, entries)),
            Command::Confirm => self.confirm = true,
            Command::Want { epoch, records, bytes } => {
                let queued = self.batches.iter().filter_map(|event| match event {
                    ConsumerEvent::Records(batch) if batch.epoch == epoch => Some((batch.len() as u64, batch.bytes() as u64)),
                    _ => None,
                });
                let (count, size) = queued.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
                if let Some(held) = self.held(epoch) {
                    held.records = records.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
                    held.bytes = bytes.saturating_sub(size);
                    held.fresh = count == 0;
                }
            }
            Command::Start { epoch, at } => {
                let (link, group) = (self.link.clone(), self.request.group.clone());
                let alone = self.alone;
                let world = self.world.clone();
                if let Some(held) = self.held(epoch)
                    && !held.started
                {
                    (held.started, held.position) = (true, at);
                    if !alone {
                        world.note(Some(link.member), What::Reads(epoch, at));
                        world.started(&link, &group, &held.place, epoch);
                    }
                }
            }
            Command::Pause { epoch } | Command::Resume { epoch } => {
                let paused = matches!(command, Command::Pause { .. });
                if let Some(held) = self.held(epoch) {
                    held.paused = paused;
                }
            }
            Command::Release { epoch } => {
                self.events.retain(|event| !matches!(event, ConsumerEvent::Ending { epoch: of, .. } if *of == epoch));
                if let Some(held) = self.forget(epoch)
                    && !self.alone
                {
                    self.world.note(Some(self.link.member), What::Released(held.place.clone(), epoch));
                    let waits = self.waits_for_a_commit(epoch) && held.until.is_some_and(|until| instant_now() < until);
                    self.world.released(&self.link, &held.place, epoch, waits);
                    self.released.push(held.grant);
                    self.next_beat = instant_now();
                }
            }
            Command::Restart { epoch, at } => {
                if let Some(held) = self.forget(epoch) {
                    self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
                    if held.revoking {
                        self.released.push(held.grant);
                    } else if let Some((topic_id, _)) = self.world.memory.describe(&held.place.topic) {
                        let mut next = Held::new(held.place, epoch, held.grant, topic_id);
                        next.committed = held.committed;
                        self.again.push((next, at));
                    }
                    self.next_beat = instant_now();
                }
            }
            _ => {}
        }
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        let (Close::Leave(within) | Close::Stay(within)) = how else {
            return Ok(());
        };
        let until = instant_now() + within;
        self.closed = true;
        let left = async {
            poll_fn(|cx| {
                while self.drive_commits(cx) {}
                if self.committing.is_some() || !self.commits.is_empty() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            if self.alone || !matches!(how, Close::Leave(_)) {
                return;
            }
            loop {
                let (group, id, server) = (self.request.group.clone(), self.id, self.coordinator());
                let does = move |world: &World| world.leave(&group, id);
                if self.world.call_in_time(&self.link, server, Call::Group, does).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let left = tokio::time::timeout_at(until, left).await;
        for held in std::mem::take(&mut self.held) {
            self.world.ended(&self.link, held.epoch);
        }
        self.events.retain(|event| matches!(event, ConsumerEvent::Committed(_)));
        self.batches.clear();
        left.map_err(|_| Error::new(ErrorKind::TimedOut, Operation::Close, "leaving the group was not confirmed"))
    }
}
