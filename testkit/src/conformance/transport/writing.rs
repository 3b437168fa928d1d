//! Owns the cases of writing that goes well: clauses P1 to P4, P7, P8. Leaves what fails to `sending`, bytes to `payloads`.

use super::Scene;
use super::driver::{Seen, contents, error, fill, member, produce, producer_of, record};
use crate::conformance::World;
use crate::conformance::case::{Case, Entry, IntoChecked, Need, table};
use millstream_core::contract::{Command, ErrorKind, Produce, Producer, Record};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    P1 => send_answers_once_per_record_in_order;
    P1 => a_request_that_fails_as_a_whole_answers_for_every_record;
    P2 => a_receipt_says_where_the_record_can_be_read needs Groups;
    P3 => records_are_appended_in_the_order_of_the_requests;
    P4 => a_record_is_written_to_exactly_the_partition_named;
    P7 => a_stalled_consumer_never_delays_send needs Groups;
    P8 => after_a_flush_every_send_polled_before_has_its_answers;
}

/// P1: one answer a record, in the order of the request, whoever fails.
async fn send_answers_once_per_record_in_order<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("answers", 2).await;
    let producer = producer_of(scene).await;
    let to = |partition: u32, text: &str| record(&topic, partition, text);
    let answers = producer.send(&produce(&[to(0, "a"), to(1, "b"), to(9, "c"), to(0, "d"), to(1, "e")])).await;
    let places: Vec<Option<(u32, u64)>> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|receipt| (receipt.partition, receipt.offset))).collect();
    assert_eq!(places, [Some((0, 0)), Some((1, 0)), None, Some((0, 1)), Some((1, 1))]);
}

/// P1: a request that fails as a whole has an answer for every record too.
async fn a_request_that_fails_as_a_whole_answers_for_every_record<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("fails-as-a-whole", 1).await;
    let records: Vec<Record> = (0..5).map(|i| record(&topic, 7, &i.to_string())).collect();
    let answers = producer_of(scene).await.send(&produce(&records)).await;
    assert_eq!(answers.len(), 5);
    assert!(answers.iter().all(|answer| error(answer).kind() == ErrorKind::UnknownTopic), "{answers:?}");
}

/// P2: a reader that starts at a receipt's offset sees the record.
async fn a_receipt_says_where_the_record_can_be_read<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("receipt", 1).await;
    let receipt = fill(scene, &topic, 0, &["a", "b", "c"]).await[1];
    let mut member = member(scene, "receipt", &topic).await;
    let assigned = member.assigned_one().await;
    member.begin(assigned.epoch, receipt.offset);
    let (_, seen) = member.records(1).await.remove(0);
    assert_eq!((seen.offset, seen.text().as_str(), seen.timestamp), (receipt.offset, "b", receipt.timestamp));
}

/// P3: the order of the request, and of requests first polled one after the other, is the order of the log.
async fn records_are_appended_in_the_order_of_the_requests<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("order", 2).await;
    let producer = producer_of(scene).await;
    // Each request alternates between two partitions.
    let request = |r: u32| (0..5).map(|i| record(&topic, i % 2, &format!("{r:02}-{i}"))).collect::<Vec<_>>();
    let requests: Vec<Produce> = (0..20).map(|r| produce(&request(r))).collect();
    let mut sends: Vec<_> = requests.iter().map(|request| Box::pin(producer.send(request))).collect();
    let mut done = vec![false; sends.len()];
    poll_fn(|cx| {
        for (send, done) in sends.iter_mut().zip(&mut done) {
            if !*done && let Poll::Ready(answers) = send.as_mut().poll(cx) {
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                *done = true;
            }
        }
        if done.iter().all(|done| *done) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let read: Vec<String> = contents(scene, "order", &topic, 0, 60).await.iter().map(Seen::text).collect();
    let sent: Vec<String> = (0..20).flat_map(|r| [0, 2, 4].map(|i| format!("{r:02}-{i}"))).collect();
    assert_eq!(read, sent);
}

/// P4: the partition named is the partition written, whatever the key says.
async fn a_record_is_written_to_exactly_the_partition_named<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("named", 3).await;
    let records: Vec<Record> = [2, 0, 1, 2].map(|p| record(&topic, p, "same key")).into();
    let answers = producer_of(scene).await.send(&produce(&records)).await;
    let places: Vec<u32> = answers.into_iter().map(|answer| answer.expect("taken").partition).collect();
    assert_eq!(places, [2, 0, 1, 2]);
    assert_eq!(contents(scene, "named", &topic, 2, 2).await.len(), 2);
}

/// P7: a consumer that takes nothing delays nobody.
async fn a_stalled_consumer_never_delays_send<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("stalled", 1).await;
    fill(scene, &topic, 0, &["first"]).await;
    let mut member = member(scene, "stalled", &topic).await;
    let assigned = member.assigned_one().await;
    member.begin(assigned.epoch, 0);
    member.records(1).await;
    member.tell(Command::Want { epoch: assigned.epoch, records: 0, bytes: 0 });
    let producer = producer_of(scene).await;
    let text = "x".repeat(1_000);
    let batch = produce(&(0..100).map(|_| record(&topic, 0, &text)).collect::<Vec<_>>());
    for _ in 0..50 {
        let answers = tokio::time::timeout(scene.patience(), producer.send(&batch)).await.expect("send is not delayed");
        assert!(answers.iter().all(Result::is_ok));
    }
}

/// P8: after a flush every send polled before it has its answers.
async fn after_a_flush_every_send_polled_before_has_its_answers<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("flush", 1).await;
    let producer = producer_of(scene).await;
    let batch = produce(&[record(&topic, 0, "a"), record(&topic, 0, "b")]);
    let mut send = pin!(producer.send(&batch));
    let early = poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx))).await;
    producer.flush(scene.patience()).await.expect("everything is acknowledged in time");
    let late = match early {
        Poll::Ready(answers) => Poll::Ready(answers),
        Poll::Pending => poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx))).await,
    };
    let Poll::Ready(answers) = late else { panic!("flush answered before a send polled earlier") };
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    producer.flush(Duration::from_secs(1)).await.expect("nothing is left to wait for");
}
