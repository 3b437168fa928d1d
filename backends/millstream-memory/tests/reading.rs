//! Reading and writing in memory, where gaps, cuts and closed topics can be made at will.

mod common;

use common::*;
use millstream_core::contract::{
    Applied, Command, Consumer, ConsumerEvent, ConsumerExt, ConsumerRequest, Error, ErrorKind, NotApplied, PartitionFault,
    Produce, Producer, ProducerExt, Receipt, Record, Transport,
};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, MemoryConsumer, SendFault, TopicConfig, WallClock};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{advance, timeout};

/// The only member on a log of one partition, begun at `at`.
async fn reader(memory: &Memory, at: u64, max_batch: usize) -> MemoryConsumer {
    let mut reader = member(memory, request().max_batch(max_batch)).await;
    let own = assigned(&mut reader).remove(0);
    begin(&mut reader, &own, at);
    reader
}

async fn send(memory: &Memory, records: &[Record]) -> Vec<Result<Receipt, Error>> {
    memory.producer().await.expect("a producer").send(&Produce::of(records).expect("partitions")).await
}

// C5, F107: an offset without a record at the tail is advanced over, so that lag reaches 0.
#[tokio::test(start_paused = true)]
async fn a_control_record_at_the_tail_is_advanced_over() {
    let (memory, topic) = log(1);
    fill(&memory, 0, &["a"]).await;
    let mut reader = reader(&memory, 0, 10).await;
    assert_eq!(story(&mut reader), ["1 of 0"]);
    memory.append_control(&topic, 0).expect("a topic");
    memory.append_control(&topic, 0).expect("a topic");
    assert_eq!(story(&mut reader), ["advanced to 3"]);
    assert!(story(&mut reader).is_empty(), "once");
    fill(&memory, 0, &["b"]).await;
    assert_eq!(story(&mut reader), ["1 of 0"]);
}

// C5, F19: a batch's `next` closes the gaps that the log knows of.
#[tokio::test(start_paused = true)]
async fn next_reaches_over_a_gap_to_the_record_that_follows() {
    let (memory, topic) = log(1);
    fill(&memory, 0, &["a"]).await;
    memory.append_control(&topic, 0).expect("a topic");
    fill(&memory, 0, &["b"]).await;
    let mut reader = reader(&memory, 0, 1).await;
    let nexts: Vec<u64> = say(&mut reader)
        .into_iter()
        .filter_map(|event| match event {
            ConsumerEvent::Records(batch) => Some(batch.next),
            _ => None,
        })
        .collect();
    assert_eq!(nexts, [2, 3]);
}

// C5: compaction keeps the last record of a key; a tombstone falls one compaction later, and the tail is advanced over.
#[tokio::test(start_paused = true)]
async fn a_compacted_tail_is_advanced_over() {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::compacted(1)).expect("new");
    for text in ["1", "2"] {
        let records = ["k", "l"].map(|key| Record::new(topic.clone(), key, text).to_partition(0));
        assert!(send(&memory, &records).await.iter().all(Result::is_ok));
    }
    assert!(send(&memory, &[Record::tombstone(topic.clone(), "l").to_partition(0)]).await[0].is_ok());
    let offsets = |memory: &Memory| -> Vec<u64> {
        memory.batches(&topic).iter().flat_map(|batch| batch.iter().map(|r| r.offset()).collect::<Vec<_>>()).collect()
    };
    memory.compact(&topic).expect("a topic");
    assert_eq!(offsets(&memory), [2, 4], "the tombstone of l stays once");
    let mut reader = reader(&memory, 0, 10).await;
    assert_eq!(story(&mut reader), ["2 of 0"]);
    memory.compact(&topic).expect("a topic");
    assert_eq!(offsets(&memory), [2]);
    assert_eq!(memory.end(&topic, 0), Some(5), "offsets never change");
    let own = memory.group_members(GROUP)[0].holds[0].1;
    reader.submit(Command::Restart { epoch: own, at: 3 });
    let again = assigned(&mut reader).remove(0);
    begin(&mut reader, &again, 3);
    assert_eq!(story(&mut reader), ["advanced to 5"]);
}

