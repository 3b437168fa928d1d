//! Owns a partition's queue, read in batches.

use super::Message;
use rdkafka::bindings as sys;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// The most records taken off a queue at once: what does not fit into a demand in bytes is kept, so it is bounded.
const MOST: usize = 512;

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

    /// What lies in the queue, at most `most`. Never waits.
    pub(crate) fn take(&self, most: usize, mut each: impl FnMut(Message)) {
        let most = most.min(MOST);
        let mut found = [ptr::null_mut::<sys::rd_kafka_message_t>(); MOST];
        // SAFETY: the queue is valid, and there is room for `most` pointers.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, found.as_mut_ptr(), most) };
        let count = usize::try_from(count).unwrap_or(0);
        for message in found[..count].iter().filter_map(|message| NonNull::new(*message)) {
            // SAFETY: librdkafka hands each of them over to us, once.
            each(unsafe { Message::take(message) });
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
