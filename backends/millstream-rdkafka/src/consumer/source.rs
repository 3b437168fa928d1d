//! Owns where a partition's records come from: its own queue, read in batches, or one by one through the safe wrapper by who
//! wants no line of `unsafe` on a record's way. Leaves what they mean to `owned`.

use super::context::Context;
use super::lookup::partition;
use crate::raw::{Message, PartitionHandle, Polled};
use millstream_core::contract::{Offset, TopicPartition};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _, OwnedMessage};
use rdkafka::topic_partition_list::Offset as RdOffset;
use rdkafka::types::RDKafkaErrorCode;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A partition's queue, split off the consumer's own.
pub(super) struct Source {
    /// Rings when it gets something; silent once dropped.
    queue: PartitionQueue<Context>,
    /// For reading in batches.
    handle: Option<PartitionHandle<Context>>,
    consumer: Arc<BaseConsumer<Context>>,
    place: TopicPartition,
}

/// A record, or an error in a record's place.
pub(super) enum Taken {
    Batched(Message),
    Single(OwnedMessage),
    Failed(RDKafkaErrorCode, i64),
}

impl Source {
    /// Splits a partition's queue off; `ring` is called when it gets something.
    pub(super) fn new(
        consumer: &Arc<BaseConsumer<Context>>,
        place: &TopicPartition,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Option<Self> {
        let (topic, number) = (place.topic.as_str(), partition(place));
        let mut queue = consumer.split_partition_queue(topic, number)?;
        queue.set_nonempty_callback(ring);
        let handle = match consumer.context().reads_one_by_one() {
            true => None,
            false => Some(PartitionHandle::new(consumer, topic, number)?),
        };
        Some(Source { queue, handle, consumer: consumer.clone(), place: place.clone() })
    }

    /// What lies in the queue, at most `most`. Never waits.
    pub(super) fn take(&self, most: usize, into: &mut VecDeque<Taken>) -> usize {
        let before = into.len();
        match &self.handle {
            Some(handle) => handle.take(most, |polled| {
                into.push_back(match polled {
                    Polled::Record(message) => Taken::Batched(message),
                    Polled::Failed(code, offset) => Taken::Failed(code, offset),
                });
            }),
            None => {
                while into.len() - before < most
                    && let Some(polled) = self.queue.poll(Duration::ZERO)
                {
                    into.push_back(match polled {
                        Ok(message) => Taken::Single(message.detach()),
                        Err(KafkaError::PartitionEOF(_)) => Taken::Failed(RDKafkaErrorCode::PartitionEOF, self.position()),
                        Err(error) => Taken::Failed(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail), -1),
                    });
                }
            }
        }
        into.len() - before
    }

    /// The partition's end as the last fetch saw it, if it is known.
    pub(super) fn end(&self) -> Option<Offset> {
        self.handle.as_ref().and_then(PartitionHandle::end)
    }

    /// Where the client would read on.
    fn position(&self) -> i64 {
        let list = self.consumer.position().ok();
        let found = list.as_ref().and_then(|list| list.find_partition(self.place.topic.as_str(), partition(&self.place)));
        match found.map(|element| element.offset()) {
            Some(RdOffset::Offset(offset)) => offset,
            _ => -1,
        }
    }
}

impl Taken {
    pub(super) fn error(&self) -> Option<RDKafkaErrorCode> {
        match self {
            Taken::Batched(_) | Taken::Single(_) => None,
            Taken::Failed(code, _) => Some(*code),
        }
    }

    /// The record's offset; of an error the offset it speaks of, if it is known.
    pub(super) fn offset(&self) -> Option<Offset> {
        let offset = match self {
            Taken::Batched(message) => message.offset(),
            Taken::Single(message) => message.offset(),
            Taken::Failed(_, offset) => *offset,
        };
        u64::try_from(offset).ok()
    }

    /// The epoch of the leader that it was written under; negative if it is not known.
    pub(super) fn leader_epoch(&self) -> i32 {
        match self {
            Taken::Batched(message) => message.leader_epoch(),
            // The wrapper does not tell.
            Taken::Single(_) | Taken::Failed(..) => -1,
        }
    }

    pub(super) fn timestamp(&self) -> i64 {
        match self {
            Taken::Batched(message) => message.timestamp(),
            Taken::Single(message) => message.timestamp().to_millis().unwrap_or(-1),
            Taken::Failed(..) => -1,
        }
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        match self {
            Taken::Batched(message) => message.key(),
            Taken::Single(message) => message.key(),
            Taken::Failed(..) => None,
        }
    }

    pub(super) fn value(&self) -> Option<&[u8]> {
        match self {
            Taken::Batched(message) => message.value(),
            Taken::Single(message) => message.payload(),
            Taken::Failed(..) => None,
        }
    }

    pub(super) fn each_header(&self, mut each: impl FnMut(&str, Option<&[u8]>)) {
        match self {
            Taken::Batched(message) => message.each_header(each),
            Taken::Single(message) => {
                for header in message.headers().iter().flat_map(|headers| headers.iter()) {
                    each(header.key, header.value);
                }
            }
            Taken::Failed(..) => {}
        }
    }
}