// A compacted topic compacts itself as it grows, so it is bounded by its keys.
#[tokio::test(start_paused = true)]
async fn a_compacted_topic_stays_as_small_as_its_keys() {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::compacted(1).segment_records(10).segment_bytes(200)).expect("new");
    for round in 0..200 {
        let records: Vec<Record> =
            (0..5).map(|key| Record::new(topic.clone(), format!("key {key}"), format!("{round:010}")).to_partition(0)).collect();
        send(&memory, &records).await;
    }
    let kept = memory.records(&topic);
    assert!(kept.len() < 100, "{} of 1,000 records are left", kept.len());
    let last: BTreeMap<_, _> = kept.into_iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(last.len(), 5);
    assert!(last.values().all(|value| value.as_deref() == Some(b"0000000199")));
}

#[tokio::test(start_paused = true)]
async fn a_compacted_topic_takes_no_record_without_a_key() {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::compacted(1)).expect("new");
    let answers = send(&memory, &[Record::new(topic.clone(), "k", "v").without_key().to_partition(0)]).await;
    assert_eq!(answers[0].as_ref().map_err(Error::kind), Err(ErrorKind::Invalid));
}

// C10, F20: what retention removed unread is a fault at the next fetch.
#[tokio::test(start_paused = true)]
async fn what_retention_removed_unread_is_a_fault() {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::new(1).retention_bytes(400)).expect("new");
    fill(&memory, 0, &["0123456789"]).await;
    let mut reader = reader(&memory, 0, 10).await;
    assert_eq!(story(&mut reader), ["1 of 0"]);
    for _ in 0..100 {
        fill(&memory, 0, &["0123456789"]).await;
    }
    let start = memory.log_start(&topic, 0).expect("a topic");
    assert!((70..=80).contains(&start), "400 bytes are 20 records, in segments of 5: {start}");
    let said = say(&mut reader);
    let expected = PartitionFault::OutOfRange { requested: 1, log_start: start, end: 101 };
    assert!(matches!(&said[..], [ConsumerEvent::Fault { fault, .. }] if *fault == expected), "{said:?}");
}

// C10, F103: a cut below what was read is a fault that says where, even after the log has grown again.
#[tokio::test(start_paused = true)]
async fn a_cut_below_what_was_read_is_a_fault() {
    let (memory, topic) = log(1);
    fill(&memory, 0, &["a", "b", "c"]).await;
    let mut reader = reader(&memory, 0, 10).await;
    assert_eq!(story(&mut reader), ["3 of 0"]);
    memory.truncate(&topic, 0, 1).expect("a topic");
    fill(&memory, 0, &["d", "e", "f"]).await;
    assert_eq!(story(&mut reader), ["Truncated(1)"]);
}

// C10: a fault of one partition stops that one only.
#[tokio::test(start_paused = true)]
async fn a_fault_stops_one_partition_only() {
    let (memory, topic) = log(2);
    let mut reader = member(&memory, request()).await;
    for own in assigned(&mut reader) {
        begin(&mut reader, &own, 0);
    }
    fill(&memory, 0, &["a", "b"]).await;
    memory.delete_records(&topic, 0, 2).expect("a topic");
    fill(&memory, 1, &["c"]).await;
    let said = story(&mut reader);
    assert!(said.len() == 2 && said.contains(&String::from("1 of 1")), "{said:?}");
}

// I22: a partition with demand and records comes once a round, whatever the others have.
#[tokio::test(start_paused = true)]
async fn each_partition_is_served_once_a_round() {
    let (memory, _) = log(4);
    for partition in 0..4 {
        fill(&memory, partition, &["x"; 100]).await;
    }
    let mut reader = member(&memory, request().max_batch(10)).await;
    for own in assigned(&mut reader) {
        begin(&mut reader, &own, 0);
    }
    let served: Vec<String> = say(&mut reader).iter().map(word).collect();
    assert_eq!(served.len(), 40);
    for round in served.chunks(4) {
        assert_eq!(round, ["10 of 0", "10 of 1", "10 of 2", "10 of 3"]);
    }
}

// I22: a partition that goes costs none its turn.
#[tokio::test(start_paused = true)]
async fn a_partition_given_up_costs_no_other_its_turn() {
    let (memory, _) = log(4);
    for partition in 0..4 {
        fill(&memory, partition, &["x"; 100]).await;
    }
    let mut reader = member(&memory, request().max_batch(10)).await;
    let own = assigned(&mut reader);
    own.iter().for_each(|own| begin(&mut reader, own, 0));
    let next = |reader: &mut MemoryConsumer| word(&glimpse(reader).expect("there are records"));
    assert_eq!([next(&mut reader), next(&mut reader)], ["10 of 0", "10 of 1"]);
    reader.submit(Command::Release { epoch: own[0].epoch });
    assert_eq!([next(&mut reader), next(&mut reader), next(&mut reader)], ["10 of 2", "10 of 3", "10 of 1"]);
}

