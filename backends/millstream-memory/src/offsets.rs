//! Owns a group's committed offsets and the moment in which a commit is written. Leaves who may commit to `group`'s owners.

use crate::audit::Commit;
use crate::broker::Broker;
use crate::faults::CommitFault;
use crate::group::GroupState;
use millstream_core::contract::{Applied, CommitEntry, CommittedOffset, NotApplied, Offset, TopicPartition};
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, VecDeque};

/// The longest metadata, in bytes: Kafka's default.
pub(crate) const MAX_METADATA: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<TopicPartition, CommittedOffset>,
    /// What befalls the next commits.
    pub(crate) faults: VecDeque<CommitFault>,
}

impl Offsets {
    pub(crate) fn committed(&self, place: &TopicPartition) -> Option<&CommittedOffset> {
        self.committed.get(place)
    }

    /// An operator's act: `None` forgets.
    pub(crate) fn set(&mut self, place: TopicPartition, to: Option<Offset>) {
        self.committed.remove(&place);
        self.committed.extend(to.map(|offset| (place, CommittedOffset::new(offset, None))));
    }

    pub(crate) fn forget(&mut self, topic: &Topic) {
        self.committed.retain(|place, _| place.topic != *topic);
    }
}

impl GroupState {
    /// Writes a commit, entry by entry: each is checked now, whatever was true when it was made.
    pub(crate) fn commit(&mut self, entries: Vec<CommitEntry>, broker: &Broker) -> Vec<Applied> {
        let fault = self.offsets.faults.pop_front();
        entries.into_iter().map(|entry| self.commit_one(entry, fault, broker)).collect()
    }

    fn commit_one(&mut self, entry: CommitEntry, fault: Option<CommitFault>, broker: &Broker) -> Applied {
        let Some(owner) = self.owners.get(&entry.partition).filter(|owner| owner.epoch == entry.epoch) else {
            return Applied::NotApplied(NotApplied::Stale);
        };
        if entry.metadata.as_ref().is_some_and(|text| text.len() > MAX_METADATA) {
            return Applied::NotApplied(NotApplied::Refused);
        }
        // The offsets of a topic say nothing about another one under its name.
        if broker.partition(&entry.partition).is_none_or(|(id, _)| id != owner.topic_id) {
            return Applied::NotApplied(NotApplied::Refused);
        }
        match fault {
            Some(CommitFault::Stale) => return Applied::NotApplied(NotApplied::Stale),
            Some(CommitFault::Refused) => return Applied::NotApplied(NotApplied::Refused),
            Some(CommitFault::UnknownNotApplied) => return Applied::Unknown,
            Some(CommitFault::UnknownApplied) | None => {}
        }
        let mut committed = CommittedOffset::new(entry.offset, entry.metadata);
        committed.leader_epoch = entry.leader_epoch;
        let before = self.offsets.committed.insert(entry.partition.clone(), committed);
        broker.watchers.tell(Commit {
            group: &self.name,
            member: owner.member,
            partition: &entry.partition,
            epoch: entry.epoch,
            offset: entry.offset,
            before: before.map(|before| before.offset),
        });
        if fault.is_some() { Applied::Unknown } else { Applied::Applied }
    }
}
