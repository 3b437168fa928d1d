//! Owns the cases of what goes wrong with one partition: clause C10.

use super::Scene;
use super::driver::{ABC, MemberOf, fill, pair};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use millstream_core::contract::{Command, ConsumerEvent, Epoch, PartitionFault, TopicPartition};

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C10 => an_offset_outside_the_log_is_a_fault_of_one_partition needs Groups;
    C10 => an_offset_below_the_log_is_a_fault_and_no_reset needs Groups and Trimming;
    C10 => a_log_cut_below_what_was_read_is_a_fault needs Groups and Truncation;
    C10 => a_topic_made_again_is_not_taken_for_the_old_one needs Groups and Recreation;
}

/// The fault of `epoch`, before which nothing of it may be delivered.
async fn fault<W: World>(member: &mut MemberOf<W>, epoch: Epoch) -> PartitionFault {
    member
        .until("a fault", |event| match event {
            ConsumerEvent::Fault { epoch: of, fault } if of == epoch => Some(fault),
            ConsumerEvent::Records(batch) if batch.epoch == epoch => panic!("{} records instead of a fault", batch.len()),
            _ => None,
        })
        .await
}

/// C10: an offset outside the log is a fault of that partition alone, and a restart heals it.
async fn an_offset_outside_the_log_is_a_fault_of_one_partition<W: World>(scene: &Scene<W>) {
    let (topic, mut member, broken, well) = pair(scene, "out-of-range").await;
    fill(scene, &topic, 0, &ABC).await;
    member.begin(broken.epoch, 1_000);
    assert_eq!(
        fault::<W>(&mut member, broken.epoch).await,
        PartitionFault::OutOfRange { requested: 1_000, log_start: 0, end: 3 }
    );
    fill(scene, &topic, 1, &ABC).await;
    member.begin(well.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == well.epoch), "records of another epoch");
    member.tell(Command::Restart { epoch: broken.epoch, at: 2 });
    let healed = member.assigned_one().await;
    assert_eq!(healed.resume, Some(2));
    member.begin(healed.epoch, 2);
    assert_eq!(member.records(1).await[0].1.text(), "c");
}

/// C10: what was dropped from the log's front is asked for in vain, and nothing later is given in its place.
async fn an_offset_below_the_log_is_a_fault_and_no_reset<W: World>(scene: &Scene<W>) -> Checked {
    let (topic, mut member, broken, _) = pair(scene, "below").await;
    fill(scene, &topic, 0, &["a", "b", "c", "d", "e"]).await;
    scene.act(Act::Trim { place: &TopicPartition::new(topic.clone(), 0), before: 3 }).await?;
    member.begin(broken.epoch, 1);
    assert_eq!(fault::<W>(&mut member, broken.epoch).await, PartitionFault::OutOfRange { requested: 1, log_start: 3, end: 5 });
    member.tell(Command::Restart { epoch: broken.epoch, at: 3 });
    let healed = member.assigned_one().await;
    member.begin(healed.epoch, 3);
    assert_eq!(member.records(2).await[0].1.text(), "d");
    Ok(())
}

/// C10: a log that lost what was read already says so; what is written in its place is not read on as if nothing had been.
async fn a_log_cut_below_what_was_read_is_a_fault<W: World>(scene: &Scene<W>) -> Checked {
    let (topic, mut member, broken, well) = pair(scene, "cut").await;
    fill(scene, &topic, 0, &ABC).await;
    member.begin(broken.epoch, 0);
    member.records(3).await;
    scene.act(Act::Truncate { place: &TopicPartition::new(topic.clone(), 0), to: 1 }).await?;
    let told = fault::<W>(&mut member, broken.epoch).await;
    assert!(
        matches!(told, PartitionFault::Truncated(1) | PartitionFault::OutOfRange { requested: 3, log_start: 0, end: 1 }),
        "{told:?}"
    );
    fill(scene, &topic, 1, &ABC).await;
    member.begin(well.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == well.epoch), "records of another epoch");
    member.tell(Command::Restart { epoch: broken.epoch, at: 1 });
    let healed = member.assigned_one().await;
    member.begin(healed.epoch, 1);
    fill(scene, &topic, 0, &["d"]).await;
    let (_, seen) = member.records(1).await.remove(0);
    assert_eq!((seen.offset, seen.text().as_str()), (1, "d"));
    Ok(())
}

/// C10: a topic of the same name is another topic: a fault, and another identity under the next epoch.
async fn a_topic_made_again_is_not_taken_for_the_old_one<W: World>(scene: &Scene<W>) -> Checked {
    let (topic, mut member, broken, _) = pair(scene, "made-again").await;
    fill(scene, &topic, 0, &ABC).await;
    member.begin(broken.epoch, 0);
    member.records(3).await;
    scene.act(Act::Recreate { topic: &topic }).await?;
    let told = fault::<W>(&mut member, broken.epoch).await;
    assert!(matches!(told, PartitionFault::Recreated(_) | PartitionFault::UnknownTopic), "{told:?}");
    fill(scene, &topic, 0, &["x"]).await;
    member.tell(Command::Restart { epoch: broken.epoch, at: 0 });
    let again = member
        .until("the new topic's partition", |event| match event {
            ConsumerEvent::Assigned(assigned) if assigned.partition == broken.partition => Some(assigned),
            _ => None,
        })
        .await;
    assert_ne!(again.topic_id, broken.topic_id);
    member.begin(again.epoch, 0);
    assert_eq!(member.records(1).await[0].1.text(), "x");
    Ok(())
}
