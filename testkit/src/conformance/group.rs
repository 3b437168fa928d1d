//! Owns the cases of membership: clauses C2, C6, C7, C8, C9, C12, C13 and C15. Leaves reading to `consumer`.

use super::Harness;
use super::driver::{MemberOf, fill, member, member_of, race};
use millstream_core::contract::{
    Applied, Assigned, Close, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerRequest, EpochEnd, NotApplied,
    Protocol,
};
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A member that holds all `partitions` of a new topic.
async fn alone<H: Harness>(harness: &H, name: &str, partitions: u32) -> (Topic, MemberOf<H>, Vec<Assigned>) {
    let topic = harness.create_topic(name, partitions).await;
    let mut member = member(harness, name, &topic).await;
    let assigned = member.assigned(partitions as usize).await;
    (topic, member, assigned)
}

/// C2: over joins, restarts and a departure each member's epochs rise, and each ends exactly once, under both protocols.
pub async fn epochs_rise_and_end_exactly_once<H: Harness>(harness: &H) {
    for (name, protocol) in [("epochs-eager", Protocol::Eager), ("epochs-cooperative", Protocol::Cooperative)] {
        let topic = harness.create_topic(name, 4).await;
        let request = || ConsumerRequest::new(harness.group(name), vec![topic.clone()]).protocol(protocol);
        let mut a = member_of(harness, request()).await;
        let mut b = member_of(harness, request()).await;
        let mut open: [BTreeMap<_, _>; 2] = Default::default();
        let mut last = [None; 2];
        let mut restarted = false;
        race(&mut [&mut a, &mut b], "both members to hold two partitions", |who, event, member| {
            match event {
                ConsumerEvent::Assigned(assigned) => {
                    assert!(last[who] < Some(assigned.epoch), "{} after {:?}", assigned.epoch, last[who]);
                    last[who] = Some(assigned.epoch);
                    open[who].insert(assigned.epoch, assigned.partition);
                }
                ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(_) } => {
                    assert!(open[who].remove(&epoch).is_some(), "{epoch} is revoked while it is not open");
                    member.tell(Command::Release { epoch });
                }
                ConsumerEvent::Ending { epoch, how: EpochEnd::Lost } => {
                    assert!(open[who].remove(&epoch).is_some(), "{epoch} is lost while it is not open");
                }
                _ => {}
            }
            let even = open.iter().all(|open| open.len() == 2);
            if even && !restarted {
                restarted = true;
                let (&epoch, _) = open[who].first_key_value()?;
                member.tell(Command::Restart { epoch, at: 0 });
                return None;
            }
            even.then_some(())
        })
        .await;
    }
}

/// C6: a commit is answered once for each of its entries; what belongs to an ended epoch is `Stale`.
pub async fn a_commit_is_answered_entry_by_entry<H: Harness>(harness: &H) {
    let (topic, mut member, assigned) = alone(harness, "entries", 2).await;
    fill(harness, &topic, 0, &["a", "b", "c"]).await;
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

/// C7: the next owner sees what was committed with its metadata, and that nothing ever was.
pub async fn the_next_owner_sees_what_was_committed<H: Harness>(harness: &H) {
    let (topic, mut first, assigned) = alone(harness, "handed-on", 2).await;
    fill(harness, &topic, 0, &["a", "b", "c"]).await;
    assert!(assigned.iter().all(|assigned| assigned.committed.is_none()), "{assigned:?}");
    let entry = CommitEntry::new(assigned[0].partition.clone(), assigned[0].epoch, 2).with_metadata("two of three");
    assert_eq!(first.commit(1, vec![entry]).await, [(assigned[0].epoch, 2, Applied::Applied)]);
    first.consumer.close(Close::Leave(harness.patience())).await.expect("leaving in time");
    let mut second = member(harness, "handed-on", &topic).await;
    let assigned = second.assigned(2).await;
    let committed = assigned[0].committed.as_ref().expect("a committed offset");
    assert_eq!((committed.offset, committed.metadata.as_deref()), (2, Some("two of three")));
    assert_eq!(assigned[1].committed, None);
}

/// C8: a revocation does not queue behind batches (F94).
pub async fn a_revocation_overtakes_waiting_batches<H: Harness>(harness: &H) {
    let topic = harness.create_topic("overtakes", 2).await;
    for _ in 0..20 {
        fill(harness, &topic, 0, &["x"; 500]).await;
        fill(harness, &topic, 1, &["x"; 500]).await;
    }
    let request = || ConsumerRequest::new(harness.group("overtakes"), vec![topic.clone()]).max_batch(1);
    let mut a = member_of(harness, request()).await;
    for assigned in a.assigned(2).await {
        a.begin(assigned.epoch, 0);
    }
    let mut b = member_of(harness, request()).await;
    let mut batches = 0;
    race(&mut [&mut b, &mut a], "the revocation", |who, event, _| match (who, event) {
        (1, ConsumerEvent::Ending { .. }) => Some(()),
        (1, ConsumerEvent::Records(_)) => {
            batches += 1;
            assert!(batches < 20_000, "the revocation came after all batches");
            None
        }
        _ => None,
    })
    .await;
}

/// C9 and I21: what is being revoked is nobody else's until it is released, and its last commit is what the next owner
/// begins at.
pub async fn a_partition_being_revoked_is_nobody_elses<H: Harness>(harness: &H) {
    let (topic, mut a, assigned) = alone(harness, "nobody-elses", 2).await;
    fill(harness, &topic, 0, &["x"; 9]).await;
    fill(harness, &topic, 1, &["x"; 9]).await;
    let mut b = member(harness, "nobody-elses", &topic).await;
    let mut revoking = Vec::new();
    let mut released = false;
    let taken = race(&mut [&mut a, &mut b], "the partition to change hands", |who, event, member| match (who, event) {
        (0, ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(_) }) => {
            let partition = assigned.iter().find(|a| a.epoch == epoch).expect("an epoch of ours").partition.clone();
            let entries = vec![CommitEntry::new(partition.clone(), epoch, 5)];
            member.tell(Command::Commit { id: CommitId(epoch.0), entries });
            revoking.push(partition);
            None
        }
        (0, ConsumerEvent::Committed(committed)) => {
            let (epoch, _, applied) = committed.results[0];
            assert_eq!(applied, Applied::Applied, "the owner may commit while it is being revoked");
            released = true;
            member.tell(Command::Release { epoch });
            None
        }
        (0, ConsumerEvent::Ending { how: EpochEnd::Lost, .. }) => panic!("lost within the budget"),
        (1, ConsumerEvent::Assigned(assigned)) => {
            assert!(released, "assigned before it was released");
            Some(assigned)
        }
        _ => None,
    })
    .await;
    assert!(revoking.contains(&taken.partition));
    assert_eq!(taken.committed.map(|committed| committed.offset), Some(5));
}

