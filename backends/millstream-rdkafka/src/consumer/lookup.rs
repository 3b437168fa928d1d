//! Owns the thread that finds out where partitions stand: what is committed, where the log begins and ends, which topic it is.
//! These calls block, so they are made here, one after the other, and never on the member's thread.

use super::context::Context;
use super::shared::Shared;
use super::state::Found;
use crate::error;
use crate::raw;
use millstream_core::contract::{
    CommittedOffset, ConsumerEvent, Epoch, Offset, Operation, PartitionFault, TopicId, TopicPartition,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as RdOffset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

/// How long one question may take: a broker that is away for longer is asked again.
const PATIENCE: Duration = Duration::from_secs(5);
/// The rest between two tries of the same question.
const REST: Duration = Duration::from_millis(250);

/// A question.
pub(super) enum LookUp {
    /// Where these were to be found, each under its ticket.
    Assigned(Vec<(TopicPartition, u64)>),
    /// What is wrong with a partition that cannot be read at an offset.
    Fault { place: TopicPartition, epoch: Epoch, at: Offset },
    /// Whether the topics that are read are still those that were assigned.
    Identities,
}

pub(super) struct Finder {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) shared: Arc<Shared>,
    /// Whether there is a group that has committed something.
    pub(super) grouped: bool,
    /// How often brokers were asked.
    pub(super) asked: AtomicUsize,
}

impl Finder {
    /// Answers questions until nobody asks any more.
    pub(super) fn run(self, questions: &Receiver<LookUp>) {
        while let Ok(question) = questions.recv() {
            match question {
                LookUp::Assigned(places) => self.assigned(places),
                LookUp::Fault { place, epoch, at } => self.fault(&place, epoch, at),
                LookUp::Identities => self.identities(),
            }
        }
    }

    fn assigned(&self, mut places: Vec<(TopicPartition, u64)>) {
        loop {
            {
                let state = self.shared.state();
                places.retain(|(place, ticket)| state.awaits(place, *ticket));
            }
            if places.is_empty() {
                return;
            }
            let opened = self.try_assigned(&places);
            match opened {
                Ok(found) => {
                    let mut state = self.shared.state();
                    places.retain(|(place, ticket)| match found.get(place) {
                        Some(_) => false,
                        None => state.awaits(place, *ticket),
                    });
                    for (place, (ticket, found)) in found {
                        state.open(&place, ticket, found);
                    }
                }
                Err((operation, code)) => {
                    let trouble = error::of(operation, code, "where an assigned partition stands is not known yet");
                    self.shared.state().events.push_back(ConsumerEvent::Degraded(self.consumer.context().explain(trouble)));
                }
            }
            self.shared.waker.wake();
            if places.is_empty() {
                return;
            }
            thread::sleep(REST);
        }
    }

    /// What is known of those whose topic exists.
    fn try_assigned(
        &self,
        places: &[(TopicPartition, u64)],
    ) -> Result<BTreeMap<TopicPartition, (u64, Found)>, (Operation, RDKafkaErrorCode)> {
        let ids = self.topic_ids(places.iter().map(|(place, _)| place))?;
        let mut committed = self.committed(places)?;
        let mut found = BTreeMap::new();
        for (place, ticket) in places {
            let Some(topic_id) = ids.get(place.topic.as_str()).copied().flatten() else { continue };
            let bounds = self.bounds(place).map_err(|code| (Operation::Lookup, code))?;
            let committed = committed.remove(place);
            found.insert(place.clone(), (*ticket, Found { topic_id, committed, bounds: Some(bounds) }));
        }
        Ok(found)
    }

