//! Owns the words of this backend's errors. Leaves their kinds and what follows from them to the contract.

use crate::faults::SendFault;
use millstream_core::contract::{Error, ErrorKind, Operation, TopicPartition};
use millstream_core::topic::Topic;

pub(crate) fn no_topic(operation: Operation, topic: &Topic) -> Error {
    Error::new(ErrorKind::UnknownTopic, operation, format!("there is no topic {topic}"))
}

pub(crate) fn no_partition(operation: Operation, place: &TopicPartition, partitions: u32) -> Error {
    let context = format!("topic {} has {partitions} partitions, none is {}", place.topic, place.partition);
    Error::new(ErrorKind::UnknownTopic, operation, context)
}

pub(crate) fn topic_exists(topic: &Topic) -> Error {
    Error::new(ErrorKind::Invalid, Operation::Lookup, format!("topic {topic} exists already"))
}

pub(crate) fn unwritable(place: &TopicPartition) -> Error {
    Error::new(ErrorKind::Unwritable, Operation::Send, format!("topic {} is closed to writes", place.topic))
}

pub(crate) fn too_large(place: &TopicPartition, size: usize, limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge, Operation::Send, format!("a record of {size} bytes; {place} takes {limit}"))
}

pub(crate) fn keyless(place: &TopicPartition) -> Error {
    Error::new(ErrorKind::Invalid, Operation::Send, format!("a record without a key; {place} is compacted by key"))
}

/// Of a record that was not looked at, because one before it in its request is to be sent again.
pub(crate) fn behind_a_failed_one(place: &TopicPartition) -> Error {
    Error::new(ErrorKind::Unavailable, Operation::Send, format!("{place} did not take the record before"))
}

/// The error of a record that meets `fault`, before it was written or after.
pub(crate) fn befallen(place: &TopicPartition, fault: SendFault, written: bool) -> Option<Error> {
    match (fault, written) {
        (SendFault::Unavailable, false) => {
            Some(Error::new(ErrorKind::Unavailable, Operation::Send, format!("{place} has no leader")))
        }
        (SendFault::UnknownNotApplied, false) | (SendFault::UnknownApplied, true) => {
            Some(Error::new(ErrorKind::TimedOut, Operation::Send, format!("{place} did not answer")))
        }
        _ => None,
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Ended, Operation::Group, "the consumer was closed")
}

pub(crate) fn unheard(group: &str) -> Error {
    Error::new(ErrorKind::TimedOut, Operation::Close, format!("group {group} did not hear that its member leaves"))
}

pub(crate) fn mixed_protocols(group: &str) -> Error {
    let context = format!("group {group} hands partitions over by another protocol; all its members must use one");
    Error::new(ErrorKind::Invalid, Operation::Group, context)
}

pub(crate) fn bad_request(context: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, Operation::Group, context)
}

pub(crate) fn bad_url(context: String) -> Error {
    Error::new(ErrorKind::Configuration, Operation::Connect, context)
}
