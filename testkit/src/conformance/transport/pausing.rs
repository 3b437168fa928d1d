//! Owns the cases of pauses: clause C11, also around a rebalance.

use super::Scene;
use super::driver::{ABC, fill, member_of, pair, race};
use crate::conformance::World;
use crate::conformance::case::{Case, Entry, IntoChecked, Need, table};
use millstream_core::contract::{Command, ConsumerEvent, ConsumerRequest, EpochEnd, Protocol};
use std::collections::BTreeMap;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C11 => a_paused_partition_waits_until_it_is_resumed needs Groups;
    C11 => a_pause_ends_with_its_epoch needs Groups;
    C11, C14 => a_pause_does_not_outlive_a_rebalance needs Sharing;
    C11 => a_partition_that_is_kept_stays_paused_through_a_rebalance needs Sharing;
}

/// C11: a paused partition yields nothing until it is resumed.
async fn a_paused_partition_waits_until_it_is_resumed<W: World>(scene: &Scene<W>) {
    let (topic, mut member, paused, other) = pair(scene, "pause").await;
    member.begin(paused.epoch, 0);
    member.tell(Command::Pause { epoch: paused.epoch });
    fill(scene, &topic, 0, &ABC).await;
    fill(scene, &topic, 1, &ABC).await;
    member.begin(other.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == other.epoch), "records of another epoch");
    member.tell(Command::Resume { epoch: paused.epoch });
    assert_eq!(member.records(3).await.iter().map(|(_, seen)| seen.text()).collect::<Vec<_>>(), ABC);
}

/// C11: a pause does not outlive its epoch (F101).
async fn a_pause_ends_with_its_epoch<W: World>(scene: &Scene<W>) {
    let (topic, mut member, paused, _) = pair(scene, "pause-ends").await;
    fill(scene, &topic, 0, &ABC).await;
    member.begin(paused.epoch, 0);
    member.tell(Command::Pause { epoch: paused.epoch });
    member.tell(Command::Restart { epoch: paused.epoch, at: 0 });
    let again = member.assigned_one().await;
    member.begin(again.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == again.epoch), "records of another epoch");
}

/// C11 and C14: whoever gets a partition that was paused reads it, also the member that had paused it; and a resume that
/// comes too late is nothing.
async fn a_pause_does_not_outlive_a_rebalance<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("pause-rebalance", 2).await;
    for partition in 0..2 {
        fill(scene, &topic, partition, &ABC).await;
    }
    let request = || ConsumerRequest::new(scene.group("pause-rebalance"), vec![topic.clone()]).protocol(Protocol::Eager);
    let mut a = member_of(scene, request()).await;
    let old = a.assigned(2).await;
    for assigned in &old {
        a.begin(assigned.epoch, 0);
        a.tell(Command::Pause { epoch: assigned.epoch });
    }
    let mut b = member_of(scene, request()).await;
    let mut read = BTreeMap::new();
    race(&mut [&mut a, &mut b], "both partitions to be read", |who, event, member| {
        match event {
            ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(_) } => member.tell(Command::Release { epoch }),
            ConsumerEvent::Assigned(assigned) => {
                old.iter().for_each(|old| member.tell(Command::Resume { epoch: old.epoch }));
                member.begin(assigned.epoch, 0);
            }
            ConsumerEvent::Records(batch) => {
                let paused = who == 0 && old.iter().any(|old| old.epoch == batch.epoch);
                assert!(!paused, "{} records of a paused partition", batch.len());
                *read.entry(batch.partition.partition).or_insert(0) += batch.len();
            }
            _ => {}
        }
        (read.len() == 2 && read.values().all(|&count| count >= 3)).then_some(())
    })
    .await;
}

/// C11: where a rebalance leaves a partition where it is, its pause goes on too.
async fn a_partition_that_is_kept_stays_paused_through_a_rebalance<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("pause-kept", 3).await;
    let request = || ConsumerRequest::new(scene.group("pause-kept"), vec![topic.clone()]).protocol(Protocol::Cooperative);
    let mut a = member_of(scene, request()).await;
    let mut kept = a.assigned(3).await;
    for assigned in &kept {
        a.begin(assigned.epoch, 0);
        a.tell(Command::Pause { epoch: assigned.epoch });
    }
    let mut b = member_of(scene, request()).await;
    race(&mut [&mut a, &mut b], "a partition to change hands", |who, event, member| match event {
        ConsumerEvent::Ending { epoch, .. } if who == 0 => {
            kept.retain(|kept| kept.epoch != epoch);
            member.tell(Command::Release { epoch });
            None
        }
        ConsumerEvent::Assigned(_) if who == 1 => Some(()),
        ConsumerEvent::Records(batch) => panic!("{} records of a paused partition", batch.len()),
        _ => None,
    })
    .await;
    let [first, second] = &kept[..] else { panic!("of three partitions two stay: {kept:?}") };
    for partition in 0..3 {
        fill(scene, &topic, partition, &ABC).await;
    }
    for resumed in [second, first] {
        a.tell(Command::Resume { epoch: resumed.epoch });
        assert!(a.records(3).await.iter().all(|(epoch, _)| *epoch == resumed.epoch), "records of another epoch");
    }
}
