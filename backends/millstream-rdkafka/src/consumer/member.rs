//! Owns the thread of a consumer: the only one that polls librdkafka for its group. It answers rebalances, starts partitions,
//! sends commits and closes. Leaves reading to whoever polls the contract, and questions that block to `lookup`.

use super::commits::UnderWay;
use super::context::{Context, Happened, Named};
use super::handing_over::Draining;
use super::lookup::{LookUp, partition};
use super::shared::Shared;
use super::standing::Standing;
use super::state::Task;
use crate::error;
use millstream_core::contract::{
    CommitEntry, CommitId, ConsumerEvent, ConsumerRequest, Epoch, NotApplied, Offset, TopicPartition,
};
use millstream_core::topic::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// The longest rest: what nobody rings for, as a session that runs out, is noticed this late.
const REST: Duration = Duration::from_millis(100);
/// The rest while something is to be tried again at once.
const SHORT_REST: Duration = Duration::from_millis(10);
/// How often topics are looked at for having been made again.
const IDENTITIES: Duration = Duration::from_secs(10);

pub(super) struct Member {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) shared: Arc<Shared>,
    pub(super) request: ConsumerRequest,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) questions: SyncSender<LookUp>,
    pub(super) waiting: VecDeque<LookUp>,
    /// What librdkafka has assigned.
    pub(super) assigned: BTreeSet<TopicPartition>,
    /// Those that the client has stopped fetching: no seek wakes them.
    pub(super) broken: BTreeSet<TopicPartition>,
    pub(super) draining: Option<Draining>,
    pub(super) starting: Vec<(Epoch, Offset)>,
    pub(super) commits: VecDeque<(CommitId, Vec<CommitEntry>)>,
    pub(super) under_way: Option<UnderWay>,
    pub(super) standing: Standing,
    /// Fell silent and left.
    pub(super) away: bool,
    pub(super) identities: Instant,
    pub(super) told: Option<(RDKafkaErrorCode, Instant)>,
}

/// What became of a turn.
pub(super) enum Turn {
    /// Nothing is to be done before this long.
    Rest(Duration),
    Close(Task),
}

impl Member {
    pub(super) fn new(
        consumer: Arc<BaseConsumer<Context>>,
        shared: Arc<Shared>,
        request: ConsumerRequest,
        questions: SyncSender<LookUp>,
    ) -> Self {
        let topics = request.topics.iter().map(|topic| (topic.as_str().to_owned(), topic.clone())).collect();
        Member {
            consumer,
            shared,
            request,
            topics,
            questions,
            waiting: VecDeque::new(),
            assigned: BTreeSet::new(),
            broken: BTreeSet::new(),
            draining: None,
            starting: Vec::new(),
            commits: VecDeque::new(),
            under_way: None,
            standing: Standing::default(),
            away: false,
            identities: Instant::now(),
            told: None,
        }
    }

    pub(super) fn is_alone(&self) -> bool {
        !self.request.partitions.is_empty()
    }

    /// Joins the group, or takes the partitions that were named.
    pub(super) fn begin(&mut self) {
        let begun = if self.is_alone() {
            self.take(self.request.partitions.clone());
            Ok(())
        } else {
            let topics: Vec<&str> = self.request.topics.iter().map(Topic::as_str).collect();
            self.consumer.subscribe(&topics)
        };
        if let Err(error) = begun {
            let text = format!("the group's topics were refused: {error}");
            self.shared.state().end(Some(error::of_text(text)));
            self.shared.waker.wake();
        }
    }

    /// One look at everything: the group first, then what was asked for.
    pub(super) fn turn(&mut self) -> Turn {
        self.listen();
        self.mind_the_session();
        loop {
            let task = self.shared.state().tasks.pop_front();
            match task {
                None => break,
                Some(task @ (Task::Close { .. } | Task::Gone)) => return Turn::Close(task),
                Some(task) => self.obey(task),
            }
        }
        self.drain();
        self.start_all();
        self.commit_next();
        self.stand();
        self.ask();
        let hasty = !self.starting.is_empty() || self.draining.is_some() || self.standing.is_hasty();
        Turn::Rest(if hasty { SHORT_REST } else { REST })
    }

    /// Takes everything off the consumer's queue.
    pub(super) fn listen(&mut self) {
        loop {
            let before = self.consumer.context().calls();
            let stray = match self.consumer.poll(Duration::ZERO) {
                None => None,
                Some(Err(error)) => {
                    self.hear_error(&error);
                    Some(None)
                }
                Some(Ok(message)) => Some(Some((message.topic().to_owned(), message.partition()))),
            };
            while let Some(happened) = self.consumer.context().take() {
                self.hear(happened);
            }
            match stray {
                // A record that came past its partition's queue would be missing there: it is read again.
                Some(Some(named)) => self.read_again(&named),
                Some(None) => {}
                None if self.consumer.context().calls() == before => return,
                None => {}
            }
        }
    }

    fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Assigned(names) => {
                let places = self.places(names);
                self.standing.joined();
                self.take(places);
            }
            Happened::Revoked(names) => self.revoked(names),
            Happened::Committed(whole, each) => {
                if self.standing.hear_probe(whole, &each) {
                    return;
                }
                if let Some(under_way) = self.under_way.take() {
                    let committed = under_way.answer(whole, &each);
                    let mut state = self.shared.state();
                    under_way.remember(&committed, &mut state);
                    state.events.push_back(ConsumerEvent::Committed(committed));
                    drop(state);
                    self.shared.waker.wake();
                }
            }
            Happened::RebalanceFailed(code) => self.degraded(code),
        }
    }

    fn hear_error(&mut self, error: &KafkaError) {
        match error {
            KafkaError::PartitionEOF(_) => {}
            KafkaError::MessageConsumptionFatal(code) => {
                let text = self.consumer.client().fatal_error().map_or_else(String::new, |(_, text)| text);
                self.shared.state().end(Some(error::fatal(*code, &text)));
                self.shared.waker.wake();
            }
            other => self.degraded(other.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        }
    }

    /// Trouble that passes is told, but not again and again.
    pub(super) fn degraded(&mut self, code: RDKafkaErrorCode) {
        let now = Instant::now();
        if self.told.is_some_and(|(told, when)| told == code && now.duration_since(when) < Duration::from_secs(1)) {
            return;
        }
        self.told = Some((code, now));
        self.shared.state().events.push_back(ConsumerEvent::Degraded(self.consumer.context().trouble(code)));
        self.shared.waker.wake();
    }

    pub(super) fn places(&self, names: Vec<Named>) -> Vec<TopicPartition> {
        let place =
            |(topic, number): Named| Some(TopicPartition::new(self.topics.get(&topic)?.clone(), u32::try_from(number).ok()?));
        names.into_iter().filter_map(place).collect()
    }

    fn obey(&mut self, task: Task) {
        match task {
            Task::Start { epoch, at } => self.starting.push((epoch, at)),
            Task::Restart { place, source, at } => {
                let leaving = self.draining.as_ref().is_some_and(|draining| draining.places.contains(&place));
                if !self.assigned.contains(&place) || leaving {
                    return;
                }
                self.told_off("hold still", &self.consumer.pause(&self.list([&place])));
                let ticket = self.shared.state().look_for(place.clone(), source, Some(at));
                self.waiting.push_back(LookUp::Assigned(vec![(place, ticket)]));
            }
            Task::Commit { id, entries } => self.commits.push_back((id, entries)),
            Task::Park(place) => {
                if self.assigned.contains(&place) {
                    self.told_off("hold still", &self.consumer.pause(&self.list([&place])));
                }
            }
            Task::Fault { place, epoch, at } => {
                self.waiting.push_back(LookUp::Fault { place: place.clone(), epoch, at });
                self.hold_broken(place);
            }
            Task::Broken(place) => self.hold_broken(place),
            Task::Confirm => self.standing.ask(),
            Task::Close { .. } | Task::Gone => {}
        }
    }

    fn commit_next(&mut self) {
        while self.under_way.is_none()
            && !self.standing.is_probing()
            && let Some((id, entries)) = self.commits.pop_front()
        {
            let refusal = if self.is_alone() {
                Some(NotApplied::Refused)
            } else {
                // What the group has taken already is not heard of yet.
                self.consumer.assignment_lost().then_some(NotApplied::Stale)
            };
            let mut state = self.shared.state();
            match UnderWay::send(&self.consumer, &state, id, entries, refusal) {
                Ok(under_way) => self.under_way = Some(under_way),
                Err(committed) => {
                    state.events.push_back(ConsumerEvent::Committed(committed));
                    drop(state);
                    self.shared.waker.wake();
                }
            }
        }
    }

    /// Finds out whether the group still has this member, if somebody asks.
    fn stand(&mut self) {
        if !self.standing.is_asked() || self.under_way.is_some() || self.away {
            return;
        }
        let alone = self.is_alone();
        if self.standing.settle(&self.consumer, &self.shared, alone) {
            self.shared.state().events.push_back(ConsumerEvent::Confirmed);
            self.shared.waker.wake();
        }
    }

    pub(super) fn ask(&mut self) {
        if self.identities.elapsed() > IDENTITIES {
            self.identities = Instant::now();
            self.waiting.push_back(LookUp::Identities);
        }
        while let Some(question) = self.waiting.pop_front() {
            if let Err(std::sync::mpsc::TrySendError::Full(question)) = self.questions.try_send(question) {
                self.waiting.push_front(question);
                return;
            }
        }
    }

    /// Whether commits wait for being sent, or for an answer.
    pub(super) fn owes_answers(&self) -> bool {
        self.under_way.is_some() || !self.commits.is_empty()
    }

    /// Sends the next commit, if one waits.
    pub(super) fn pump(&mut self) {
        self.listen();
        self.commit_next();
    }

    pub(super) fn list<'a>(&self, places: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for place in places {
            list.add_partition(place.topic.as_str(), partition(place));
        }
        list
    }

    /// What the client refuses here it refuses because the group has moved on, which is heard of next.
    pub(super) fn told_off(&self, what: &str, answer: &KafkaResult<()>) {
        if let Err(error) = answer {
            tracing::debug!(target: "millstream", what, %error, "librdkafka refused");
        }
    }
}
