//! Owns the cases of commits: clauses C6 and C7, with unknown outcomes and commits after a loss.

use super::Scene;
use super::driver::{self, MemberOf, alone, fill, member, member_of};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use millstream_core::contract::{
    Applied, Assigned, Close, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerRequest, EpochEnd, NotApplied,
    Transport,
};
use millstream_core::topic::Topic;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C6 => a_commit_is_answered_entry_by_entry needs Groups;
    C6 => a_commit_after_a_loss_is_not_written needs Groups and Expiry;
    C6 => a_stale_answer_ends_no_epoch needs Groups and CommitFaults;
    C6 => an_unknown_outcome_of_a_commit_is_called_unknown needs Groups and CommitFaults;
    C7 => the_next_owner_sees_what_was_committed needs Groups;
    C7, C6 => metadata_that_is_too_long_is_refused_alone needs Groups;
}

/// C6: a commit is answered once for each of its entries; what belongs to an ended epoch is `Stale`.
async fn a_commit_is_answered_entry_by_entry<W: World>(scene: &Scene<W>) {
    let (topic, mut member, assigned) = alone(scene, "entries", 2).await;
    fill(scene, &topic, 0, &["a", "b", "c"]).await;
    let (old, well) = (&assigned[0], &assigned[1]);
    member.tell(Command::Restart { epoch: old.epoch, at: 0 });
    let new = member.assigned_one().await;
    let entry = |assigned: &Assigned, offset| CommitEntry::new(assigned.partition.clone(), assigned.epoch, offset);
    let outcome = member.commit(7, vec![entry(old, 3), entry(well, 0), entry(&new, 2)]).await;
    assert_eq!(
        outcome,
        [
            (old.epoch, 3, Applied::NotApplied(NotApplied::Stale)),
            (well.epoch, 0, Applied::Applied),
            (new.epoch, 2, Applied::Applied),
        ]
    );
    // Answered exactly once: the next outcome is the next commit's.
    member.tell(Command::Commit { id: CommitId(8), entries: vec![entry(&new, 3)] });
    member.tell(Command::Commit { id: CommitId(9), entries: vec![entry(&new, 1)] });
    for (id, offset) in [(8, 3), (9, 1)] {
        let outcome = member
            .until("an outcome", |event| match event {
                ConsumerEvent::Committed(committed) => Some(committed),
                _ => None,
            })
            .await;
        assert_eq!((outcome.id, outcome.results), (CommitId(id), vec![(new.epoch, offset, Applied::Applied)]));
    }
}

/// C6: a member that does not know yet that it was thrown out commits in vain, and what was committed before stays.
async fn a_commit_after_a_loss_is_not_written<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("after-loss", 1).await;
    let group = scene.group("after-loss");
    let mut zombie = member_of(scene, ConsumerRequest::new(&*group, vec![topic.clone()]).client_id("zombie")).await;
    let old = zombie.assigned_one().await;
    let entry = |offset| vec![CommitEntry::new(old.partition.clone(), old.epoch, offset)];
    assert_eq!(zombie.commit(1, entry(1)).await, [(old.epoch, 1, Applied::Applied)]);
    scene.act(Act::Expire { group: &group, client_id: "zombie" }).await?;
    zombie.tell(Command::Commit { id: CommitId(2), entries: entry(2) });
    let (mut lost, mut outcome, mut new) = (false, None, None);
    zombie
        .until("the loss, the outcome and the partition again", |event| {
            match event {
                ConsumerEvent::Ending { epoch, how } if epoch == old.epoch => lost |= how == EpochEnd::Lost,
                ConsumerEvent::Committed(committed) => outcome = Some(committed.results[0].2),
                ConsumerEvent::Assigned(assigned) => new = Some(assigned),
                _ => {}
            }
            (lost && outcome.is_some() && new.is_some()).then_some(())
        })
        .await;
    assert!(matches!(outcome, Some(Applied::NotApplied(_))), "{outcome:?}");
    let new = new.expect("it was waited for");
    assert_eq!(new.committed.map(|committed| committed.offset), Some(1));
    // Nor is it later, when the member has joined again.
    assert!(matches!(zombie.commit(3, entry(3)).await[0].2, Applied::NotApplied(_)));
    assert_eq!(next_owner(scene, zombie, "after-loss", &topic).await.committed.map(|committed| committed.offset), Some(1));
    Ok(())
}

/// What who comes after `member` is given.
async fn next_owner<W: World>(scene: &Scene<W>, mut member: MemberOf<W>, group: &str, topic: &Topic) -> Assigned {
    member.consumer.close(Close::Leave(scene.patience())).await.expect("leaving in time");
    driver::member(scene, group, topic).await.assigned_one().await
}

