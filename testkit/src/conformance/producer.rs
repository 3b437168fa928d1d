//! Owns the cases of writing: clauses P1 to P9.

use super::Harness;
use super::driver::{Seen, fill, member, record};
use bytes::Bytes;
use millstream_core::contract::{Applied, Command, Error, ErrorKind, Produce, Producer, ProducerExt, Receipt, Record, Transport};
use millstream_core::topic::Topic;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

async fn producer_of<H: Harness>(harness: &H) -> <H::Transport as Transport>::Producer {
    harness.transport().await.producer().await.expect("the transport makes a producer")
}

/// What `partition` of `topic` holds, read by a group of its own.
async fn contents<H: Harness>(harness: &H, group: &str, topic: &Topic, partition: u32, count: usize) -> Vec<Seen> {
    let mut member = member(harness, group, topic).await;
    let partitions = harness.transport().await.producer().await.expect("a producer").partitions(topic).await.expect("a count");
    for assigned in member.assigned(partitions as usize).await {
        if assigned.partition.partition == partition {
            member.begin(assigned.epoch, 0);
        }
    }
    member.records(count).await.into_iter().map(|(_, seen)| seen).collect()
}

fn produce(records: &[Record]) -> Produce {
    Produce::of(records).expect("partitions are chosen")
}

fn error(answer: &Result<Receipt, Error>) -> &Error {
    answer.as_ref().expect_err("this record cannot be taken")
}

/// P1: one answer a record, in the order of the request, whoever fails.
pub async fn send_answers_once_per_record_in_order<H: Harness>(harness: &H) {
    let topic = harness.create_topic("answers", 2).await;
    let producer = producer_of(harness).await;
    let to = |partition: u32, text: &str| record(&topic, partition, text);
    let answers = producer.send(&produce(&[to(0, "a"), to(1, "b"), to(9, "c"), to(0, "d"), to(1, "e")])).await;
    let places: Vec<Option<(u32, u64)>> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|receipt| (receipt.partition, receipt.offset))).collect();
    assert_eq!(places, [Some((0, 0)), Some((1, 0)), None, Some((0, 1)), Some((1, 1))]);
}

/// P1: a request that fails as a whole has an answer for every record too.
pub async fn a_request_that_fails_as_a_whole_answers_for_every_record<H: Harness>(harness: &H) {
    let topic = harness.create_topic("fails-as-a-whole", 1).await;
    let records: Vec<Record> = (0..5).map(|i| record(&topic, 7, &i.to_string())).collect();
    let answers = producer_of(harness).await.send(&produce(&records)).await;
    assert_eq!(answers.len(), 5);
    assert!(answers.iter().all(|answer| error(answer).kind() == ErrorKind::UnknownTopic), "{answers:?}");
}

/// P2: a reader that starts at a receipt's offset sees the record.
pub async fn a_receipt_says_where_the_record_can_be_read<H: Harness>(harness: &H) {
    let topic = harness.create_topic("receipt", 1).await;
    let receipt = fill(harness, &topic, 0, &["a", "b", "c"]).await[1];
    let mut member = member(harness, "receipt", &topic).await;
    let assigned = member.assigned_one().await;
    member.begin(assigned.epoch, receipt.offset);
    let (_, seen) = member.records(1).await.remove(0);
    assert_eq!((seen.offset, seen.text().as_str(), seen.timestamp), (receipt.offset, "b", receipt.timestamp));
}

/// P3: the order of the request, and of requests first polled one after the other, is the order of the log.
pub async fn records_are_appended_in_the_order_of_the_requests<H: Harness>(harness: &H) {
    let topic = harness.create_topic("order", 2).await;
    let producer = producer_of(harness).await;
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
    let read: Vec<String> = contents(harness, "order", &topic, 0, 60).await.iter().map(Seen::text).collect();
    let sent: Vec<String> = (0..20).flat_map(|r| [0, 2, 4].map(|i| format!("{r:02}-{i}"))).collect();
    assert_eq!(read, sent);
}

/// P4: the partition named is the partition written, whatever the key says.
pub async fn a_record_is_written_to_exactly_the_partition_named<H: Harness>(harness: &H) {
    let topic = harness.create_topic("named", 3).await;
    let records: Vec<Record> = [2, 0, 1, 2].map(|p| record(&topic, p, "same key")).into();
    let answers = producer_of(harness).await.send(&produce(&records)).await;
    let places: Vec<u32> = answers.into_iter().map(|answer| answer.expect("taken").partition).collect();
    assert_eq!(places, [2, 0, 1, 2]);
    assert_eq!(contents(harness, "named", &topic, 2, 2).await.len(), 2);
}

