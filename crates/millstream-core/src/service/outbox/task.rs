//! Owns the task that sends: routes what is handed over to its destination, sends again what may be sent again, refuses
//! what is refused, and drops what an ended epoch had not handed over.

use super::handle::{OutboxHandle, Shared};
use super::lane::{Item, Lane};
use super::message::Message;
use super::send::{SEND_DEADLINE, send};
use crate::clock::{Clock, MonoTime};
use crate::contract::{AnyProducer, Error, ErrorKind, Operation, Produce, Producer, Receipt, RecordSetBuilder};
use crate::contract::{TopicPartition, partition_for_key};
use crate::engine::Backoff;
use crate::service::client_meters::Watch;
use crate::service::health::Board;
use crate::topic::Topic;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the number of a topic's partitions is believed; then new partitions are found. A minute.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How often outputs of suspect epochs are looked at again.
const SUSPECT_PAUSE: Duration = Duration::from_millis(50);

type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

#[expect(clippy::large_enum_variant, reason = "one lives at a time, and the large one is the usual one")]
enum Done {
    /// A whole message was sent as it was handed over.
    Whole(Message, Produce, Vec<Result<Receipt, Error>>),
    /// Part of a lane's queue was sent.
    Lane(TopicPartition, Vec<Item>, Vec<Result<Receipt, Error>>),
    /// The number of a topic's partitions was asked for.
    Partitions(Topic, Result<u32, Error>),
}

/// What is known of a destination topic.
#[derive(Default)]
struct Known {
    partitions: Option<(u32, MonoTime)>,
    asking: bool,
    not_before: Option<MonoTime>,
    failures: u32,
    waiting: VecDeque<Item>,
}

/// Sends the outputs of one namespace.
pub(crate) struct Outbox {
    name: String,
    producer: AnyProducer,
    clock: Clock,
    board: Board,
    watch: Watch,
    shared: Arc<Shared>,
    topics: BTreeMap<Topic, Known>,
    lanes: BTreeMap<TopicPartition, Lane>,
    jobs: Vec<Job>,
    suspect: Vec<Message>,
    backoff: Backoff,
}

