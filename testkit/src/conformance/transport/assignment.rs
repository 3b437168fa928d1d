//! Owns the cases of reading without a group: clause C17.

use super::Scene;
use super::driver::{ABC, fill, member, member_of};
use crate::conformance::World;
use crate::conformance::case::{Case, Entry, IntoChecked, Need, table};
use millstream_core::contract::{Applied, Command, CommitEntry, ConsumerEvent, ConsumerRequest, NotApplied, TopicPartition};

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C17 => named_partitions_are_read_from_end_to_end needs Assignment;
    C17 => readers_without_a_group_share_nothing needs Groups and Assignment;
    C17 => a_reader_without_a_group_commits_nothing_and_restarts needs Assignment;
    C17 => a_reader_without_a_group_has_no_session needs Groups and Assignment;
}

/// C17: only what was named is assigned, at its whole length, and nobody's commit counts.
async fn named_partitions_are_read_from_end_to_end<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("named", 3).await;
    for partition in 0..3 {
        fill(scene, &topic, partition, &ABC).await;
    }
    let places = [2, 0].map(|partition| TopicPartition::new(topic.clone(), partition));
    let mut reader = member_of(scene, ConsumerRequest::assigned(places.to_vec())).await;
    let assigned = reader.assigned(2).await;
    for (assigned, partition) in assigned.iter().zip([0, 2]) {
        assert_eq!(assigned.partition.partition, partition);
        assert_eq!((assigned.committed.as_ref(), assigned.log_start, assigned.end), (None, Some(0), Some(3)));
        reader.begin(assigned.epoch, 0);
    }
    let mut read: Vec<(u32, String)> = reader.records(6).await.iter().map(|(_, seen)| (seen.partition, seen.text())).collect();
    read.sort();
    let all = |partition| ABC.map(|value| (partition, value.to_owned()));
    assert_eq!(read, [all(0), all(2)].concat());
}

/// C17: two readers and a member of a group read the same partition, and none takes it from another.
async fn readers_without_a_group_share_nothing<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("unshared", 1).await;
    fill(scene, &topic, 0, &ABC).await;
    let mut owner = member(scene, "unshared", &topic).await;
    let owned = owner.assigned_one().await;
    owner.begin(owned.epoch, 0);
    for _ in 0..2 {
        let place = TopicPartition::new(topic.clone(), 0);
        let mut reader = member_of(scene, ConsumerRequest::assigned(vec![place])).await;
        let assigned = reader.assigned_one().await;
        reader.begin(assigned.epoch, 1);
        assert_eq!(reader.records(2).await[0].1.text(), "b");
    }
    assert_eq!(owner.records(3).await.len(), 3);
    let entry = CommitEntry::new(owned.partition.clone(), owned.epoch, 3);
    assert_eq!(owner.commit(1, vec![entry]).await, [(owned.epoch, 3, Applied::Applied)]);
}

/// C17: its commits are refused, a question for its standing is answered, and a restart assigns the partition again.
async fn a_reader_without_a_group_commits_nothing_and_restarts<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("uncommitted", 1).await;
    fill(scene, &topic, 0, &ABC).await;
    let place = TopicPartition::new(topic.clone(), 0);
    let mut reader = member_of(scene, ConsumerRequest::assigned(vec![place.clone()])).await;
    let first = reader.assigned_one().await;
    reader.begin(first.epoch, 0);
    assert_eq!(reader.records(3).await.len(), 3);
    let refused = Applied::NotApplied(NotApplied::Refused);
    assert_eq!(reader.commit(1, vec![CommitEntry::new(place, first.epoch, 3)]).await, [(first.epoch, 3, refused)]);
    reader.tell(Command::Confirm);
    reader.until("a confirmation", |event| matches!(event, ConsumerEvent::Confirmed).then_some(())).await;
    reader.tell(Command::Restart { epoch: first.epoch, at: 1 });
    let again = reader.assigned_one().await;
    assert!(again.epoch > first.epoch);
    assert_eq!(again.resume, Some(1));
    reader.begin(again.epoch, 1);
    assert_eq!(reader.records(2).await[0].1.text(), "b");
}

/// C17: however seldom it is polled, its partitions stay. How long that is, a group's member shows that falls silent with it.
async fn a_reader_without_a_group_has_no_session<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("no-session", 1).await;
    let place = TopicPartition::new(topic.clone(), 0);
    let mut reader = member_of(scene, ConsumerRequest::assigned(vec![place]).session_timeout(scene.session())).await;
    let held = reader.assigned_one().await;
    let request = || ConsumerRequest::new(scene.group("no-session"), vec![topic.clone()]).session_timeout(scene.session());
    let mut silent = member_of(scene, request()).await;
    silent.assigned_one().await;
    member_of(scene, request()).await.assigned_one().await;
    fill(scene, &topic, 0, &ABC).await;
    reader.begin(held.epoch, 0);
    reader
        .until("its records", |event| match event {
            ConsumerEvent::Records(batch) => (batch.epoch == held.epoch).then_some(()),
            ConsumerEvent::Assigned(_) | ConsumerEvent::Ending { .. } => panic!("{event:?}"),
            _ => None,
        })
        .await;
}
