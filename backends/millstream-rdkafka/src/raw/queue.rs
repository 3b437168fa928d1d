//! Owns a partition's queue, read event by event.

use super::Message;
use rdkafka::bindings as sys;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

/// The most records taken off a queue at once: what does not fit into a demand in bytes is kept, so it is bounded.
const MOST: usize = 512;

/// What lies in a partition's queue.
pub(crate) enum Polled {
    Record(Message),
    /// An error in a record's place, with its offset; negative if it has none.
    Failed(RDKafkaErrorCode, i64),
}

impl Polled {
    /// What an event is; none if it is of no concern to who reads.
    ///
    /// # Safety
    /// `event` must be valid, and nobody else may free it.
    unsafe fn of(event: NonNull<sys::rd_kafka_event_t>) -> Option<Self> {
        // SAFETY: said by the caller. The partition is a copy of ours. Each way frees the event once, a record's with the record.
        unsafe {
            let kind = sys::rd_kafka_event_type(event.as_ptr());
            if kind == sys::RD_KAFKA_EVENT_FETCH {
                return Message::take(event).map(Polled::Record);
            }
            let failed = (kind == sys::RD_KAFKA_EVENT_ERROR).then(|| {
                let error = sys::rd_kafka_event_error(event.as_ptr()).into();
                let place = sys::rd_kafka_event_topic_partition(event.as_ptr());
                let offset = place.as_ref().map_or(-1, |place| place.offset);
                if !place.is_null() {
                    sys::rd_kafka_topic_partition_destroy(place);
                }
                Polled::Failed(error, offset)
            });
            sys::rd_kafka_event_destroy(event.as_ptr());
            failed
        }
    }
}

/// A partition's own queue. Reading it never waits and never serves the group.
pub(crate) struct PartitionHandle<C: ConsumerContext + 'static> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    topic: CString,
    partition: i32,
    /// Keeps the client alive, which the queue must not outlive.
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues are safe to be used by any thread; the rest is `Send` by itself.
unsafe impl<C: ConsumerContext + 'static> Send for PartitionHandle<C> {}

impl<C: ConsumerContext + ClientContext + 'static> PartitionHandle<C> {
    /// The queue of a partition, if there can be such a partition. It must have been split off the consumer's queue before:
    /// reading the consumer's own queue in batches would unassign by force.
    pub(crate) fn new(consumer: &Arc<BaseConsumer<C>>, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client lives as long as `consumer`, which is kept; the name ends with a zero.
        let queue = unsafe { sys::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), partition) };
        let queue = NonNull::new(queue)?;
        Some(PartitionHandle { queue, topic, partition, consumer: consumer.clone() })
    }

    /// Takes up to `most` records and errors that are there. Never waits.
    ///
    /// Event by event, and not by `rd_kafka_consume_batch_queue`: that takes the end of a partition, which comes with the offset
    /// of the next record, for a record of that offset, and sets the position behind it. At the next pause, and librdkafka
    /// pauses by itself when partitions come or go, that record is passed over.
    pub(crate) fn take(&self, most: usize, mut each: impl FnMut(Polled)) {
        for _ in 0..most.min(MOST) {
            // SAFETY: the queue is valid.
            let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0) };
            let Some(event) = NonNull::new(event) else { return };
            // SAFETY: librdkafka hands each event over to us, once.
            if let Some(polled) = unsafe { Polled::of(event) } {
                each(polled);
            }
        }
    }

    /// The partition's end as the last fetch saw it, if there was one.
    pub(crate) fn end(&self) -> Option<u64> {
        let (mut low, mut high) = (-1, -1);
        let client = self.consumer.client().native_ptr();
        // SAFETY: the client and the name are valid; only what is known already is read.
        unsafe { sys::rd_kafka_get_watermark_offsets(client, self.topic.as_ptr(), self.partition, &mut low, &mut high) };
        u64::try_from(high).ok()
    }
}

impl<C: ConsumerContext + 'static> Drop for PartitionHandle<C> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the client still lives.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}
