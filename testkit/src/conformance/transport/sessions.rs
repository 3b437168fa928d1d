//! Owns the cases of silence and standing: clauses C13 and C15.

use super::Scene;
use super::driver::{alone, member_of, race};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use crate::now::instant_now;
use millstream_core::contract::{Applied, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerRequest, EpochEnd};
use tokio::time::timeout_at;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C13 => a_member_in_good_standing_is_confirmed needs Groups;
    C13 => a_member_thrown_out_hears_it_when_it_asks needs Groups and Expiry;
    C15 => a_silent_member_loses_its_partitions needs Groups;
    C15 => a_silent_member_keeps_its_partitions_for_its_session needs Groups;
}

/// C13: a member in good standing is confirmed, as often as it asks.
async fn a_member_in_good_standing_is_confirmed<W: World>(scene: &Scene<W>) {
    let (_, mut member, _) = alone(scene, "confirmed", 1).await;
    for _ in 0..3 {
        member.tell(Command::Confirm);
        member
            .until("the confirmation", |event| match event {
                ConsumerEvent::Confirmed => Some(()),
                ConsumerEvent::Ending { .. } => panic!("it had done nothing wrong"),
                _ => None,
            })
            .await;
    }
}

/// C13: who was thrown out is told so before it is told that it belongs again.
async fn a_member_thrown_out_hears_it_when_it_asks<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("thrown-out", 2).await;
    let group = scene.group("thrown-out");
    let mut member = member_of(scene, ConsumerRequest::new(&*group, vec![topic]).client_id("thrown")).await;
    let mut held: Vec<_> = member.assigned(2).await.iter().map(|assigned| assigned.epoch).collect();
    scene.act(Act::Expire { group: &group, client_id: "thrown" }).await?;
    member.tell(Command::Confirm);
    member
        .until("the loss of both epochs", |event| {
            match event {
                ConsumerEvent::Confirmed => panic!("the group does not have it"),
                ConsumerEvent::Ending { epoch, how: EpochEnd::Lost } => held.retain(|held| *held != epoch),
                _ => {}
            }
            held.is_empty().then_some(())
        })
        .await;
    member.assigned(2).await;
    member.tell(Command::Confirm);
    member.until("a confirmation", |event| matches!(event, ConsumerEvent::Confirmed).then_some(())).await;
    Ok(())
}

/// C15 and F74: a silent member loses its partitions after its session; it hears of it, and its commit is not written.
async fn a_silent_member_loses_its_partitions<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("silent", 1).await;
    let request = || ConsumerRequest::new(scene.group("silent"), vec![topic.clone()]).session_timeout(scene.session());
    let mut zombie = member_of(scene, request()).await;
    let old = zombie.assigned_one().await;
    let mut heir = member_of(scene, request()).await;
    let new = heir.assigned_one().await;
    assert_eq!(new.partition, old.partition);
    assert_eq!(heir.commit(1, vec![CommitEntry::new(new.partition.clone(), new.epoch, 0)]).await[0].2, Applied::Applied);
    let entries = vec![CommitEntry::new(old.partition.clone(), old.epoch, 1)];
    zombie.tell(Command::Commit { id: CommitId(1), entries });
    let (mut lost, mut outcome) = (false, None);
    race(&mut [&mut zombie, &mut heir], "the zombie to hear of it", |who, event, _| {
        match (who, event) {
            (0, ConsumerEvent::Ending { epoch, how: EpochEnd::Lost }) if epoch == old.epoch => lost = true,
            (0, ConsumerEvent::Committed(committed)) => outcome = Some(committed.results[0].2),
            _ => {}
        }
        (lost && outcome.is_some()).then_some(())
    })
    .await;
    assert!(matches!(outcome, Some(Applied::NotApplied(_))), "{outcome:?}");
}

/// C15: a member that does not poll for a while is not thrown out for it.
async fn a_silent_member_keeps_its_partitions_for_its_session<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("quiet", 1).await;
    let request = || ConsumerRequest::new(scene.group("quiet"), vec![topic.clone()]).session_timeout(scene.session());
    let mut quiet = member_of(scene, request()).await;
    let held = quiet.assigned_one().await;
    let mut other = member_of(scene, request()).await;
    let until = instant_now() + scene.session() / 3;
    while let Ok(event) = timeout_at(until, other.consumer.poll()).await {
        assert!(!matches!(event, ConsumerEvent::Assigned(_)), "it was thrown out after a third of its session");
    }
    let entry = CommitEntry::new(held.partition.clone(), held.epoch, 1);
    quiet.tell(Command::Commit { id: CommitId(1), entries: vec![entry] });
    let outcome = race(&mut [&mut quiet, &mut other], "the outcome", |_, event, _| match event {
        ConsumerEvent::Committed(committed) => Some(committed.results),
        ConsumerEvent::Ending { epoch, .. } => panic!("{epoch} has ended"),
        _ => None,
    })
    .await;
    assert_eq!(outcome, [(held.epoch, 1, Applied::Applied)]);
}