    fn committed(
        &self,
        places: &[(TopicPartition, u64)],
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, (Operation, RDKafkaErrorCode)> {
        if !self.grouped {
            return Ok(BTreeMap::new());
        }
        let mut list = TopicPartitionList::with_capacity(places.len());
        for (place, _) in places {
            list.add_partition(place.topic.as_str(), partition(place));
        }
        let failed = |error: KafkaError| (Operation::Group, code(&error));
        let list = self.consumer.committed_offsets(list, PATIENCE).map_err(failed)?;
        let mut committed = BTreeMap::new();
        for (place, _) in places {
            let Some(element) = list.find_partition(place.topic.as_str(), partition(place)) else { continue };
            element.error().map_err(failed)?;
            if let RdOffset::Offset(offset) = element.offset() {
                let metadata = Some(element.metadata().to_owned()).filter(|text| !text.is_empty());
                let mut found = CommittedOffset::new(offset.cast_unsigned(), metadata);
                found.leader_epoch = raw::leader_epoch(&list, place.topic.as_str(), partition(place));
                committed.insert(place.clone(), found);
            }
        }
        Ok(committed)
    }

    fn bounds(&self, place: &TopicPartition) -> Result<(Offset, Offset), RDKafkaErrorCode> {
        let found = self.consumer.fetch_watermarks(place.topic.as_str(), partition(place), PATIENCE);
        let (low, high) = found.map_err(|error| code(&error))?;
        Ok((low.max(0).cast_unsigned(), high.max(0).cast_unsigned()))
    }

    /// The identity of each topic that exists. Where the broker has none to tell, all topics are one.
    fn topic_ids<'a>(
        &self,
        places: impl Iterator<Item = &'a TopicPartition>,
    ) -> Result<BTreeMap<String, Option<TopicId>>, (Operation, RDKafkaErrorCode)> {
        let topics: BTreeSet<&str> = places.map(|place| place.topic.as_str()).collect();
        let topics: Vec<String> = topics.into_iter().map(str::to_owned).collect();
        let nameless = || topics.iter().map(|topic| (topic.clone(), Some(TopicId::default()))).collect();
        let broker = self.any_broker(&topics).map_err(|code| (Operation::Lookup, code))?;
        let described = match raw::topic_ids(self.consumer.client(), broker, &topics, PATIENCE) {
            Ok(described) => described,
            Err(RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedVersion) => return Ok(nameless()),
            Err(code) => return Err((Operation::Lookup, code)),
        };
        let known = described.into_iter().map(|(topic, answer)| match answer {
            Ok(id) => (topic, Some(TopicId(id))),
            Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => (topic, None),
            // Not allowed to be described: reading will say whether it may be read.
            Err(_) => (topic, Some(TopicId::default())),
        });
        Ok(known.collect())
    }

    /// A broker that is there, another one each time.
    fn any_broker(&self, topics: &[String]) -> Result<i32, RDKafkaErrorCode> {
        let metadata =
            self.consumer.fetch_metadata(topics.first().map(String::as_str), PATIENCE).map_err(|error| code(&error))?;
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let brokers = metadata.brokers();
        let broker = turn.checked_rem(brokers.len()).and_then(|index| brokers.get(index));
        broker.map(rdkafka::metadata::MetadataBroker::id).ok_or(RDKafkaErrorCode::AllBrokersDown)
    }

    fn fault(&self, place: &TopicPartition, epoch: Epoch, at: Offset) {
        let fault = loop {
            let before = {
                let mut state = self.shared.state();
                state.owned(epoch).map(|owned| owned.topic_id)
            };
            let Some(before) = before else { return };
            let answers = self.topic_ids([place].into_iter()).and_then(|ids| {
                let now = ids.get(place.topic.as_str()).copied().flatten();
                let bounds = now.map(|_| self.bounds(place).map_err(|code| (Operation::Lookup, code)));
                Ok((now, bounds.transpose()?))
            });
            match answers {
                Ok((None, _)) => break PartitionFault::UnknownTopic,
                Ok((Some(now), _)) if now != before => break PartitionFault::Recreated(now),
                // The log has this offset, but not what was read below it; how far up it is the same, nobody says.
                Ok((Some(_), Some((log_start, end)))) if (log_start..=end).contains(&at) => break PartitionFault::Truncated(at),
                Ok((Some(_), Some((log_start, end)))) => break PartitionFault::OutOfRange { requested: at, log_start, end },
                Ok((Some(_), None)) | Err(_) => thread::sleep(REST),
            }
        };
        self.shared.state().fault(epoch, fault);
        self.shared.waker.wake();
    }

    fn identities(&self) {
        let held: Vec<(TopicPartition, Epoch, TopicId)> = {
            let state = self.shared.state();
            state.owned.iter().map(|owned| (owned.place.clone(), owned.epoch, owned.topic_id)).collect()
        };
        if held.is_empty() {
            return;
        }
        // Who cannot be asked now is asked the next time.
        let Ok(ids) = self.topic_ids(held.iter().map(|(place, ..)| place)) else { return };
        for (place, epoch, before) in held {
            let fault = match ids.get(place.topic.as_str()) {
                Some(Some(now)) if *now != before => PartitionFault::Recreated(*now),
                Some(None) => PartitionFault::UnknownTopic,
                _ => continue,
            };
            let mut state = self.shared.state();
            // What was told once is not told again.
            if state.owned(epoch).is_some_and(|owned| owned.stage != super::owned::Stage::Faulted) {
                state.fault(epoch, fault);
            }
        }
        self.shared.waker.wake();
    }
}

pub(super) fn partition(place: &TopicPartition) -> i32 {
    i32::try_from(place.partition).unwrap_or(i32::MAX)
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}
