//! Owns the cases of going: clauses C12 and C19.

use super::Scene;
use super::driver::{alone, member, member_of, race};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use crate::conformance::{Act, World};
use crate::now::instant_now;
use millstream_core::contract::{
    Applied, Close, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerRequest, EpochEnd,
};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C12 => a_member_that_leaves_is_replaced_at_once needs Sharing;
    C12, C7 => two_members_leaving_at_once_are_replaced needs Sharing;
    C19 => commits_submitted_before_close_are_written needs Groups;
    C19 => close_answers_in_time_though_the_log_is_silent needs Groups and Silence;
}

/// C12: a member that leaves is replaced at once, not when its session would have ended.
async fn a_member_that_leaves_is_replaced_at_once<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("leaves", 2).await;
    let long = scene.patience() * 4;
    let request = || ConsumerRequest::new(scene.group("leaves"), vec![topic.clone()]).session_timeout(long);
    let mut a = member_of(scene, request()).await;
    let mut b = member_of(scene, request()).await;
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
    let start = instant_now();
    a.consumer.close(Close::Leave(scene.patience())).await.expect("leaving in time");
    b.until("the partition of who left", |event| match event {
        ConsumerEvent::Assigned(_) => Some(()),
        _ => None,
    })
    .await;
    assert!(start.elapsed() < long, "it took a session");
}

/// C12 and C7: two that leave in the same moment leave everything to the third, with their last commits.
async fn two_members_leaving_at_once_are_replaced<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("two-leave", 3).await;
    let long = scene.patience() * 4;
    let request = || ConsumerRequest::new(scene.group("two-leave"), vec![topic.clone()]).session_timeout(long);
    let (mut a, mut b) = (member_of(scene, request()).await, member_of(scene, request()).await);
    let mut c = member_of(scene, request()).await;
    let mut held: [BTreeMap<_, _>; 3] = Default::default();
    race(&mut [&mut a, &mut b, &mut c], "each to hold one partition", |who, event, member| {
        match event {
            ConsumerEvent::Assigned(assigned) => drop(held[who].insert(assigned.epoch, assigned.partition)),
            ConsumerEvent::Ending { epoch, how } => {
                held[who].remove(&epoch);
                if how != EpochEnd::Lost {
                    member.tell(Command::Release { epoch });
                }
            }
            _ => {}
        }
        held.iter().all(|held| held.len() == 1).then_some(())
    })
    .await;
    for (member, held) in [(&mut a, &held[0]), (&mut b, &held[1])] {
        let (epoch, place) = held.first_key_value().expect("it holds one");
        let offset = u64::from(place.partition) + 10;
        let entry = CommitEntry::new(place.clone(), *epoch, offset);
        assert_eq!(member.commit_at_rest(vec![entry]).await, [(*epoch, offset, Applied::Applied)]);
    }
    let start = instant_now();
    {
        let leave = Close::Leave(scene.patience());
        let (mut one, mut two) = (pin!(a.consumer.close(leave)), pin!(b.consumer.close(leave)));
        let mut left = [false; 2];
        poll_fn(|cx| {
            for (left, close) in left.iter_mut().zip([one.as_mut(), two.as_mut()]) {
                if !*left && let Poll::Ready(answer) = close.poll(cx) {
                    answer.expect("leaving in time");
                    *left = true;
                }
            }
            if left == [true; 2] { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    let (_, kept) = held[2].first_key_value().expect("it holds one");
    let mut all = BTreeMap::from([(kept.partition, None)]);
    c.until("the partitions of those who left", |event| {
        match event {
            ConsumerEvent::Assigned(assigned) => {
                all.insert(assigned.partition.partition, assigned.committed.map(|committed| committed.offset));
            }
            ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(_) } => panic!("{epoch} is taken from the one that stays"),
            _ => {}
        }
        (all.len() == 3).then_some(())
    })
    .await;
    assert!(start.elapsed() < long, "it took a session");
    for (partition, committed) in all.into_iter().filter(|(partition, _)| *partition != kept.partition) {
        assert_eq!(committed, Some(u64::from(partition) + 10), "of partition {partition}");
    }
}

/// C19: what was submitted before a close is sent before the member goes.
async fn commits_submitted_before_close_are_written<W: World>(scene: &Scene<W>) {
    let (topic, mut first, assigned) = alone(scene, "last-commit", 1).await;
    let entries = vec![CommitEntry::new(assigned[0].partition.clone(), assigned[0].epoch, 7)];
    first.tell(Command::Commit { id: CommitId(1), entries });
    first.consumer.close(Close::Leave(scene.patience())).await.expect("leaving in time");
    let next = member(scene, "last-commit", &topic).await.assigned_one().await;
    assert_eq!(next.committed.map(|committed| committed.offset), Some(7));
}

/// C19: whoever goes does not wait for a peer that hangs. The session ends by itself, and with it the membership.
async fn close_answers_in_time_though_the_log_is_silent<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("hung-peer", 1).await;
    let group = scene.group("hung-peer");
    let request = || ConsumerRequest::new(&*group, vec![topic.clone()]).session_timeout(scene.session());
    let mut first = member_of(scene, request().client_id("hung")).await;
    let held = first.assigned_one().await;
    scene.act(Act::Silence { group: &group, client_id: "hung" }).await?;
    first.tell(Command::Confirm);
    let close = first.consumer.close(Close::Leave(Duration::from_secs(1)));
    // Whether it could be told is for the answer to say. A session is far more than the second it was given.
    let _ = timeout(scene.session(), close).await.expect("close answers in time");
    drop(first);
    let next = member_of(scene, request()).await.assigned_one().await;
    assert_eq!(next.partition, held.partition);
    Ok(())
}