// A reader behind many small writes gets large batches, and nobody else notices.
#[tokio::test(start_paused = true)]
async fn a_reader_far_behind_gets_large_batches() {
    let (memory, _) = log(1);
    let mut quick = reader(&memory, 0, 512).await;
    for _ in 0..1_000 {
        fill(&memory, 0, &["x"]).await;
        assert_eq!(story(&mut quick), ["1 of 0"]);
        // A task may poll only so often at a time.
        tokio::task::yield_now().await;
    }
    let mut slow = member(&memory, ConsumerRequest::new("slow", vec![topic()])).await;
    let own = assigned(&mut slow).remove(0);
    begin(&mut slow, &own, 0);
    assert_eq!(story(&mut slow), ["512 of 0", "488 of 0"]);
}

// Reading shares the records: two readers see the same bytes at the same place.
#[tokio::test(start_paused = true)]
async fn readers_share_the_records_and_copy_nothing() {
    let (memory, topic) = log(1);
    fill(&memory, 0, &["a", "b", "c"]).await;
    let (one, two) = (memory.read(&topic, 0, 0, 10), memory.read(&topic, 0, 1, 10));
    let at = |batch: &millstream_core::contract::RecordBatch, index| batch.view(index).value().expect("a value").as_ptr();
    assert_eq!(at(&one[0], 1), at(&two[0], 0));
}

// P7: nor does a reader that stands still keep the log from dropping what is old.
#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_holds_nothing_back() {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::new(1).retention_bytes(1_000)).expect("new");
    let _reader = reader(&memory, 0, 1).await;
    for _ in 0..1_000 {
        fill(&memory, 0, &["0123456789"]).await;
    }
    assert!(memory.records(&topic).len() < 100);
}

// F54: a topic closed to writes answers so that one tries again, and takes records when it is open.
#[tokio::test(start_paused = true)]
async fn a_topic_closed_to_writes_asks_to_try_again() {
    let (memory, topic) = log(1);
    memory.set_writable(&topic, false).expect("a topic");
    let records = [Record::new(topic.clone(), "k", "v").to_partition(0)];
    let answers = send(&memory, &records).await;
    let error = answers[0].as_ref().expect_err("closed");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unwritable, true));
    assert!(matches!(error.applied(), Applied::NotApplied(_)));
    memory.set_writable(&topic, true).expect("a topic");
    assert_eq!(send(&memory, &records).await[0].as_ref().map(|receipt| receipt.offset).ok(), Some(0));
}

// P1, P6: each record has the answer of what befell it, and only what was written is there.
#[tokio::test(start_paused = true)]
async fn send_faults_answer_what_they_did() {
    let (memory, topic) = log(1);
    for fault in [SendFault::Unavailable, SendFault::UnknownApplied, SendFault::UnknownNotApplied] {
        memory.fail_sends(&topic, 1, fault).expect("a topic");
    }
    let mut answers: Vec<Result<u64, (ErrorKind, Applied)>> = Vec::new();
    for text in ["a", "b", "c", "d"] {
        let answer = send(&memory, &[Record::new(topic.clone(), text, text).to_partition(0)]).await.remove(0);
        answers.push(answer.map(|receipt| receipt.offset).map_err(|error| (error.kind(), error.applied())));
    }
    assert_eq!(
        answers,
        [
            Err((ErrorKind::Unavailable, Applied::NotApplied(NotApplied::Refused))),
            Err((ErrorKind::TimedOut, Applied::Unknown)),
            Err((ErrorKind::TimedOut, Applied::Unknown)),
            Ok(1)
        ]
    );
    let kept: Vec<_> = memory.records(&topic).into_iter().map(|record| record.value.expect("a value")).collect();
    assert_eq!(kept, ["b", "d"]);
}

