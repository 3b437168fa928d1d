//! Owns the cases of the client itself: clauses T1 to T4.

use super::Scene;
use super::driver::{fill, member};
use crate::conformance::World;
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use millstream_core::contract::{ConsumerRequest, DescribedTopic, ErrorKind, Producer, TopicPartition, Transport};
use millstream_core::topic::Topic;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    T1 => two_groups_read_everything_each needs Groups;
    T2 => capabilities_never_change;
    T3 => what_cannot_be_read_is_refused;
    T4 => topics_are_described_in_order_and_a_missing_one_is_none;
}

/// T1: what a transport makes is independent of what else it makes.
async fn two_groups_read_everything_each<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("two-groups", 1).await;
    fill(scene, &topic, 0, &["a", "b", "c"]).await;
    for group in ["two-groups-1", "two-groups-2"] {
        let mut member = member(scene, group, &topic).await;
        let assigned = member.assigned_one().await;
        member.begin(assigned.epoch, 0);
        let read: Vec<String> = member.records(3).await.iter().map(|(_, seen)| seen.text()).collect();
        assert_eq!(read, ["a", "b", "c"], "group {group}");
    }
}

/// T2: capabilities never change.
async fn capabilities_never_change<W: World>(scene: &Scene<W>) {
    let transport = scene.transport().await;
    let before = transport.capabilities();
    let topic = scene.create_topic("capabilities", 1).await;
    fill(scene, &topic, 0, &["a"]).await;
    assert_eq!(transport.capabilities(), before);
    assert_eq!(scene.transport().await.capabilities(), before);
}

/// T3: a partition that does not exist is refused in words, and so is a consumer that the capabilities exclude.
async fn what_cannot_be_read_is_refused<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("refused", 2).await;
    let transport = scene.transport().await;
    let capabilities = transport.capabilities();
    let (partition, kind) =
        if capabilities.assignment.is_yes() { (7, ErrorKind::UnknownTopic) } else { (0, ErrorKind::Unsupported) };
    let named = ConsumerRequest::assigned(vec![TopicPartition::new(topic.clone(), partition)]);
    let refused = transport.consumer(named).await.err().expect("there is no such reader");
    assert_eq!((refused.kind(), refused.is_retriable()), (kind, false), "{refused}");
    if !capabilities.groups.is_yes() {
        let member = ConsumerRequest::new(scene.group("refused"), vec![topic]);
        let refused = transport.consumer(member).await.err().expect("there are no groups");
        assert_eq!((refused.kind(), refused.is_retriable()), (ErrorKind::Unsupported, false), "{refused}");
    }
}

/// T4: topics are described in the order in which they were asked for, and as the producer sees them; asking makes none.
async fn topics_are_described_in_order_and_a_missing_one_is_none<W: World>(scene: &Scene<W>) -> Checked {
    let two = scene.create_topic("described-2", 2).await;
    let three = scene.create_topic("described-3", 3).await;
    let missing: Topic = format!("{two}-missing").parse().expect("a longer name");
    let transport = scene.transport().await;
    let asked = [three, missing.clone(), two];
    let described = match transport.describe(&asked).await {
        Ok(described) => described,
        Err(error) if error.kind() == ErrorKind::Unsupported => return Err("the backend does not describe topics".into()),
        Err(error) => panic!("{error}"),
    };
    let partitions = |described: &[Option<DescribedTopic>]| -> Vec<Option<u32>> {
        described.iter().map(|one| one.as_ref().map(|one| one.partitions)).collect()
    };
    let [first, between, last] = partitions(&described)[..] else { panic!("three were asked for: {described:?}") };
    assert_eq!((first, last), (Some(3), Some(2)));
    let again = transport.describe(&asked).await.expect("it could tell before");
    assert_eq!(partitions(&again)[1], between, "asking makes no topic");
    let producer = transport.producer().await.expect("the transport makes a producer");
    match producer.partitions(&missing).await {
        Ok(made) => assert_eq!(between, Some(made), "it is described as it is made by use"),
        Err(error) => assert_eq!((error.kind(), between), (ErrorKind::UnknownTopic, None), "{error}"),
    }
    Ok(())
}
