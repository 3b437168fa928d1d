//! Owns the proof that a recording producer keeps what it took, in order, and nothing else.

mod support;

use millstream_core::contract::{Produce, Producer, ProducerExt, Record};
use millstream_core::topic::Topic;
use millstream_testkit::{Fate, RecordingProducer, TestEvent, assert_nothing_published, assert_published};
use support::alert;

const ALERTS: &str = "paper.orders.alerts";

fn record(account: &str, amount: u64) -> Record {
    TestEvent::of(alert(account, amount)).to(ALERTS)
}

#[tokio::test]
async fn what_was_sent_is_kept_with_its_headers_and_its_stamp() {
    let producer = RecordingProducer::new();
    let one = record("ann", 1).header("tenant", "blue").at(7);
    let receipt = producer.clone().send_one(one.clone()).await.expect("it takes everything");
    assert_eq!((receipt.partition, receipt.offset, receipt.timestamp), (0, 0, 7));
    let kept = producer.sent(ALERTS);
    assert_eq!(kept, [one.to_partition(0)]);
    assert_eq!(producer.send_one(record("ann", 2)).await.expect("it takes everything").offset, 1);
}

#[tokio::test]
async fn records_lie_in_the_partitions_that_were_named_and_in_no_other() {
    let producer = RecordingProducer::with_partitions(2);
    let records = [record("ann", 1).to_partition(1), record("ann", 2).to_partition(0), record("ann", 3).to_partition(2)];
    let answers = producer.send(&Produce::of(&records).expect("each has a partition")).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    assert_published(&producer, ALERTS).exactly([alert("ann", 2), alert("ann", 1)]);
    assert_eq!(producer.partitions(&Topic::literal(ALERTS)).await.ok(), Some(2));
}

#[tokio::test]
async fn what_was_refused_is_not_kept_and_what_lost_its_answer_is() {
    let producer = RecordingProducer::new();
    producer.to(ALERTS).refuse(true);
    assert!(producer.send_one(record("ann", 1)).await.is_err());
    producer.to(ALERTS).refuse(false);
    assert_nothing_published(&producer, ALERTS);
    producer.to(ALERTS).lose_next(1);
    assert!(producer.send_one(record("ann", 2)).await.is_err());
    assert_published(&producer, ALERTS).exactly([alert("ann", 2)]);
    let fates: Vec<Fate> = producer.sends().iter().map(|call| call.fate).collect();
    assert_eq!(fates, [Fate::Refused, Fate::ReplyLost]);
}

#[tokio::test]
async fn other_topics_are_not_befallen() {
    let producer = RecordingProducer::new();
    producer.to("market.ticks").down(true);
    producer.send_one(record("ann", 1)).await.expect("nothing befalls it");
    assert!(producer.send_one(TestEvent::of(alert("ann", 1)).to("market.ticks")).await.is_err());
}
