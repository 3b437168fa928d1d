//! Owns the cases of offsets that hold no record: clause C5.

use super::Scene;
use super::driver::{ABC, MemberOf, fill, member, pair, produce, producer_of, record};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use millstream_core::contract::{ConsumerEvent, Offset, Producer, TopicPartition};
use std::collections::BTreeMap;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C5 => next_reaches_the_end needs Groups;
    C5 => an_offset_without_a_record_is_passed_over needs Groups and Gaps;
    C5, C3 => a_start_inside_a_gap_goes_on_behind_it needs Groups and Gaps;
    C5, C3 => compaction_leaves_the_last_record_of_each_key needs Groups and Compaction;
}

/// C5: at the end `next` is the end, as the batch's high watermark says: lag is 0 at rest.
async fn next_reaches_the_end<W: World>(scene: &Scene<W>) {
    let (topic, mut member, assigned, _) = pair(scene, "next").await;
    let last = fill(scene, &topic, 0, &ABC).await[2];
    member.begin(assigned.epoch, 0);
    let mut next = 0;
    let end = member
        .until("the end", |event| {
            match event {
                ConsumerEvent::Records(batch) => {
                    let last = batch.view(batch.len() - 1).offset();
                    assert!(batch.view(0).offset() >= next && batch.next > last);
                    next = batch.next;
                }
                ConsumerEvent::Advanced { next: to, .. } => next = to,
                _ => {}
            }
            (next > last.offset).then_some(next)
        })
        .await;
    assert_eq!(end, last.offset + 1);
}

/// Reads until everything below `end` is delivered or said not to exist, and nothing further. Answers offset, key and value of
/// each record.
async fn read_up_to<W: World>(member: &mut MemberOf<W>, end: Offset) -> Vec<(Offset, String, Option<String>)> {
    let (read, next) = read_past::<W>(member, end).await;
    assert_eq!(next, end, "it is said to go on behind its end");
    read
}

/// Reads until everything below `end` is delivered or said not to exist. Answers offset, key and value of each record, and up to
/// where that was.
async fn read_past<W: World>(member: &mut MemberOf<W>, end: Offset) -> (Vec<(Offset, String, Option<String>)>, Offset) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut read: Vec<(Offset, String, Option<String>)> = Vec::new();
    let mut next = 0;
    member
        .until("the end", |event| {
            match event {
                ConsumerEvent::Records(batch) => {
                    for view in batch.iter() {
                        assert!(
                            view.offset() >= next,
                            "{} comes after everything below {next} was said to be there",
                            view.offset()
                        );
                        assert!(read.last().is_none_or(|(last, ..)| *last < view.offset()), "{} comes too late", view.offset());
                        read.push((view.offset(), text(view.key().unwrap_or_default()), view.value().map(text)));
                    }
                    next = batch.next;
                }
                ConsumerEvent::Advanced { next: to, .. } => next = to,
                ConsumerEvent::Fault { fault, .. } => panic!("a gap is no fault: {fault:?}"),
                _ => {}
            }
            (next >= end).then_some(())
        })
        .await;
    (read, next)
}

/// C5: what is no record is passed over, in the middle, and at the tail in words, so that lag is 0 at rest.
async fn an_offset_without_a_record_is_passed_over<W: World>(scene: &Scene<W>) -> Checked {
    let (topic, mut member, assigned, _) = pair(scene, "gaps").await;
    let place = TopicPartition::new(topic.clone(), 0);
    fill(scene, &topic, 0, &["a"]).await;
    scene.act(Act::Gap { place: &place }).await?;
    fill(scene, &topic, 0, &["b"]).await;
    scene.act(Act::Gap { place: &place }).await?;
    scene.act(Act::Gap { place: &place }).await?;
    member.begin(assigned.epoch, 0);
    let read: Vec<Offset> = read_up_to::<W>(&mut member, 5).await.into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(read, [0, 2]);
    // Also at rest, when there is no batch that could say it.
    scene.act(Act::Gap { place: &place }).await?;
    assert_eq!(read_up_to::<W>(&mut member, 6).await, []);
    Ok(())
}

/// C5 and C3: an offset without a record is inside the log: who starts there gets what follows.
async fn a_start_inside_a_gap_goes_on_behind_it<W: World>(scene: &Scene<W>) -> Checked {
    let (topic, mut member, assigned, _) = pair(scene, "start-in-gap").await;
    fill(scene, &topic, 0, &["a"]).await;
    scene.act(Act::Gap { place: &TopicPartition::new(topic.clone(), 0) }).await?;
    fill(scene, &topic, 0, &["b", "c"]).await;
    member.begin(assigned.epoch, 1);
    let read: Vec<Offset> = read_up_to::<W>(&mut member, 4).await.into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(read, [2, 3]);
    Ok(())
}

/// C5 and C3: offsets that compaction has emptied are passed over, and each key's last word is there. How soon a tombstone
/// and what lies at the tail go is the log's business.
async fn compaction_leaves_the_last_record_of_each_key<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("compacted", 1).await;
    let mut sent = Vec::new();
    for (key, value) in [
        ("z", Some("1")),
        ("a", Some("1")),
        ("b", Some("1")),
        ("a", Some("2")),
        ("c", Some("1")),
        ("b", None),
        ("a", Some("3")),
        ("d", Some("1")),
    ] {
        let mut record = record(&topic, 0, key);
        record.value = value.map(|value| value.to_owned().into());
        sent.push(record);
    }
    let answers = producer_of(scene).await.send(&produce(&sent)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    scene.act(Act::Compact { topic: &topic }).await?;
    let mut member = member(scene, "compacted", &topic).await;
    let assigned = member.assigned_one().await;
    member.begin(assigned.epoch, assigned.log_start.unwrap_or(0));
    let mut last = BTreeMap::new();
    // What closed the part that was compacted may lie behind it.
    for (_, key, value) in read_past::<W>(&mut member, sent.len() as u64).await.0 {
        last.insert(key, value);
    }
    last.retain(|_, value| value.is_some());
    let of = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    assert_eq!(last.into_iter().collect::<Vec<_>>(), [of("a", "3"), of("c", "1"), of("d", "1"), of("z", "1")]);
    Ok(())
}