impl Outbox {
    /// An outbox called `name` in health, and the way into it.
    pub(crate) fn new(name: String, producer: AnyProducer, clock: Clock, board: Board, watch: Watch) -> (Self, OutboxHandle) {
        let handle = OutboxHandle::default();
        let outbox = Outbox {
            name,
            producer,
            clock,
            board,
            watch,
            shared: handle.shared.clone(),
            topics: BTreeMap::new(),
            lanes: BTreeMap::new(),
            jobs: Vec::new(),
            suspect: Vec::new(),
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(5)),
        };
        (outbox, handle)
    }

    /// Sends until closed and empty; then flushes the producer, at most `flush` long.
    pub(crate) async fn run(mut self, flush: Duration) -> Result<(), Error> {
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(timer);
        poll_fn(|cx| {
            self.shared.waker.register(cx.waker());
            loop {
                let now = self.clock.now();
                planted!(B34: if now > MonoTime::from_millis(20_000) { return Poll::Ready(()) });
                let mut moved = self.take_inbox(now);
                moved |= self.send_lanes(now);
                moved |= self.poll_jobs(cx, now);
                if moved {
                    continue;
                }
                if self.shared.is_closing() && self.is_empty() {
                    return Poll::Ready(());
                }
                let Some(due) = self.due(now) else { return Poll::Pending };
                timer.as_mut().reset(self.clock.instant(due));
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        self.shared.closed();
        self.producer.flush(flush).await
    }

    fn is_empty(&self) -> bool {
        self.jobs.is_empty()
            && self.suspect.is_empty()
            && self.lanes.values().all(|lane| lane.queue.is_empty())
            && self.topics.values().all(|known| known.waiting.is_empty())
    }

    fn take_inbox(&mut self, now: MonoTime) -> bool {
        let inbox = self.shared.take();
        let suspect = std::mem::take(&mut self.suspect);
        let moved = !inbox.is_empty();
        for message in suspect.into_iter().chain(inbox) {
            self.route(message, now);
        }
        moved
    }

    /// Sends a message at once if all its destinations are free; else puts each output into its lane.
    fn route(&mut self, message: Message, now: MonoTime) {
        if message.is_void() {
            return;
        }
        if !message.cell.may_hand_over_at(now) {
            self.suspect.push(message);
            return;
        }
        let Some(places) = self.free_places(&message, now) else {
            let message = Arc::new(message);
            for index in 0..message.to.len() {
                self.enqueue((message.clone(), u32::try_from(index).unwrap_or(u32::MAX)), now);
            }
            return;
        };
        for place in &places.0 {
            self.lanes.entry(place.clone()).or_default().busy = true;
        }
        let mut message = message;
        let produce = Produce::new(places.0, places.1, std::mem::take(&mut message.records));
        message.cell.client_takes(produce.len());
        let (producer, watch) = (self.producer.clone(), self.watch.clone());
        self.jobs.push(Box::pin(async move {
            let answers = send(&producer, &produce, &watch).await;
            Done::Whole(message, produce, answers)
        }));
    }

    /// The destination of each output, if all are known and free.
    fn free_places(&self, message: &Message, now: MonoTime) -> Option<(Vec<TopicPartition>, Vec<u32>)> {
        let mut partitions = Vec::with_capacity(message.topics.len());
        for topic in &message.topics {
            let known = self.topics.get(topic)?;
            let (count, until) = known.partitions.filter(|_| known.waiting.is_empty())?;
            if until <= now {
                return None;
            }
            partitions.push(count);
        }
        let mut places: Vec<TopicPartition> = Vec::new();
        let mut numbers: Vec<(u32, u32)> = Vec::new();
        let mut to = Vec::with_capacity(message.to.len());
        for (index, &topic) in message.to.iter().enumerate() {
            let key = message.records.view(index).key().unwrap_or_default();
            let partition = partition_for_key(key, partitions[topic as usize]);
            let place = numbers.iter().position(|&known| known == (topic, partition)).unwrap_or_else(|| {
                numbers.push((topic, partition));
                places.push(TopicPartition::new(message.topics[topic as usize].clone(), partition));
                places.len() - 1
            });
            to.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
        let free = |place| self.lanes.get(place).is_none_or(Lane::is_free);
        places.iter().all(free).then_some((places, to))
    }

    /// Puts one output behind the others of its destination; asks for the topic's partitions if they are not known.
    fn enqueue(&mut self, item: Item, now: MonoTime) {
        let topic = item.0.topic(item.1 as usize).clone();
        let known = self.topics.entry(topic.clone()).or_default();
        if let Some((count, until)) = known.partitions
            && until > now
            && known.waiting.is_empty()
        {
            let key = item.0.records.view(item.1 as usize).key().unwrap_or_default();
            let place = TopicPartition::new(topic, partition_for_key(key, count));
            let lane = self.lanes.entry(place).or_default();
            if item.0.is_urgent() {
                lane.queue.push_front(item)
            } else {
                lane.queue.push_back(item)
            }
            return;
        }
        known.waiting.push_back(item);
    }

    fn send_lanes(&mut self, now: MonoTime) -> bool {
        let mut moved = false;
        for (topic, known) in &mut self.topics {
            let before = known.waiting.len();
            known.waiting.retain(|(message, _)| !message.is_void());
            if before > 0 && known.waiting.is_empty() {
                // Nobody waits for an answer any more, so nothing is wrong here any more.
                (known.failures, known.not_before) = (0, None);
                self.board.trouble(&format!("{} to {topic}", self.name), None);
            }
            if known.waiting.is_empty() || known.asking || known.not_before.is_some_and(|at| at > now) {
                continue;
            }
            known.asking = true;
            moved = true;
            let (producer, topic) = (self.producer.clone(), topic.clone());
            self.jobs.push(Box::pin(async move {
                let asked = tokio::time::timeout(SEND_DEADLINE, producer.partitions(&topic)).await;
                let answer =
                    asked.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, Operation::Lookup, "no answer within 30 s")));
                Done::Partitions(topic, answer)
            }));
        }
        for (place, lane) in &mut self.lanes {
            if lane.queue.is_empty() {
                continue;
            }
            let items = lane.take(now);
            if items.is_empty() {
                if lane.queue.is_empty() && lane.give_up() {
                    self.board.trouble(&format!("{} to {place}", self.name), None);
                }
                continue;
            }
            moved = true;
            let mut builder = RecordSetBuilder::new(0);
            for (number, (message, index)) in items.iter().enumerate() {
                builder.push_view(number as u64, -1, message.records.view(*index as usize));
                message.cell.client_takes(1);
            }
            let (producer, watch, place) = (self.producer.clone(), self.watch.clone(), place.clone());
            let produce = Produce::new(vec![place.clone()], vec![0; items.len()], builder.build());
            self.jobs.push(Box::pin(async move {
                let answers = send(&producer, &produce, &watch).await;
                Done::Lane(place, items, answers)
            }));
        }
        moved
    }

    fn poll_jobs(&mut self, cx: &mut Context<'_>, now: MonoTime) -> bool {
        let mut moved = false;
        let mut index = 0;
        while index < self.jobs.len() {
            match self.jobs[index].as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(done) => {
                    drop(self.jobs.swap_remove(index));
                    self.finish(done, now);
                    moved = true;
                }
            }
        }
        moved
    }

    fn finish(&mut self, done: Done, now: MonoTime) {
        match done {
            Done::Whole(message, produce, answers) => {
                message.cell.client_answers(produce.len());
                for place in produce.places() {
                    if let Some(lane) = self.lanes.get_mut(place) {
                        lane.busy = false;
                    }
                }
                if answers.iter().all(Result::is_ok) {
                    message.confirm_all(&answers);
                    return;
                }
                let places: Vec<TopicPartition> =
                    (0..produce.len()).map(|i| produce.places()[produce.place(i)].clone()).collect();
                let mut message = message;
                message.records = produce.into_records();
                let message = Arc::new(message);
                let items = (0..places.len()).map(|index| (message.clone(), u32::try_from(index).unwrap_or(u32::MAX)));
                self.sort_out(places.into_iter().zip(items).zip(answers).collect(), now);
            }
            Done::Lane(place, items, answers) => {
                if let Some(lane) = self.lanes.get_mut(&place) {
                    lane.busy = false;
                }
                for (message, _) in &items {
                    message.cell.client_answers(1);
                }
                let places = std::iter::repeat_n(place, items.len());
                self.sort_out(places.zip(items).zip(answers).collect(), now);
            }
            Done::Partitions(topic, answer) => self.learn(&topic, answer, now),
        }
    }

    /// Answers what is decided, and puts back in order what is to be sent again.
    fn sort_out(&mut self, answered: Vec<((TopicPartition, Item), Result<Receipt, Error>)>, now: MonoTime) {
        let mut again: BTreeMap<TopicPartition, (Vec<Item>, String)> = BTreeMap::new();
        let mut landed: BTreeMap<TopicPartition, ()> = BTreeMap::new();
        for ((place, item), answer) in answered {
            match answer {
                Err(error) if error.is_retriable() => {
                    again.entry(place).or_insert_with(|| (Vec::new(), error.to_string())).0.push(item);
                }
                decided => {
                    landed.insert(place, ());
                    item.0.answer(&mut vec![(item.1, decided)]);
                }
            }
        }
        for place in landed.into_keys().filter(|place| !again.contains_key(place)) {
            if let Some(lane) = self.lanes.get_mut(&place)
                && std::mem::take(&mut lane.failures) > 0
            {
                self.board.trouble(&format!("{} to {place}", self.name), None);
            }
        }
        for (place, (items, why)) in again {
            let place = if planted!(B59) { TopicPartition::new(place.topic, (place.partition + 1) % 2) } else { place };
            self.board.trouble(&format!("{} to {place}", self.name), Some(why));
            let lane = self.lanes.entry(place).or_default();
            let delay = self.backoff.delay(lane.failures + 1, now.as_nanos());
            lane.put_back(items, now.after(delay));
        }
    }

    fn learn(&mut self, topic: &Topic, answer: Result<u32, Error>, now: MonoTime) {
        let Some(known) = self.topics.get_mut(topic) else { return };
        known.asking = false;
        let place = format!("{} to {topic}", self.name);
        match answer {
            Ok(count) => {
                known.partitions = Some((count, now.after(LOOK_AGAIN)));
                (known.failures, known.not_before) = (0, None);
                let waiting = std::mem::take(&mut known.waiting);
                self.board.trouble(&place, None);
                for item in waiting {
                    self.enqueue(item, now);
                }
            }
            Err(error) if error.is_retriable() => {
                known.failures = known.failures.saturating_add(1);
                known.not_before = Some(now.after(self.backoff.delay(known.failures, now.as_nanos())));
                self.board.trouble(&place, Some(error.to_string()));
            }
            Err(error) => {
                let (kind, text) = (error.kind(), error.context().to_owned());
                for (message, index) in std::mem::take(&mut known.waiting) {
                    message.answer(&mut vec![(index, Err(Error::new(kind, Operation::Send, text.clone())))]);
                }
            }
        }
    }

    fn due(&self, now: MonoTime) -> Option<MonoTime> {
        let lanes = self.lanes.values().filter(|lane| !lane.busy && !lane.queue.is_empty());
        let lanes = lanes.map(|lane| lane.not_before.filter(|&at| at > now).unwrap_or_else(|| now.after(SUSPECT_PAUSE)));
        let topics = self.topics.values().filter(|known| !known.waiting.is_empty() && !known.asking);
        let topics = topics.filter_map(|known| known.not_before);
        let suspect = (!self.suspect.is_empty()).then(|| now.after(SUSPECT_PAUSE));
        lanes.chain(topics).chain(suspect).min()
    }
}
