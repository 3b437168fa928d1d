//! Owns looking inside a log: what tests and audits read without being a member of a group. Changes nothing anybody can see.

use crate::Memory;
use crate::log::Fetched;
use crate::member::MemberId;
use millstream_core::contract::{CommittedOffset, Epoch, Offset, PartitionId, Record, RecordBatch, TopicId, TopicPartition};
use millstream_core::topic::Topic;

/// A member as its group sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMember {
    /// Its membership.
    pub id: MemberId,
    /// The name it gave itself.
    pub client_id: String,
    /// What it holds, in order, with the epochs.
    pub holds: Vec<(TopicPartition, Epoch)>,
    /// What of that is being revoked.
    pub revoking: Vec<TopicPartition>,
}

impl Memory {
    /// All topics, in order.
    pub fn topics(&self) -> Vec<Topic> {
        self.broker.topics().keys().cloned().collect()
    }

    /// Milliseconds since the Unix epoch by the clock that stamps records. A log without a clock of its own has one from here on.
    pub fn wall_millis(&self) -> i64 {
        self.broker.wall_millis()
    }

    /// How many epochs have been given out: more after each assignment.
    pub fn epochs(&self) -> u64 {
        self.broker.epochs()
    }

    /// The identity of a topic and how many partitions it has.
    pub fn describe(&self, topic: &Topic) -> Option<(TopicId, u32)> {
        self.broker.find(topic).map(|state| (state.id, state.partition_count()))
    }

    /// The first offset that can be read.
    pub fn log_start(&self, topic: &Topic, partition: PartitionId) -> Option<Offset> {
        self.existing(topic, partition).ok().map(|partition| partition.start())
    }

    /// The offset of the next record to come.
    pub fn end(&self, topic: &Topic, partition: PartitionId) -> Option<Offset> {
        self.existing(topic, partition).ok().map(|partition| partition.end())
    }

    /// Up to `max` records of a partition from `from` on (or the log's beginning, if that is later), in order and without
    /// copying. Their epoch is 0: they belong to no session.
    pub fn read(&self, topic: &Topic, partition: PartitionId, from: Offset, max: usize) -> Vec<RecordBatch> {
        let Ok(log) = self.existing(topic, partition) else { return Vec::new() };
        let place = TopicPartition::new(topic.clone(), partition);
        let (mut at, mut left, mut batches) = (from.max(log.start()), max, Vec::new());
        while left > 0
            && let Fetched::Records { set, range, next, .. } = log.fetch(at, left, u64::MAX)
        {
            left -= range.len();
            at = next;
            batches.push(RecordBatch::new(place.clone(), Epoch(0), set, range, next).with_end(log.end(), log.end()));
        }
        batches
    }

    /// All records of a topic, partition by partition, without copying.
    pub fn batches(&self, topic: &Topic) -> Vec<RecordBatch> {
        let partitions = self.describe(topic).map_or(0, |(_, partitions)| partitions);
        (0..partitions).flat_map(|partition| self.read(topic, partition, 0, usize::MAX)).collect()
    }

    /// All records of a topic, partition by partition, as they were produced, with their partitions and timestamps.
    pub fn records(&self, topic: &Topic) -> Vec<Record> {
        let mut records = Vec::new();
        for batch in self.batches(topic) {
            for view in batch.iter() {
                let mut record = Record::new(topic.clone(), "", "").to_partition(batch.partition.partition).at(view.timestamp());
                (record.key, record.value) = (view.key_bytes(), view.value_bytes());
                record.headers =
                    view.headers().map(|(name, value)| (name.to_owned(), value.map(|value| value.to_vec().into()))).collect();
                records.push(record);
            }
        }
        records
    }

    /// What a group has committed for a partition.
    pub fn committed(&self, group: &str, topic: &Topic, partition: PartitionId) -> Option<CommittedOffset> {
        let place = TopicPartition::new(topic.clone(), partition);
        self.broker.find_group(group)?.enter(|group| group.offsets.committed(&place).cloned())
    }

    /// The members of a group in the order of joining, as of the last poll or command of any of them.
    pub fn group_members(&self, group: &str) -> Vec<GroupMember> {
        let Some(group) = self.broker.find_group(group) else { return Vec::new() };
        group.enter(|group| {
            let member = |(id, member): (&MemberId, &crate::member::Member)| {
                let of = group.owners.iter().filter(|(_, owner)| owner.member == *id);
                GroupMember {
                    id: *id,
                    client_id: member.client_id.clone(),
                    holds: of.clone().map(|(place, owner)| (place.clone(), owner.epoch)).collect(),
                    revoking: of.filter(|(_, owner)| owner.until.is_some()).map(|(place, _)| place.clone()).collect(),
                }
            };
            group.members.iter().map(member).collect()
        })
    }
}