/// C9: who does not release in time has lost it.
pub async fn the_end_of_the_budget_ends_the_epoch<H: Harness>(harness: &H) {
    let topic = harness.create_topic("budget", 2).await;
    let request = || ConsumerRequest::new(harness.group("budget"), vec![topic.clone()]).revoke_budget(Duration::from_secs(2));
    let mut a = member_of(harness, request()).await;
    let held = a.assigned(2).await;
    let mut b = member_of(harness, request()).await;
    let (mut revoking, mut lost, mut taken) = (None, None, None);
    race(&mut [&mut a, &mut b], "the budget to end", |who, event, _| {
        match (who, event) {
            (0, ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(budget) }) => {
                assert!(budget <= Duration::from_secs(2));
                revoking = revoking.or(Some(epoch));
            }
            (0, ConsumerEvent::Ending { epoch, how: EpochEnd::Lost }) if revoking == Some(epoch) => lost = Some(epoch),
            (1, ConsumerEvent::Assigned(assigned)) => taken = Some(assigned.partition),
            _ => {}
        }
        (lost.is_some() && taken.is_some()).then_some(())
    })
    .await;
    let gone = held.iter().find(|held| Some(held.epoch) == revoking).expect("an epoch of ours");
    let entry = CommitEntry::new(gone.partition.clone(), gone.epoch, 1);
    assert!(matches!(a.commit(1, vec![entry]).await[0].2, Applied::NotApplied(_)));
}

/// C12: a member that leaves is replaced at once, not when its session would have ended.
pub async fn a_member_that_leaves_is_replaced_at_once<H: Harness>(harness: &H) {
    let topic = harness.create_topic("leaves", 2).await;
    let long = harness.patience() * 4;
    let request = || ConsumerRequest::new(harness.group("leaves"), vec![topic.clone()]).session_timeout(long);
    let mut a = member_of(harness, request()).await;
    let mut b = member_of(harness, request()).await;
    let mut held = [0; 2];
    race(&mut [&mut a, &mut b], "both members to hold one", |who, event, member| {
        match event {
            ConsumerEvent::Assigned(_) => held[who] += 1,
            ConsumerEvent::Ending { epoch, how } => {
                held[who] -= 1;
                if how != EpochEnd::Lost {
                    member.tell(Command::Release { epoch });
                }
            }
            _ => {}
        }
        (held == [1, 1]).then_some(())
    })
    .await;
    let start = Instant::now();
    a.consumer.close(Close::Leave(harness.patience())).await.expect("leaving in time");
    b.until("the partition of who left", |event| match event {
        ConsumerEvent::Assigned(_) => Some(()),
        _ => None,
    })
    .await;
    assert!(start.elapsed() < long, "it took a session");
}

/// C13: a member in good standing is confirmed, as often as it asks.
pub async fn a_member_in_good_standing_is_confirmed<H: Harness>(harness: &H) {
    let (_, mut member, _) = alone(harness, "confirmed", 1).await;
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

/// C15 and F74: a silent member loses its partitions after its session; it hears of it, and its commit is not written.
pub async fn a_silent_member_loses_its_partitions<H: Harness>(harness: &H) {
    let topic = harness.create_topic("silent", 1).await;
    let request = || ConsumerRequest::new(harness.group("silent"), vec![topic.clone()]).session_timeout(harness.session());
    let mut zombie = member_of(harness, request()).await;
    let old = zombie.assigned_one().await;
    let mut heir = member_of(harness, request()).await;
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
            (1, ConsumerEvent::Ending { epoch, .. }) => assert_ne!(epoch, old.epoch),
            _ => {}
        }
        (lost && outcome.is_some()).then_some(())
    })
    .await;
    assert!(matches!(outcome, Some(Applied::NotApplied(_))), "{outcome:?}");
}
