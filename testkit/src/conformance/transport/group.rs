//! Owns the cases of sharing out: clauses C2, C8 and C9. Leaves going to `leaving`, silence to `sessions`.

use super::Scene;
use super::driver::{alone, fill, member, member_of, race};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use millstream_core::contract::{Applied, Command, CommitEntry, CommitId, ConsumerEvent, ConsumerRequest, EpochEnd, Protocol};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C2 => epochs_rise_and_end_exactly_once needs Sharing;
    C8 => a_revocation_overtakes_waiting_batches needs Sharing;
    C8 => a_loss_overtakes_waiting_batches needs Groups and Expiry;
    C9 => a_partition_being_revoked_is_nobody_elses needs Sharing;
    C9 => the_end_of_the_budget_ends_the_epoch needs Sharing;
    C9, C3, C7 => a_rebalance_in_mid_batch_loses_and_doubles_nothing needs Sharing;
}

/// C2: over joins, restarts and a departure each member's epochs rise, and each ends exactly once, under both protocols.
async fn epochs_rise_and_end_exactly_once<W: World>(scene: &Scene<W>) {
    for (name, protocol) in [("epochs-eager", Protocol::Eager), ("epochs-cooperative", Protocol::Cooperative)] {
        let topic = scene.create_topic(name, 4).await;
        let request = || ConsumerRequest::new(scene.group(name), vec![topic.clone()]).protocol(protocol);
        let mut a = member_of(scene, request()).await;
        let mut b = member_of(scene, request()).await;
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

/// C8: a revocation does not queue behind batches (F94).
async fn a_revocation_overtakes_waiting_batches<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("overtakes", 2).await;
    for _ in 0..20 {
        fill(scene, &topic, 0, &["x"; 500]).await;
        fill(scene, &topic, 1, &["x"; 500]).await;
    }
    let request = || ConsumerRequest::new(scene.group("overtakes"), vec![topic.clone()]).max_batch(1);
    let mut a = member_of(scene, request()).await;
    for assigned in a.assigned(2).await {
        a.begin(assigned.epoch, 0);
    }
    a.records(1).await;
    let mut b = member_of(scene, request()).await;
    // The first one hears of it with its next heartbeat, and may yield until then. So nobody asks it before that.
    b.idle(scene.patience() / 4).await;
    let mut batches = 0;
    race(&mut [&mut b, &mut a], "the revocation", |who, event, _| match (who, event) {
        (1, ConsumerEvent::Ending { .. }) => Some(()),
        (1, ConsumerEvent::Records(_)) => {
            batches += 1;
            assert!(batches < 19_999, "the revocation came after all batches");
            None
        }
        _ => None,
    })
    .await;
}

/// C8: nor does a loss queue behind batches.
async fn a_loss_overtakes_waiting_batches<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("loss-overtakes", 1).await;
    for _ in 0..20 {
        fill(scene, &topic, 0, &["x"; 500]).await;
    }
    let group = scene.group("loss-overtakes");
    let request = ConsumerRequest::new(&*group, vec![topic.clone()]).max_batch(1).client_id("loser");
    let mut member = member_of(scene, request).await;
    let held = member.assigned_one().await;
    member.begin(held.epoch, 0);
    member.records(1).await;
    scene.act(Act::Expire { group: &group, client_id: "loser" }).await?;
    // It hears of that with its next heartbeat too, of which several fit into a session.
    sleep(scene.session()).await;
    let mut batches = 0;
    member
        .until("the loss", |event| match event {
            ConsumerEvent::Ending { epoch, how: EpochEnd::Lost } if epoch == held.epoch => Some(()),
            ConsumerEvent::Records(_) => {
                batches += 1;
                assert!(batches < 9_999, "the loss came after all batches");
                None
            }
            _ => None,
        })
        .await;
    Ok(())
}

/// C9 and I21: what is being revoked is nobody else's until it is released, and its last commit is what the next owner
/// begins at.
async fn a_partition_being_revoked_is_nobody_elses<W: World>(scene: &Scene<W>) {
    let (topic, mut a, assigned) = alone(scene, "nobody-elses", 2).await;
    fill(scene, &topic, 0, &["x"; 9]).await;
    fill(scene, &topic, 1, &["x"; 9]).await;
    let mut b = member(scene, "nobody-elses", &topic).await;
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
async fn the_end_of_the_budget_ends_the_epoch<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("budget", 2).await;
    let request = || ConsumerRequest::new(scene.group("budget"), vec![topic.clone()]).revoke_budget(Duration::from_secs(2));
    let mut a = member_of(scene, request()).await;
    let held = a.assigned(2).await;
    let mut b = member_of(scene, request()).await;
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

/// C9, C3 and C7: a partition that changes hands in the middle of a batch is read on from the last commit, each record of it
/// once by one of the two, and what stays with the first member goes on without a gap.
async fn a_rebalance_in_mid_batch_loses_and_doubles_nothing<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("mid-batch", 2).await;
    let values: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for partition in 0..2 {
        fill(scene, &topic, partition, &values).await;
    }
    let request = || ConsumerRequest::new(scene.group("mid-batch"), vec![topic.clone()]).max_batch(7);
    let mut a = member_of(scene, request()).await;
    let mut places = BTreeMap::new();
    for assigned in a.assigned(2).await {
        a.begin(assigned.epoch, 0);
        places.insert((0, assigned.epoch), assigned.partition);
    }
    let mut b = member_of(scene, request()).await;
    // What was handled, by partition: of a batch in hand as its partition is revoked only the first half.
    let mut handled: [Vec<u64>; 2] = Default::default();
    let (mut ended, mut committed) = (Vec::new(), None);
    race(&mut [&mut a, &mut b], "all records to be handled", |who, event, member| {
        match event {
            ConsumerEvent::Records(batch) => {
                assert!(!ended.contains(&(who, batch.epoch)), "records of {} after its end", batch.epoch);
                handled[batch.partition.partition as usize].extend(batch.iter().map(|view| view.offset()));
            }
            ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(_) } => {
                ended.push((who, epoch));
                let place = places[&(who, epoch)].clone();
                let of = &mut handled[place.partition as usize];
                of.truncate(of.len() - of.len().min(3));
                committed = Some(of.len() as u64);
                let entries = vec![CommitEntry::new(place, epoch, of.len() as u64)];
                member.tell(Command::Commit { id: CommitId(epoch.0), entries });
            }
            ConsumerEvent::Ending { epoch, how: EpochEnd::Lost } => panic!("{epoch} is lost within its budget"),
            ConsumerEvent::Committed(outcome) => {
                let (epoch, _, applied) = outcome.results[0];
                assert_eq!(applied, Applied::Applied);
                member.tell(Command::Release { epoch });
            }
            ConsumerEvent::Assigned(assigned) => {
                assert_eq!(assigned.committed.as_ref().map(|committed| committed.offset), committed);
                member.begin(assigned.epoch, committed.unwrap_or(0));
                places.insert((who, assigned.epoch), assigned.partition);
            }
            _ => {}
        }
        (!ended.is_empty() && handled.iter().all(|of| of.len() >= 40)).then_some(())
    })
    .await;
    for of in handled {
        assert_eq!(of, (0..40).collect::<Vec<u64>>());
    }
}
