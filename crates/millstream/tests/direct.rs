//! The direct tier: records sent and read by code that owns its loop.

mod support;

use millstream::contract::{
    Applied, Assigned, Close, Command, Committed, Consumer, ConsumerEvent, ConsumerExt, ConsumerRequest, Epoch, ErrorKind,
    NotApplied, Operation, PartitionFault, Reader, RecordBatch, RecordSetBuilder, TopicId, TopicPartition, Transport,
    TransportExt,
};
use millstream::memory::{CommitFault, TopicConfig};
use millstream::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use support::*;

const TICKS: Topic = Topic::literal("market.ticks");

async fn log(records: &[&str]) -> Memory {
    let memory = Memory::new();
    let all = records.iter().map(|value| Record::new(TICKS, "EURUSD", value.to_string())).collect();
    send(&memory, all).await;
    memory
}

fn values(batch: &RecordBatch) -> Vec<String> {
    let mut values = Vec::new();
    for record in batch {
        values.push(String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned());
    }
    values
}

#[tokio::test(start_paused = true)]
async fn a_receipt_says_where_a_record_landed() {
    let memory = Memory::builder().default_partitions(4).build();
    let producer = memory.producer().await.expect("a producer");
    let one = producer.send_one(Record::new(TICKS, "EURUSD", "1")).await.expect("it is taken");
    let two = producer.send_one(Record::new(TICKS, "EURUSD", "2")).await.expect("it is taken");
    assert_eq!((two.partition, one.offset, two.offset), (one.partition, 0, 1), "one key, one partition");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_looped_over_in_order() {
    let memory = log(&["1", "2", "3"]).await;
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    let batch = reader.next_batch().await.expect("a batch");
    assert_eq!(values(&batch), ["1", "2", "3"]);
    assert_eq!(values(&batch.slice(1..3)), ["2", "3"]);
    let sizes = (&batch).into_iter().map(|record| record.offset()).collect::<Vec<_>>();
    assert_eq!((sizes, (&batch).into_iter().len()), (vec![0, 1, 2], 3));
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_does_not_come_again() {
    let memory = log(&["1", "2"]).await;
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    let batch = reader.next_batch().await.expect("a batch");
    reader.commit_batch(&batch).await.expect("it is committed");
    assert_eq!(committed(&memory, "tools.ticks", "market.ticks", 0), Some(2));
    reader.close().await.expect("it leaves");
    send(&memory, vec![Record::new(TICKS, "EURUSD", "3")]).await;
    let mut next = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    assert_eq!(values(&next.next_batch().await.expect("a batch")), ["3"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_committed_comes_again() {
    let memory = log(&["1", "2"]).await;
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    reader.next_batch().await.expect("a batch");
    reader.close().await.expect("it leaves");
    let mut next = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    assert_eq!(values(&next.next_batch().await.expect("a batch")), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn records_that_come_while_a_commit_is_awaited_are_read_next() {
    let memory = log(&["1"]).await;
    memory.create_topic(&topic("market.other"), TopicConfig::new(1)).expect("a new topic");
    let mut reader = memory.reader("tools.ticks", &[TICKS, topic("market.other")]).await.expect("a reader");
    let batch = reader.next_batch().await.expect("a batch");
    send(&memory, vec![Record::new(TICKS, "EURUSD", "2"), Record::new(topic("market.other"), "EURUSD", "other")]).await;
    reader.commit_batch(&batch).await.expect("it is committed");
    let mut read = [values(&reader.next_batch().await.expect("a batch")), values(&reader.next_batch().await.expect("a batch"))];
    read.sort();
    assert_eq!(read, [["2"], ["other"]]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_not_made_is_an_error() {
    let memory = log(&["1"]).await;
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    let batch = reader.next_batch().await.expect("a batch");
    memory.fail_commits("tools.ticks", 1, CommitFault::Refused);
    let error = reader.commit_batch(&batch).await.expect_err("it is refused");
    assert_eq!(error.to_string(), "commit failed: market.ticks-0: the commit was refused");
    assert_eq!(error.applied(), Applied::NotApplied(NotApplied::Refused));
    reader.commit_batch(&batch).await.expect("the next one is made");
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_what_another_member_owns_now_says_so_and_the_loop_goes_on() {
    let memory = log(&["1"]).await;
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    let batch = reader.next_batch().await.expect("a batch");
    memory.expire("tools.ticks", memory.group_members("tools.ticks")[0].id);
    let error = reader.commit_batch(&batch).await.expect_err("it was thrown out");
    let text = "commit failed: market.ticks-0 was given to another member, to whom these records come again";
    assert_eq!((error.to_string().as_str(), error.kind()), (text, ErrorKind::Ended));
    assert_eq!(values(&reader.next_batch().await.expect("it has joined again")), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn revoked_partitions_are_given_up_at_once_with_what_waits_of_them() {
    let memory = Memory::builder().default_partitions(2).build();
    let records = (0..2).map(|partition| Record::new(TICKS, "a", partition.to_string()).to_partition(partition)).collect();
    send(&memory, records).await;
    let mut first = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    first.next_batch().await.expect("a batch");
    let mut second = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    // Both are polled, so that the group can share out its partitions; long before a budget for the revocation ends.
    let both = async {
        tokio::select! {
            biased;
            _ = async { loop { drop(first.next_batch().await) } } => unreachable!("it waits for ever"),
            batch = second.next_batch() => values(&batch.expect("a batch")),
        }
    };
    let read = tokio::time::timeout(std::time::Duration::from_secs(5), both).await.expect("it was given up at once");
    assert_eq!(read.len(), 1);
    assert_eq!(memory.group_members("tools.ticks").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waits_of_a_lost_partition_is_not_read() {
    let memory = Memory::builder().default_partitions(2).build();
    let records = (0..2).map(|partition| Record::new(TICKS, "a", partition.to_string()).to_partition(partition)).collect();
    send(&memory, records).await;
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    let one = reader.next_batch().await.expect("a batch");
    // The other's batch comes while the commit is awaited.
    reader.commit_batch(&one).await.expect("it is committed");
    memory.expire("tools.ticks", memory.group_members("tools.ticks")[0].id);
    reader.commit_batch(&one).await.expect_err("it was thrown out");
    let other = reader.next_batch().await.expect("it has joined again");
    assert_ne!(other.partition, one.partition);
    assert!(other.epoch.0 > 2, "it is read under the new epoch and not under {}", other.epoch);
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_a_group_reads_and_commits_nothing() {
    let memory = log(&["1", "2"]).await;
    let place = millstream::contract::TopicPartition::new(TICKS, 0);
    let consumer = memory.consumer(ConsumerRequest::assigned(vec![place])).await.expect("a consumer");
    let mut reader = consumer.into_reader();
    let batch = reader.next_batch().await.expect("a batch");
    assert_eq!(values(&batch), ["1", "2"]);
    let error = reader.commit_batch(&batch).await.expect_err("it belongs to no group");
    assert_eq!(error.applied(), Applied::NotApplied(NotApplied::Refused));
}

#[tokio::test(start_paused = true)]
async fn a_partition_at_fault_is_named() {
    let memory = log(&["1", "2"]).await;
    memory.set_committed("tools.ticks", &TICKS, 0, Some(9));
    let mut reader = memory.reader("tools.ticks", &[TICKS]).await.expect("a reader");
    let error = reader.next_batch().await.expect_err("nothing is there");
    let fault = PartitionFault::OutOfRange { requested: 9, log_start: 0, end: 2 };
    assert_eq!(error.to_string(), format!("fetch failed: market.ticks-0 is at fault: {fault:?}"));
}

/// A consumer that says the same of every commit: first another partition's fault or the end of everything, then the outcome.
struct Told(VecDeque<ConsumerEvent>, fn() -> ConsumerEvent);

impl Consumer for Told {
    async fn poll(&mut self) -> ConsumerEvent {
        match self.0.pop_front() {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    fn submit(&mut self, command: Command) {
        if let Command::Commit { id, entries } = command {
            let results = entries.iter().map(|entry| (entry.epoch, entry.offset, Applied::Applied)).collect();
            self.0.extend([(self.1)(), ConsumerEvent::Committed(Committed::new(id, results))]);
        }
    }

    async fn close(&mut self, _: Close) -> Result<(), Error> {
        Ok(())
    }
}

/// A reader of two partitions, and the first one's only batch.
async fn told(says: fn() -> ConsumerEvent) -> (Reader<Told>, RecordBatch) {
    let place = |partition| TopicPartition::new(TICKS, partition);
    let assigned =
        |partition: u32| ConsumerEvent::Assigned(Assigned::new(place(partition), Epoch(u64::from(partition) + 1), TopicId(1)));
    let mut set = RecordSetBuilder::new(0);
    set.push(0, 0, Some(b"EURUSD"), Some(b"1"));
    let batch = RecordBatch::new(place(0), Epoch(1), Arc::new(set.build()), 0..1, 1);
    let events = [assigned(0), assigned(1), ConsumerEvent::Records(batch)];
    let mut reader = Told(events.into(), says).into_reader();
    let batch = reader.next_batch().await.expect("a batch");
    (reader, batch)
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_another_partition_waits_until_a_commit_has_its_outcome() {
    let (mut reader, batch) = told(|| ConsumerEvent::Fault { epoch: Epoch(2), fault: PartitionFault::Corrupt(7) }).await;
    reader.commit_batch(&batch).await.expect("it is committed");
    let error = reader.next_batch().await.expect_err("the other is at fault");
    assert_eq!(error.to_string(), "fetch failed: market.ticks-1 is at fault: Corrupt(7)");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_breaks_while_a_commit_is_awaited_leaves_its_outcome_unknown() {
    let (mut reader, batch) =
        told(|| ConsumerEvent::Fatal(Error::new(ErrorKind::Unauthorized, Operation::Fetch, "no longer valid"))).await;
    let error = reader.commit_batch(&batch).await.expect_err("it cannot go on");
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Unauthorized, Applied::Unknown));
}

/// Code that does not care which transport it is given.
async fn count(transport: impl Transport) -> Result<usize, Error> {
    let mut reader = transport.reader("tools.count", &[TICKS]).await?;
    let batch = reader.next_batch().await?;
    reader.commit_batch(&batch).await?;
    reader.close().await?;
    Ok(batch.len())
}

#[tokio::test(start_paused = true)]
async fn the_direct_tier_is_the_same_on_an_erased_transport() {
    let memory = log(&["1", "2"]).await;
    let any = millstream::contract::AnyTransport::new(memory.clone());
    assert_eq!(count(any).await.expect("it is read"), 2);
    assert_eq!(committed(&memory, "tools.count", "market.ticks", 0), Some(2));
}

#[allow(dead_code, reason = "compiled only: the reader's future may be spawned")]
fn a_reader_can_be_spawned<C: Consumer>(mut reader: millstream::contract::Reader<C>) {
    tokio::spawn(async move { reader.next_batch().await });
}