// P3: one that is to be sent again takes those behind it along, unwritten.
#[tokio::test(start_paused = true)]
async fn a_failed_record_is_not_overtaken_within_its_request() {
    let (memory, topic) = log(1);
    memory.fail_sends(&topic, 1, SendFault::Unavailable).expect("a topic");
    let records = ["a", "b", "c"].map(|text| Record::new(topic.clone(), text, text).to_partition(0));
    for again in [true, false] {
        let answers = send(&memory, &records).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(Error::is_retriable) == again));
    }
    let kept: Vec<_> = memory.records(&topic).into_iter().map(|record| record.value.expect("a value")).collect();
    assert_eq!(kept, ["a", "b", "c"]);
}

// The largest record a topic takes is taken, one byte more is not.
#[tokio::test(start_paused = true)]
async fn the_largest_record_is_taken_and_a_larger_one_is_not() {
    let (memory, topic) = (Memory::new(), topic());
    memory.create_topic(&topic, TopicConfig::new(1).max_record_bytes(100)).expect("new");
    let of = |bytes: usize| Record::new(topic.clone(), "k", vec![0; bytes - 4]).header("h", "12").to_partition(0);
    let taken: Vec<bool> = send(&memory, &[of(99), of(100), of(101)]).await.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, true, false]);
}

// Who brings no timestamp is stamped by a wall clock that can be made virtual; stamps never fall.
#[tokio::test(start_paused = true)]
async fn a_virtual_wall_clock_stamps_by_virtual_time() {
    let memory = Memory::builder().wall(WallClock::Virtual(1_000)).build();
    let producer = memory.producer().await.expect("a producer");
    let stamp = async || producer.send_one(Record::new(topic(), "k", "v")).await.expect("taken").timestamp;
    assert_eq!(stamp().await, 1_000);
    advance(Duration::from_millis(250)).await;
    assert_eq!(stamp().await, 1_250);
    let own = producer.send_one(Record::new(topic(), "k", "v").at(7)).await.expect("taken");
    assert_eq!(own.timestamp, 7, "who brings one keeps it");
}

// T1: a topic that is not there is made, or refused, as the settings say.
#[tokio::test(start_paused = true)]
async fn topics_are_made_by_use_only_if_the_settings_say_so() {
    let memory = Memory::builder().default_partitions(3).build();
    assert_eq!(memory.producer().await.expect("a producer").partitions(&topic()).await.ok(), Some(3));
    let strict = Memory::builder().auto_create(false).build();
    let refused = strict.consumer(request()).await.err().map(|error| error.kind());
    assert_eq!(refused, Some(ErrorKind::UnknownTopic));
    assert_eq!(strict.topics(), Vec::<Topic>::new());
}

// Clones share the log: a whole of two services in one process.
#[tokio::test(start_paused = true)]
async fn clones_share_the_log() {
    let memory = Memory::new();
    let clone = memory.clone();
    let mut reader = clone.consumer(request()).await.expect("a consumer").into_reader();
    let waiting = tokio::spawn(async move { reader.next_batch().await.expect("a batch").len() });
    tokio::task::yield_now().await;
    fill(&memory, 0, &["a"]).await;
    assert_eq!(timeout(Duration::from_millis(1), waiting).await.expect("at once").expect("no panic"), 1);
}

// F66: no wake-up is lost between threads; virtual time cannot help here, so every record must wake its reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_threads() {
    let (memory, _) = log(2);
    // A session this long has no timer that could hide a lost wake-up.
    let mut reader = member(&memory, request().session_timeout(Duration::from_secs(3_600))).await.into_reader();
    let producer = memory.clone();
    let (done, mut wait) = tokio::sync::mpsc::channel::<()>(1);
    let writing = tokio::spawn(async move {
        for round in 0..20_000_u32 {
            fill(&producer, round % 2, &["x"]).await;
            wait.recv().await.expect("the reader lives");
        }
    });
    let reading = async {
        let mut read = 0;
        while read < 20_000 {
            let batch = timeout(Duration::from_secs(60), reader.next_batch()).await.expect("no wake-up is lost");
            read += batch.expect("a batch").len();
            done.send(()).await.expect("the writer lives");
        }
    };
    reading.await;
    writing.await.expect("no panic");
}

// A full log does not starve other tasks: polling takes part in the runtime's budget.
#[tokio::test(start_paused = true)]
async fn reading_a_full_log_lets_other_tasks_run() {
    let (memory, _) = log(1);
    fill(&memory, 0, &["x"; 2_000]).await;
    let mut reader = reader(&memory, 0, 1).await;
    let other = tokio::spawn(async {});
    for _ in 0..1_000 {
        reader.poll().await;
    }
    assert!(other.is_finished());
}
