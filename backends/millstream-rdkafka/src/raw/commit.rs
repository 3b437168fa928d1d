//! Owns the sending of a commit whose outcome comes back as an event of the consumer's own queue.

use rdkafka::bindings as sys;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use std::ptr;

/// Sends a commit and does not wait. Its outcome is what the next `commit_callback` of the consumer's context is called with.
///
/// # Errors
/// If it was not sent.
pub(crate) fn commit<C>(consumer: &BaseConsumer<C>, offsets: &TopicPartitionList) -> Result<(), RDKafkaErrorCode>
where
    C: ConsumerContext + ClientContext,
{
    let client = consumer.client().native_ptr();
    // SAFETY: the client is valid as long as `consumer`. The queue is freed below; the operation has a reference of its own.
    // The offsets are copied before the call ends. Without a callback the outcome is an event.
    let answer = unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(client);
        if queue.is_null() {
            return Err(RDKafkaErrorCode::UnknownGroup);
        }
        let answer = sys::rd_kafka_commit_queue(client, offsets.ptr(), queue, None, ptr::null_mut());
        sys::rd_kafka_queue_destroy(queue);
        answer
    };
    if answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(answer.into()) }
}
