//! Owns the asking for topics' identities. Blocks: for threads of our own.

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

/// What each of `topics` is to broker `broker`: its identity, or why there is none. At most `within`. Any broker knows; the
/// controller, which is asked by default, may be away, and a mock cluster has none.
///
/// # Errors
/// If nobody answered.
pub(crate) fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    broker: i32,
    topics: &[String],
    within: Duration,
) -> Result<BTreeMap<String, Result<u128, RDKafkaErrorCode>>, RDKafkaErrorCode> {
    let names: Vec<CString> = topics.iter().filter_map(|topic| CString::new(topic.as_str()).ok()).collect();
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let millis = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
    let rk = client.native_ptr();
    let mut found = BTreeMap::new();
    // SAFETY: the client outlives the call, and the names outlive the collection, which copies them. Queue, options, collection
    // and event are ours and are freed in this block. What is read out of the event is read before it is freed.
    unsafe {
        let queue = sys::rd_kafka_queue_new(rk);
        let options = sys::rd_kafka_AdminOptions_new(rk, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis, std::ptr::null_mut(), 0);
        sys::rd_kafka_AdminOptions_set_broker(options, broker, std::ptr::null_mut(), 0);
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        sys::rd_kafka_DescribeTopics(rk, collection, options, queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
        sys::rd_kafka_AdminOptions_destroy(options);
        // A little more than the request itself may take, so that its own words come.
        let event = sys::rd_kafka_queue_poll(queue, millis.saturating_add(500));
        let failed = if event.is_null() {
            Some(RDKafkaErrorCode::OperationTimedOut)
        } else {
            let error = sys::rd_kafka_event_error(event);
            (error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| error.into())
        };
        let result = if event.is_null() { std::ptr::null() } else { sys::rd_kafka_event_DescribeTopics_result(event) };
        if failed.is_none() && !result.is_null() {
            let mut count = 0;
            let described = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for index in 0..count {
                let topic = *described.add(index);
                let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic)).to_string_lossy().into_owned();
                let error = sys::rd_kafka_TopicDescription_error(topic);
                let code = if error.is_null() {
                    sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
                } else {
                    sys::rd_kafka_error_code(error)
                };
                let answer = if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    let id = sys::rd_kafka_TopicDescription_topic_id(topic);
                    let high = sys::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
                    let low = sys::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
                    Ok(u128::from(high) << 64 | u128::from(low))
                } else {
                    Err(code.into())
                };
                found.insert(name, answer);
            }
        }
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        failed.map_or(Ok(found), Err)
    }
}