/// P5 and C16: bytes, nulls, repeated and null headers and timestamps arrive as they were sent, or are refused.
pub async fn records_arrive_as_they_were_sent<H: Harness>(harness: &H) {
    let topic = harness.create_topic("as-sent", 1).await;
    let mut odd = record(&topic, 0, "x").header("twice", "1").header("other", "").header("twice", "2").at(1_700_000_000_123);
    odd.headers.push((String::from("null"), None));
    odd.value = Some(Bytes::from_static(b"\0\xff\xfe not text \n"));
    let mut tombstone = record(&topic, 0, "gone");
    tombstone.value = None;
    let mut empty = record(&topic, 0, "");
    empty.key = Some(Bytes::new());
    let sent = [odd, tombstone, record(&topic, 0, "keyless").without_key(), empty];
    let transport = harness.transport().await;
    let answers = transport.producer().await.expect("a producer").send(&produce(&sent)).await;
    if !transport.capabilities().headers.is_yes() {
        assert_eq!(error(&answers[0]).kind(), ErrorKind::Unsupported);
        return;
    }
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let read = contents(harness, "as-sent", &topic, 0, sent.len()).await;
    for (sent, read) in sent.iter().zip(&read) {
        assert_eq!(read.key.as_deref(), sent.key.as_deref());
        assert_eq!(read.value.as_deref(), sent.value.as_deref());
        let headers: Vec<_> = sent.headers.iter().map(|(n, v)| (n.clone(), v.as_ref().map(|v| v.to_vec()))).collect();
        assert_eq!(read.headers, headers);
        assert!(sent.timestamp.is_none_or(|sent| sent == read.timestamp));
        assert!(read.timestamp > 0, "who brings no timestamp is stamped");
    }
}

/// P6 and P9: a record that is too large is refused for good, and its neighbours are not.
pub async fn one_records_failure_does_not_fail_anothers<H: Harness>(harness: &H) {
    let topic = harness.create_topic("neighbours", 1).await;
    let transport = harness.transport().await;
    let mut large = record(&topic, 0, "large");
    large.value = Some(vec![b'x'; transport.capabilities().max_record_bytes + 1].into());
    let producer = transport.producer().await.expect("a producer");
    let answers = producer.send(&produce(&[record(&topic, 0, "a"), large, record(&topic, 0, "b")])).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let refusal = error(&answers[1]);
    assert_eq!(refusal.kind(), ErrorKind::TooLarge);
    assert!(!refusal.is_retriable());
    assert!(matches!(refusal.applied(), Applied::NotApplied(_)), "a refused record is not in the log");
    let read: Vec<String> = contents(harness, "neighbours", &topic, 0, 2).await.iter().map(Seen::text).collect();
    assert_eq!(read, ["a", "b"]);
}

/// P7: a consumer that takes nothing delays nobody.
pub async fn a_stalled_consumer_never_delays_send<H: Harness>(harness: &H) {
    let topic = harness.create_topic("stalled", 1).await;
    fill(harness, &topic, 0, &["first"]).await;
    let mut member = member(harness, "stalled", &topic).await;
    let assigned = member.assigned_one().await;
    member.begin(assigned.epoch, 0);
    member.records(1).await;
    member.tell(Command::Want { epoch: assigned.epoch, records: 0, bytes: 0 });
    let producer = producer_of(harness).await;
    let text = "x".repeat(1_000);
    let batch = produce(&(0..100).map(|_| record(&topic, 0, &text)).collect::<Vec<_>>());
    for _ in 0..50 {
        let answers = tokio::time::timeout(harness.patience(), producer.send(&batch)).await.expect("send is not delayed");
        assert!(answers.iter().all(Result::is_ok));
    }
}

/// P8: after a flush every send polled before it has its answers.
pub async fn after_a_flush_every_send_polled_before_has_its_answers<H: Harness>(harness: &H) {
    let topic = harness.create_topic("flush", 1).await;
    let producer = producer_of(harness).await;
    let batch = produce(&[record(&topic, 0, "a"), record(&topic, 0, "b")]);
    let mut send = pin!(producer.send(&batch));
    let early = poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx))).await;
    producer.flush(harness.patience()).await.expect("everything is acknowledged in time");
    let late = match early {
        Poll::Ready(answers) => Poll::Ready(answers),
        Poll::Pending => poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx))).await,
    };
    let Poll::Ready(answers) = late else { panic!("flush answered before a send polled earlier") };
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    producer.flush(Duration::from_secs(1)).await.expect("nothing is left to wait for");
}

/// P9: an error says whether trying again may help and what is known of its effect.
pub async fn errors_say_whether_to_try_again<H: Harness>(harness: &H) {
    let topic = harness.create_topic("errors", 1).await;
    let producer = producer_of(harness).await;
    let nowhere = producer.send(&produce(&[record(&topic, 5, "a")])).await;
    assert_eq!(error(&nowhere[0]).kind(), ErrorKind::UnknownTopic);
    assert!(!error(&nowhere[0]).is_retriable());
    assert!(matches!(error(&nowhere[0]).applied(), Applied::NotApplied(_)));
    assert_eq!(producer.partitions(&topic).await.expect("the topic exists"), 1);
    // And the direct tier chooses a partition that exists.
    let receipt = producer.send_one(Record::new(topic.clone(), "k", "v")).await.expect("taken");
    assert_eq!((receipt.partition, receipt.offset), (0, 0));
}
