//! Owns the contract's view of a `Memory`: what it can do, and the making of producers and consumers.

use crate::config::TopicConfig;
use crate::consumer::MemoryConsumer;
use crate::error;
use crate::producer::MemoryProducer;
use crate::{Memory, offsets};
use millstream_core::contract::{Capabilities, ConsumerRequest, DescribedTopic, Error, Operation, Transport};
use millstream_core::topic::Topic;
use std::collections::VecDeque;
use std::time::Duration;

/// The shortest session: timers count in milliseconds, and a third of it must be several of them.
const MIN_SESSION: Duration = Duration::from_millis(10);

/// How long records are kept is not said: until the process ends, however long that is.
fn described(config: &TopicConfig) -> DescribedTopic {
    let mut described = DescribedTopic::new(config.partitions);
    described.compacted = Some(config.cleanup.compacts());
    described.max_batch_bytes = u64::try_from(config.max_record_bytes).ok();
    described
}

impl Transport for Memory {
    type Producer = MemoryProducer;
    type Consumer = MemoryConsumer;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::all("memory");
        capabilities.max_record_bytes = self.broker.config.topic.max_record_bytes;
        capabilities.max_metadata_bytes = offsets::MAX_METADATA;
        capabilities.shortest_session = MIN_SESSION;
        capabilities.longest_session = Duration::MAX;
        capabilities.durable = false;
        capabilities
    }

    async fn producer(&self) -> Result<MemoryProducer, Error> {
        Ok(MemoryProducer::new(self.broker.clone()))
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<MemoryConsumer, Error> {
        if !request.partitions.is_empty() {
            let mut partitions = VecDeque::new();
            for place in &request.partitions {
                let topic = self.broker.topic(&place.topic, Operation::Fetch)?;
                let count = topic.partition_count();
                let grant = self.broker.grant(place);
                partitions.push_back(grant.ok_or_else(|| error::no_partition(Operation::Fetch, place, count))?);
            }
            return Ok(MemoryConsumer::alone(self.broker.clone(), request, partitions));
        }
        if request.group.is_empty() || request.topics.is_empty() {
            return Err(error::bad_request("a member needs a group and a topic"));
        }
        if request.session_timeout < MIN_SESSION {
            return Err(error::bad_request("a session is 10 ms at least"));
        }
        for topic in &request.topics {
            self.broker.topic(topic, Operation::Group)?;
        }
        Ok(MemoryConsumer::new(self.broker.clone(), request))
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        let config = &self.broker.config;
        let described = |topic| match self.broker.find(topic) {
            Some(state) => Some(described(&state.config)),
            None => config.auto_create.then(|| described(&config.topic)),
        };
        Ok(topics.iter().map(described).collect())
    }
}
