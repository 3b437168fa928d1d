//! Hands for the tests: topics, records, and a member that is polled once at a time.
#![allow(dead_code, reason = "each test file uses some of it")]

use millstream_core::contract::{
    Assigned, Command, Consumer, ConsumerEvent, ConsumerRequest, EpochEnd, Produce, Producer, Record, Transport,
};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, MemoryConsumer, TopicConfig};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub(crate) const GROUP: &str = "g";

/// A log with the topic `a.b` of `partitions` partitions.
pub(crate) fn log(partitions: u32) -> (Memory, Topic) {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::new(partitions)).expect("it is new");
    (memory, topic)
}

pub(crate) fn topic() -> Topic {
    "a.b".parse().expect("a name")
}

pub(crate) fn request() -> ConsumerRequest {
    ConsumerRequest::new(GROUP, vec![topic()])
}

pub(crate) async fn member(memory: &Memory, request: ConsumerRequest) -> MemoryConsumer {
    memory.consumer(request).await.expect("a consumer")
}

/// Sends `values` to `partition`, each its own key.
pub(crate) async fn fill(memory: &Memory, partition: u32, values: &[&str]) {
    let records: Vec<Record> =
        values.iter().map(|value| Record::new(topic(), value.to_string(), value.to_string()).to_partition(partition)).collect();
    let producer = memory.producer().await.expect("a producer");
    for answer in producer.send(&Produce::of(&records).expect("partitions")).await {
        answer.expect("the log takes it");
    }
}

/// Polls once: what the consumer says without waiting.
pub(crate) fn glimpse(consumer: &mut MemoryConsumer) -> Option<ConsumerEvent> {
    match pin!(consumer.poll()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => Some(event),
        Poll::Pending => None,
    }
}

/// Everything the consumer says without waiting.
pub(crate) fn say(consumer: &mut MemoryConsumer) -> Vec<ConsumerEvent> {
    std::iter::from_fn(|| glimpse(consumer)).collect()
}

/// The assignments among everything the consumer says.
pub(crate) fn assigned(consumer: &mut MemoryConsumer) -> Vec<Assigned> {
    let pick = |event| match event {
        ConsumerEvent::Assigned(assigned) => Some(assigned),
        _ => None,
    };
    say(consumer).into_iter().filter_map(pick).collect()
}

/// What the consumer says, in short.
pub(crate) fn story(consumer: &mut MemoryConsumer) -> Vec<String> {
    say(consumer).iter().map(word).collect()
}

pub(crate) fn word(event: &ConsumerEvent) -> String {
    match event {
        ConsumerEvent::Assigned(assigned) => format!("assigned {}", assigned.partition.partition),
        ConsumerEvent::Records(batch) => format!("{} of {}", batch.len(), batch.partition.partition),
        ConsumerEvent::Advanced { next, .. } => format!("advanced to {next}"),
        ConsumerEvent::Ending { how: EpochEnd::Revoking(_), .. } => String::from("revoking"),
        ConsumerEvent::Ending { how: EpochEnd::Lost, .. } => String::from("lost"),
        ConsumerEvent::Fault { fault, .. } => format!("{fault:?}"),
        ConsumerEvent::Committed(committed) => format!("{:?}", committed.results[0].2),
        ConsumerEvent::Confirmed => String::from("confirmed"),
        other => format!("{other:?}"),
    }
}

/// Starts an assignment at `at` with all the demand there is.
pub(crate) fn begin(consumer: &mut MemoryConsumer, assigned: &Assigned, at: u64) {
    consumer.submit(Command::Start { epoch: assigned.epoch, at });
    consumer.submit(Command::Want { epoch: assigned.epoch, records: u32::MAX, bytes: u64::MAX });
}

/// The epochs whose end the consumer has to say, and how.
pub(crate) fn ending(consumer: &mut millstream_memory::MemoryConsumer) -> Vec<(millstream_core::contract::Epoch, EpochEnd)> {
    let pick = |event| match event {
        ConsumerEvent::Ending { epoch, how } => Some((epoch, how)),
        _ => None,
    };
    say(consumer).into_iter().filter_map(pick).collect()
}
