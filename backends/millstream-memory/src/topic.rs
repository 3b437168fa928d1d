//! Owns one topic: its identity, its settings and its partitions.

use crate::config::TopicConfig;
use crate::faults::Trouble;
use crate::partition::Partition;
use millstream_core::contract::{PartitionId, TopicId};
use std::sync::Arc;

/// One incarnation of a topic. Adding partitions replaces the value, which is shared; the partitions are shared too.
#[derive(Debug)]
pub(crate) struct TopicState {
    pub(crate) id: TopicId,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) trouble: Arc<Trouble>,
}

impl TopicState {
    pub(crate) fn new(id: TopicId, config: TopicConfig) -> Self {
        let partitions = (0..config.partitions).map(|_| Arc::new(Partition::new(&config))).collect();
        TopicState { id, config, partitions, trouble: Arc::default() }
    }

    /// The same topic with `more` partitions more.
    pub(crate) fn grown(&self, more: u32) -> Self {
        let config = TopicConfig { partitions: self.config.partitions.saturating_add(more), ..self.config.clone() };
        let new = (0..more).map(|_| Arc::new(Partition::new(&config)));
        let partitions = self.partitions.iter().cloned().chain(new).collect();
        TopicState { id: self.id, config, partitions, trouble: self.trouble.clone() }
    }

    pub(crate) fn partition(&self, partition: PartitionId) -> Option<&Arc<Partition>> {
        self.partitions.get(partition as usize)
    }

    pub(crate) fn partition_count(&self) -> u32 {
        self.config.partitions
    }
}
