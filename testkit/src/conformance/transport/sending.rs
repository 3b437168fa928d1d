//! Owns the cases of writing that fails: clauses P3, P6, P9, P10 and unknown outcomes.

use super::Scene;
use super::driver::{Seen, contents, contents_up_to, error, produce, producer_of, record};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use millstream_core::contract::{Applied, ErrorKind, Producer, ProducerExt, Record, Transport};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use tokio::time::timeout;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    P6, P9 => one_records_failure_does_not_fail_anothers;
    P3, P6 => a_record_to_be_sent_again_takes_the_later_ones_along needs SendFaults;
    P9 => errors_say_whether_to_try_again;
    P9, P1 => an_unknown_outcome_of_a_send_is_called_unknown needs SendFaults;
    P10 => a_dropped_send_harms_no_other;
}

/// P6 and P9: a record that is too large is refused for good, and its neighbours are not.
async fn one_records_failure_does_not_fail_anothers<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("neighbours", 1).await;
    let transport = scene.transport().await;
    let mut large = record(&topic, 0, "large");
    large.value = Some(vec![b'x'; transport.capabilities().max_record_bytes + 1].into());
    let producer = transport.producer().await.expect("a producer");
    let answers = producer.send(&produce(&[record(&topic, 0, "a"), large, record(&topic, 0, "b")])).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let refusal = error(&answers[1]);
    assert_eq!(refusal.kind(), ErrorKind::TooLarge);
    assert!(!refusal.is_retriable());
    assert!(matches!(refusal.applied(), Applied::NotApplied(_)), "a refused record is not in the log");
    let read: Vec<String> = contents(scene, "neighbours", &topic, 0, 2).await.iter().map(Seen::text).collect();
    assert_eq!(read, ["a", "b"]);
}

/// P3 and P6: a record that failed for a cause that passes is not overtaken by those behind it, and stops no other partition.
async fn a_record_to_be_sent_again_takes_the_later_ones_along<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("not-overtaken", 2).await;
    let producer = producer_of(scene).await;
    let to = |partition: u32, text: &str| record(&topic, partition, text);
    scene.act(Act::FailSend { topic: &topic }).await?;
    let answers = producer.send(&produce(&[to(0, "a"), to(1, "x"), to(0, "b"), to(1, "y"), to(0, "c")])).await;
    for (at, answer) in answers.iter().enumerate() {
        if at % 2 == 1 {
            assert!(answer.is_ok(), "another partition's: {answers:?}");
            continue;
        }
        assert!(error(answer).is_retriable(), "{answers:?}");
        assert!(matches!(error(answer).applied(), Applied::NotApplied(_)), "{answers:?}");
    }
    let again = producer.send(&produce(&[to(0, "a"), to(0, "b"), to(0, "c")])).await;
    assert!(again.iter().all(Result::is_ok), "{again:?}");
    let read: Vec<String> = contents(scene, "not-overtaken", &topic, 0, 3).await.iter().map(Seen::text).collect();
    assert_eq!(read, ["a", "b", "c"]);
    Ok(())
}

/// P9: an error says whether trying again may help and what is known of its effect.
async fn errors_say_whether_to_try_again<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("errors", 1).await;
    let producer = producer_of(scene).await;
    let nowhere = producer.send(&produce(&[record(&topic, 5, "a")])).await;
    assert_eq!(error(&nowhere[0]).kind(), ErrorKind::UnknownTopic);
    assert!(!error(&nowhere[0]).is_retriable());
    assert!(matches!(error(&nowhere[0]).applied(), Applied::NotApplied(_)));
    assert_eq!(producer.partitions(&topic).await.expect("the topic exists"), 1);
    // And the direct tier chooses a partition that exists.
    let receipt = producer.send_one(Record::new(topic.clone(), "k", "v")).await.expect("taken");
    assert_eq!((receipt.partition, receipt.offset), (0, 0));
}

/// P9 and P1: an answer that was lost is unknown, whether the record was written or not, and the next one is answered.
async fn an_unknown_outcome_of_a_send_is_called_unknown<W: World>(scene: &Scene<W>) -> Checked {
    for (name, written) in [("written", true), ("not-written", false)] {
        let topic = scene.create_topic(name, 1).await;
        let producer = producer_of(scene).await;
        scene.act(Act::UnknownSend { topic: &topic, written }).await?;
        let answers = producer.send(&produce(&[record(&topic, 0, "lost")])).await;
        assert_eq!((error(&answers[0]).applied(), error(&answers[0]).is_retriable()), (Applied::Unknown, true), "{answers:?}");
        let answers = producer.send(&produce(&[record(&topic, 0, "after")])).await;
        assert!(answers[0].is_ok(), "{answers:?}");
        let expected: &[&str] = if written { &["lost", "after"] } else { &["after"] };
        let read: Vec<String> = contents(scene, name, &topic, 0, expected.len()).await.iter().map(Seen::text).collect();
        assert_eq!(read, expected);
    }
    Ok(())
}

/// P10: what becomes of a dropped send's records is unknown; those of others are written, in order.
async fn a_dropped_send_harms_no_other<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("dropped-send", 1).await;
    let producer = producer_of(scene).await;
    let one = |text: &str| produce(&[record(&topic, 0, text)]);
    let (before, dropped) = (one("before"), one("dropped"));
    let polled_and_dropped = async || {
        let mut send = pin!(producer.send(&dropped));
        let _ = poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx))).await;
    };
    polled_and_dropped().await;
    {
        let mut early = pin!(producer.send(&before));
        let answers = match poll_fn(|cx| Poll::Ready(early.as_mut().poll(cx))).await {
            Poll::Ready(answers) => answers,
            Poll::Pending => {
                polled_and_dropped().await;
                let sending = timeout(scene.patience(), early).await;
                sending.expect("a dropped send holds up no earlier one")
            }
        };
        assert!(answers[0].is_ok(), "{answers:?}");
    }
    polled_and_dropped().await;
    let answers = timeout(scene.patience(), producer.send(&one("after"))).await.expect("a dropped send holds up no later one");
    assert!(answers[0].is_ok(), "{answers:?}");
    let read = contents_up_to(scene, "dropped-send", &topic, 0, "after").await;
    let read: Vec<String> = read.iter().map(Seen::text).filter(|text| text != "dropped").collect();
    assert_eq!(read, ["before", "after"]);
}
