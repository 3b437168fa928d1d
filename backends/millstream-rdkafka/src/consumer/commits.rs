//! Owns the commit that is under way: what of it may be written, and what became of each entry. One at a time, because its
//! outcome comes back without a name. Leaves when to commit what to the engine.

use super::context::{Context, Named};
use super::lookup::partition;
use super::state::State;
use crate::error;
use crate::raw;
use millstream_core::contract::{Applied, CommitEntry, CommitId, Committed, CommittedOffset, NotApplied};
use rdkafka::consumer::BaseConsumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

/// The longest text beside an offset, in bytes: the brokers' own default.
pub(crate) const MAX_METADATA: usize = 4_096;

/// A commit that was sent.
pub(super) struct UnderWay {
    id: CommitId,
    entries: Vec<(CommitEntry, Option<Applied>)>,
}

impl UnderWay {
    /// Sends what may be written; an answer if nothing was to be sent.
    pub(super) fn send(
        consumer: &BaseConsumer<Context>,
        state: &State,
        id: CommitId,
        entries: Vec<CommitEntry>,
        refusal: Option<NotApplied>,
    ) -> Result<UnderWay, Committed> {
        let mut list = TopicPartitionList::with_capacity(entries.len());
        let judged = entries.into_iter().map(|mut entry| {
            let refused = refusal.or_else(|| refusal_of(&entry, state));
            if refused.is_none() {
                let mut element = list.add_partition(entry.partition.topic.as_str(), partition(&entry.partition));
                let offset = i64::try_from(entry.offset).unwrap_or(i64::MAX);
                // Fails only for offsets below 0.
                let _ = element.set_offset(Offset::Offset(offset));
                if let Some(metadata) = entry.metadata.as_ref().filter(|text| !text.is_empty()) {
                    element.set_metadata(metadata);
                }
                entry.leader_epoch = state.leader_of(&entry);
                let place = &entry.partition;
                raw::set_leader_epoch(&mut list, place.topic.as_str(), partition(place), entry.leader_epoch);
            }
            (entry, refused.map(Applied::NotApplied))
        });
        let under_way = UnderWay { id, entries: judged.collect() };
        if list.count() == 0 {
            return Err(under_way.answer(Some(RDKafkaErrorCode::NoOffset), &[]));
        }
        match raw::commit(consumer, &list) {
            Ok(()) => Ok(under_way),
            Err(code) => Err(under_way.answer(Some(code), &[])),
        }
    }

    /// Notes in the epochs what is committed now, or that nobody can tell.
    pub(super) fn remember(&self, committed: &Committed, state: &mut State) {
        for ((entry, _), (epoch, offset, applied)) in self.entries.iter().zip(&committed.results) {
            let Some(owned) = state.owned(*epoch) else { continue };
            match applied {
                Applied::Applied => {
                    let mut committed = CommittedOffset::new(*offset, entry.metadata.clone());
                    committed.leader_epoch = entry.leader_epoch;
                    owned.is_committed(Some(committed));
                }
                Applied::Unknown => owned.is_committed(None),
                Applied::NotApplied(_) => {}
            }
        }
    }

    /// The outcome: of the whole request, and of each partition that has one of its own.
    pub(super) fn answer(&self, whole: Option<RDKafkaErrorCode>, each: &[(Named, Option<RDKafkaErrorCode>)]) -> Committed {
        // A request that failed as a whole names no partition; one that failed in part says so of each.
        let whole = whole.filter(|_| each.iter().all(|(_, code)| code.is_none()));
        let results = self.entries.iter().map(|(entry, judged)| {
            let applied = judged.unwrap_or_else(|| {
                let own = each.iter().find(|((topic, number), _)| {
                    *topic == *entry.partition.topic.as_str() && *number == partition(&entry.partition)
                });
                error::of_commit(own.and_then(|(_, code)| *code).or(whole))
            });
            (entry.epoch, entry.offset, applied)
        });
        Committed::new(self.id, results.collect())
    }
}

/// Why an entry must not be written, looked at as it would be.
fn refusal_of(entry: &CommitEntry, state: &State) -> Option<NotApplied> {
    if !state.is_open(entry) {
        return Some(NotApplied::Stale);
    }
    let long = entry.metadata.as_ref().is_some_and(|text| text.len() > MAX_METADATA);
    long.then_some(NotApplied::Refused)
}
