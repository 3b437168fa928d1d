//! Owns the one question about a record that failed which the safe wrapper cannot answer.

use rdkafka::bindings as sys;
use rdkafka::message::BorrowedMessage;

/// Whether a record may be in the log though its delivery failed.
pub(crate) fn possibly_written(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the message is borrowed, so it is valid.
    let status = unsafe { sys::rd_kafka_message_status(message.ptr()) };
    status != sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}
