//! Owns the leader epochs in a list of partitions, which the safe wrapper around it does not show.

use rdkafka::bindings as sys;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::ffi::CString;
use std::ptr::NonNull;

/// The leader epoch that stands beside a partition's offset; `None` if there is none.
pub(crate) fn leader_epoch(list: &TopicPartitionList, topic: &str, partition: i32) -> Option<i32> {
    let element = find(list, topic, partition)?;
    // SAFETY: the element lives as long as the list, and is only read.
    let epoch = unsafe { sys::rd_kafka_topic_partition_get_leader_epoch(element.as_ptr()) };
    (epoch >= 0).then_some(epoch)
}

/// Puts a leader epoch beside a partition's offset, if it is known. Changes nothing if the list has no such partition.
pub(crate) fn set_leader_epoch(list: &mut TopicPartitionList, topic: &str, partition: i32, epoch: Option<i32>) {
    if let (Some(epoch), Some(element)) = (epoch, find(list, topic, partition)) {
        // SAFETY: the element lives as long as the list, which nobody else can use meanwhile.
        unsafe { sys::rd_kafka_topic_partition_set_leader_epoch(element.as_ptr(), epoch) };
    }
}

fn find(list: &TopicPartitionList, topic: &str, partition: i32) -> Option<NonNull<sys::rd_kafka_topic_partition_t>> {
    let topic = CString::new(topic).ok()?;
    // SAFETY: the list is valid as long as it is borrowed, and the name ends with a zero; both are only read.
    NonNull::new(unsafe { sys::rd_kafka_topic_partition_list_find(list.ptr(), topic.as_ptr(), partition) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_epoch_stands_beside_the_partition_it_was_put_to() {
        let mut list = TopicPartitionList::new();
        list.add_partition("orders", 0);
        list.add_partition("orders", 1);
        assert_eq!(leader_epoch(&list, "orders", 1), None);
        set_leader_epoch(&mut list, "orders", 1, Some(7));
        set_leader_epoch(&mut list, "orders", 1, None);
        set_leader_epoch(&mut list, "fills", 1, Some(9));
        assert_eq!(leader_epoch(&list, "orders", 1), Some(7));
        assert_eq!(leader_epoch(&list, "orders", 0), None);
        assert_eq!(leader_epoch(&list, "fills", 1), None);
    }
}