/// C6: only the group ends an epoch. Whoever is told that the group was between generations commits again.
async fn a_stale_answer_ends_no_epoch<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("stale", 1).await;
    let mut member = member(scene, "stale", &topic).await;
    let held = member.assigned_one().await;
    let entry = || vec![CommitEntry::new(held.partition.clone(), held.epoch, 1)];
    scene.act(Act::StaleCommit { group: &scene.group("stale") }).await?;
    assert_eq!(member.commit(1, entry()).await, [(held.epoch, 1, Applied::NotApplied(NotApplied::Stale))]);
    fill(scene, &topic, 0, &["a", "b"]).await;
    member.begin(held.epoch, 0);
    assert_eq!(member.records(2).await.len(), 2, "the epoch goes on");
    assert_eq!(member.commit(2, entry()).await, [(held.epoch, 1, Applied::Applied)]);
    assert_eq!(next_owner(scene, member, "stale", &topic).await.committed.map(|committed| committed.offset), Some(1));
    Ok(())
}

/// C6: a lost answer is neither yes nor no, whatever became of the commit; said once more, it is written.
async fn an_unknown_outcome_of_a_commit_is_called_unknown<W: World>(scene: &Scene<W>) -> Checked {
    for (name, written, again, expected) in [
        ("unknown-written", true, false, Some(2)),
        ("unknown-not-written", false, false, Some(1)),
        ("unknown-again", false, true, Some(2)),
    ] {
        let topic = scene.create_topic(name, 1).await;
        let mut member = member(scene, name, &topic).await;
        let held = member.assigned_one().await;
        let entry = |offset| vec![CommitEntry::new(held.partition.clone(), held.epoch, offset)];
        assert_eq!(member.commit(1, entry(1)).await, [(held.epoch, 1, Applied::Applied)]);
        scene.act(Act::UnknownCommit { group: &scene.group(name), written }).await?;
        assert_eq!(member.commit(2, entry(2)).await, [(held.epoch, 2, Applied::Unknown)], "{name}");
        if again {
            assert_eq!(member.commit(3, entry(2)).await, [(held.epoch, 2, Applied::Applied)], "{name}");
        }
        let next = next_owner(scene, member, name, &topic).await;
        assert_eq!(next.committed.map(|committed| committed.offset), expected, "{name}");
    }
    Ok(())
}

/// C7: the next owner sees what was committed with its metadata, and that nothing ever was.
async fn the_next_owner_sees_what_was_committed<W: World>(scene: &Scene<W>) {
    let (topic, mut first, assigned) = alone(scene, "handed-on", 2).await;
    fill(scene, &topic, 0, &["a", "b", "c"]).await;
    assert!(assigned.iter().all(|assigned| assigned.committed.is_none()), "{assigned:?}");
    let entry = CommitEntry::new(assigned[0].partition.clone(), assigned[0].epoch, 2).with_metadata("two of three");
    assert_eq!(first.commit(1, vec![entry]).await, [(assigned[0].epoch, 2, Applied::Applied)]);
    first.consumer.close(Close::Leave(scene.patience())).await.expect("leaving in time");
    let mut second = member(scene, "handed-on", &topic).await;
    let assigned = second.assigned(2).await;
    let committed = assigned[0].committed.as_ref().expect("a committed offset");
    assert_eq!((committed.offset, committed.metadata.as_deref()), (2, Some("two of three")));
    assert_eq!(assigned[1].committed, None);
}

/// C7 and C6: the longest metadata comes back whole, and what is longer is refused with its entry and never cut.
async fn metadata_that_is_too_long_is_refused_alone<W: World>(scene: &Scene<W>) -> Checked {
    let most = scene.transport().await.capabilities().max_metadata_bytes;
    if most > 1 << 20 {
        return Err(format!("metadata of {most} bytes is more than a case should send").into());
    }
    let (topic, mut first, assigned) = alone(scene, "metadata", 2).await;
    let entry = |of: &Assigned, bytes| CommitEntry::new(of.partition.clone(), of.epoch, 0).with_metadata("m".repeat(bytes));
    let outcome = first.commit(1, vec![entry(&assigned[0], most + 1), entry(&assigned[1], most)]).await;
    let refused = Applied::NotApplied(NotApplied::Refused);
    assert_eq!(outcome, [(assigned[0].epoch, 0, refused), (assigned[1].epoch, 0, Applied::Applied)]);
    first.consumer.close(Close::Leave(scene.patience())).await.expect("leaving in time");
    let assigned = member(scene, "metadata", &topic).await.assigned(2).await;
    assert_eq!(assigned[0].committed, None);
    let kept = assigned[1].committed.as_ref().and_then(|committed| committed.metadata.as_ref());
    assert_eq!(kept.map(String::len), Some(most));
    Ok(())
}
