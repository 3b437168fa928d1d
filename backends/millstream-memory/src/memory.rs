//! Owns the handle: making a log and administering its topics. Leaves looking inside to `inspect`, what goes wrong to
//! `faults`, reading and writing to the contract's traits.

use crate::broker::Broker;
use crate::config::{MemoryConfig, TopicConfig};
use crate::error;
use millstream_core::contract::{Error, Offset, Operation, PartitionId, TopicId, TopicPartition};
use millstream_core::topic::Topic;
use std::sync::Arc;

/// A log in memory. Clones share it, so that several services, producers and consumers can meet in one.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use millstream_core::contract::{ProducerExt, Record, Transport, TransportExt};
/// use millstream_core::topic::Topic;
/// use millstream_memory::Memory;
///
/// let orders: Topic = "paper.orders".parse()?;
/// let memory = Memory::new();
/// memory.producer().await?.send_one(Record::new(orders.clone(), "EURUSD", "buy")).await?;
///
/// let mut reader = memory.reader("billing", &[orders]).await?;
/// let batch = reader.next_batch().await?;
/// assert_eq!(batch.view(0).value(), Some(&b"buy"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    pub(crate) broker: Arc<Broker>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new()
    }
}

impl Memory {
    /// An empty log with the default settings: topics are created by use, with one partition.
    pub fn new() -> Self {
        Memory::with(MemoryConfig::default())
    }

    /// Settings to be changed, then built.
    pub fn builder() -> MemoryConfig {
        MemoryConfig::default()
    }

    pub(crate) fn with(config: MemoryConfig) -> Self {
        Memory { broker: Arc::new(Broker::new(config)) }
    }

    /// Creates a topic and answers its identity.
    ///
    /// # Errors
    /// [`Invalid`](millstream_core::contract::ErrorKind::Invalid) if there is one of that name.
    pub fn create_topic(&self, topic: &Topic, config: TopicConfig) -> Result<TopicId, Error> {
        self.broker.create(topic, config)
    }

    /// Deletes a topic, its records and what groups have committed for it. Its readers are told by a fault.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn delete_topic(&self, topic: &Topic) -> Result<(), Error> {
        self.broker.delete(topic)
    }

    /// Deletes a topic and creates it again with the same settings, as one act. Answers the new identity.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn recreate(&self, topic: &Topic) -> Result<TopicId, Error> {
        self.broker.recreate(topic)
    }

    /// Gives a topic `more` partitions more and answers how many it has now. Groups share them out at their next polls.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn add_partitions(&self, topic: &Topic, more: u32) -> Result<u32, Error> {
        self.broker.add_partitions(topic, more)
    }

    /// Compacts a topic now, whatever its settings: of each key the last record stays, and a tombstone that an earlier
    /// compaction left falls.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn compact(&self, topic: &Topic) -> Result<(), Error> {
        let state = self.broker.find(topic).ok_or_else(|| error::no_topic(Operation::Lookup, topic))?;
        state.partitions.iter().for_each(|partition| partition.change(|log| log.compact()));
        Ok(())
    }

    /// Drops the records of a partition below `before`, as an operator does.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn delete_records(&self, topic: &Topic, partition: PartitionId, before: Offset) -> Result<(), Error> {
        self.existing(topic, partition)?.change(|log| log.delete_below(before));
        Ok(())
    }

    /// Sets or forgets (`None`) a committed offset, as an operator does; members in flight may commit over it.
    pub fn set_committed(&self, group: &str, topic: &Topic, partition: PartitionId, to: Option<Offset>) {
        let place = TopicPartition::new(topic.clone(), partition);
        self.broker.group(group).enter(|group| group.offsets.set(place, to));
    }

    pub(crate) fn existing(&self, topic: &Topic, partition: PartitionId) -> Result<Arc<crate::partition::Partition>, Error> {
        let state = self.broker.find(topic).ok_or_else(|| error::no_topic(Operation::Lookup, topic))?;
        let place = TopicPartition::new(topic.clone(), partition);
        let found = state.partition(partition).cloned();
        found.ok_or_else(|| error::no_partition(Operation::Lookup, &place, state.partition_count()))
    }
}
