//! The contract's clauses, each a test. Those that this transport cannot keep are ignored, and say why.

use crate::files::Files;
use crate::group::Group;
use millstream::contract::{CommitEntry, Consumer, ConsumerEvent, ConsumerRequest, Epoch, TopicPartition, Transport};
use millstream::testkit::conformance::{self as suite, Harness};
use millstream::topic::Topic;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// A directory of a case's own.
struct InFiles(Files, PathBuf);

impl InFiles {
    fn new(case: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("millstream-conformance-{case}-{}", std::process::id()));
        let files = Files::open(&format!("files://{}", directory.display())).expect("a directory for temporary files");
        InFiles(files, directory)
    }
}

impl Drop for InFiles {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

impl Harness for InFiles {
    type Transport = Files;

    async fn transport(&self) -> Files {
        self.0.clone()
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        let topic: Topic = format!("shared.{name}").parse().expect("cases name topics well");
        self.0.create_topic(&topic, partitions).expect("names are unique");
        topic
    }
}

macro_rules! cases {
    ($($room:ident: $($(#[$cannot:meta])? $case:ident),+;)+) => {$(
        mod $room {
            $(
                $(#[$cannot])?
                #[tokio::test(start_paused = true)]
                async fn $case() {
                    super::suite::$room::$case(&super::InFiles::new(stringify!($case))).await;
                }
            )+
        }
    )+};
}

cases! {
    producer:
        send_answers_once_per_record_in_order,
        a_request_that_fails_as_a_whole_answers_for_every_record,
        a_receipt_says_where_the_record_can_be_read,
        records_are_appended_in_the_order_of_the_requests,
        a_record_is_written_to_exactly_the_partition_named,
        records_arrive_as_they_were_sent,
        one_records_failure_does_not_fail_anothers,
        a_stalled_consumer_never_delays_send,
        after_a_flush_every_send_polled_before_has_its_answers,
        errors_say_whether_to_try_again;
    consumer:
        nothing_is_delivered_before_start,
        nothing_is_delivered_after_the_end,
        records_come_in_order_from_the_offset_given,
        a_second_start_does_not_seek,
        a_partition_yields_at_most_its_demand_in_records,
        a_partition_yields_at_most_its_demand_in_bytes,
        one_record_is_admitted_however_large,
        next_reaches_the_end,
        an_offset_outside_the_log_is_a_fault_of_one_partition,
        a_paused_partition_waits_until_it_is_resumed,
        a_pause_ends_with_its_epoch,
        commands_of_ended_epochs_change_nothing,
        a_dropped_poll_loses_nothing;
    group:
        a_commit_is_answered_entry_by_entry,
        the_next_owner_sees_what_was_committed,
        a_member_in_good_standing_is_confirmed,
        a_silent_member_loses_its_partitions,
        #[ignore = "one member holds all partitions of a group"]
        epochs_rise_and_end_exactly_once,
        #[ignore = "one member holds all partitions of a group"]
        a_revocation_overtakes_waiting_batches,
        #[ignore = "one member holds all partitions of a group"]
        a_partition_being_revoked_is_nobody_elses,
        #[ignore = "one member holds all partitions of a group"]
        the_end_of_the_budget_ends_the_epoch,
        #[ignore = "one member holds all partitions of a group"]
        a_member_that_leaves_is_replaced_at_once;
    assignment:
        named_partitions_are_read_from_end_to_end,
        readers_without_a_group_share_nothing,
        a_reader_without_a_group_commits_nothing_and_restarts;
    transport:
        two_groups_read_everything_each,
        capabilities_never_change;
}

#[test]
fn what_a_crash_left_half_written_is_cut_off() {
    let harness = InFiles::new("half-written");
    let topic: Topic = "shared.half".parse().expect("a topic");
    harness.0.create_topic(&topic, 1).expect("it is new");
    let path = harness.1.join("topic-shared.half").join("0");
    std::fs::write(&path, [9, 0, 0, 0, 1, 2, 3]).expect("it is there");
    let url = format!("files://{}", harness.1.display());
    let again = Files::open(&url).expect("it opens");
    let reads = crate::partition::Partition::open(&path).expect("it opens").len();
    assert_eq!((reads, std::fs::metadata(&path).expect("it is there").len()), (0, 0));
    drop(again);
}

#[test]
fn a_commit_that_a_crash_left_half_written_is_cut_off() {
    let harness = InFiles::new("half-committed");
    let (path, place) = (harness.1.join("groups").join("half"), TopicPartition::new("shared.half".parse().expect("a topic"), 0));
    // The second line ends within a character.
    std::fs::write(&path, b"[\"shared.half\",0,1,null]\n[\"shared.half\",0,2,\"\xc3").expect("a group's file");
    let committed = || Group::open(&path).expect("it opens").committed(&place).map(|committed| committed.offset);
    assert_eq!(committed(), Some(1), "what was not answered was not committed");
    let entry = CommitEntry::new(place.clone(), Epoch(1), 3);
    Group::open(&path).expect("it opens").commit(&entry).expect("it is written");
    assert_eq!(committed(), Some(3), "nothing stands before what is committed next");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_lasts_is_said_and_then_waited_out() {
    let harness = InFiles::new("lasting");
    let topic = harness.create_topic("lasting", 1).await;
    std::fs::create_dir(harness.1.join("groups").join("lasting")).expect("it stands where the group's file would");
    let request = ConsumerRequest::new("lasting".to_owned(), vec![topic]);
    let mut consumer = harness.transport().await.consumer(request).await.expect("a consumer");
    assert!(matches!(consumer.poll().await, ConsumerEvent::Degraded(_)));
    timeout(Duration::from_millis(100), consumer.poll()).await.expect_err("the same again helps nobody");
    let again = timeout(Duration::from_secs(10), consumer.poll()).await.expect("it is tried again");
    assert!(matches!(again, ConsumerEvent::Degraded(_)));
}
