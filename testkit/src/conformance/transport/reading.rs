//! Owns the cases of reading: clauses C1 to C3, C14 and C18. Leaves demand, gaps, faults and pauses to rooms of their own.

use super::Scene;
use super::driver::{ABC, Seen, fill, pair};
use crate::conformance::World;
use crate::conformance::case::{Case, Entry, IntoChecked, Need, table};
use millstream_core::contract::{Applied, Command, CommitEntry, Consumer, ConsumerEvent};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C1 => nothing_is_delivered_before_start needs Groups;
    C1, C2 => nothing_is_delivered_after_the_end needs Groups;
    C3 => records_come_in_order_from_the_offset_given needs Groups;
    C3 => a_second_start_does_not_seek needs Groups;
    C14 => commands_of_ended_epochs_change_nothing needs Groups;
    C18 => a_dropped_poll_loses_nothing needs Groups;
}

/// C1: nothing is delivered before `Start`, whatever the demand.
async fn nothing_is_delivered_before_start<W: World>(scene: &Scene<W>) {
    let (topic, mut member, quiet, loud) = pair(scene, "before-start").await;
    fill(scene, &topic, 0, &ABC).await;
    fill(scene, &topic, 1, &ABC).await;
    member.want(quiet.epoch, u32::MAX, u64::MAX);
    member.begin(loud.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == loud.epoch), "records of another epoch");
    // Started at last, it delivers what waited, and nothing was lost meanwhile.
    member.begin(quiet.epoch, 0);
    assert_eq!(member.records(3).await.iter().map(|(_, seen)| seen.text()).collect::<Vec<_>>(), ABC);
}

/// C1 and C2: after a restart nothing comes under the old epoch, and the new one, a higher one, waits for its start.
async fn nothing_is_delivered_after_the_end<W: World>(scene: &Scene<W>) {
    let (topic, mut member, first, _) = pair(scene, "after-end").await;
    fill(scene, &topic, 0, &ABC).await;
    member.begin(first.epoch, 0);
    member.tell(Command::Restart { epoch: first.epoch, at: 1 });
    let mut ended = 0;
    let again = member
        .until("the restarted partition", |event| match event {
            ConsumerEvent::Records(batch) => panic!("records of {} after its end", batch.epoch),
            ConsumerEvent::Ending { epoch, .. } => {
                assert_eq!(epoch, first.epoch);
                ended += 1;
                None
            }
            ConsumerEvent::Assigned(assigned) => Some(assigned),
            _ => None,
        })
        .await;
    assert_eq!(ended, 1);
    assert_eq!((&again.partition, again.resume), (&first.partition, Some(1)));
    assert!(again.epoch > first.epoch);
    member.begin(again.epoch, 1);
    assert!(member.records(2).await.iter().all(|(epoch, seen)| *epoch == again.epoch && seen.offset >= 1));
}

/// C3: records come in offset order, each once, from the offset given to `Start`.
async fn records_come_in_order_from_the_offset_given<W: World>(scene: &Scene<W>) {
    let (topic, mut member, assigned, _) = pair(scene, "in-order").await;
    let values: Vec<String> = (0..700).map(|i| i.to_string()).collect();
    for part in values.chunks(70) {
        fill(scene, &topic, 0, &part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    member.begin(assigned.epoch, 30);
    let read: Vec<String> = member.records(670).await.iter().map(|(_, seen)| seen.text()).collect();
    assert_eq!(read, values[30..]);
}

/// C3: an epoch starts once; a second start does not seek (B45).
async fn a_second_start_does_not_seek<W: World>(scene: &Scene<W>) {
    let (topic, mut member, assigned, _) = pair(scene, "second-start").await;
    fill(scene, &topic, 0, &ABC).await;
    member.begin(assigned.epoch, 1);
    assert_eq!(member.records(2).await[0].1.text(), "b");
    member.tell(Command::Start { epoch: assigned.epoch, at: 0 });
    fill(scene, &topic, 0, &["d"]).await;
    assert_eq!(member.records(1).await[0].1.text(), "d");
}

/// C14: what is said to an ended epoch changes nothing for the one that followed.
async fn commands_of_ended_epochs_change_nothing<W: World>(scene: &Scene<W>) {
    let (topic, mut member, old, _) = pair(scene, "ended").await;
    fill(scene, &topic, 0, &ABC).await;
    member.tell(Command::Restart { epoch: old.epoch, at: 0 });
    let new = member.assigned_one().await;
    member.begin(old.epoch, 2);
    member.begin(new.epoch, 0);
    for command in [
        Command::Pause { epoch: old.epoch },
        Command::Want { epoch: old.epoch, records: 0, bytes: 0 },
        Command::Restart { epoch: old.epoch, at: 2 },
        Command::Release { epoch: old.epoch },
    ] {
        member.tell(command);
    }
    let read = member.records(3).await;
    assert!(read.iter().all(|(epoch, _)| *epoch == new.epoch));
    assert_eq!(read[0].1.offset, 0);
    let entry = CommitEntry::new(new.partition.clone(), new.epoch, 3);
    assert_eq!(member.commit(1, vec![entry]).await, [(new.epoch, 3, Applied::Applied)]);
}

/// Cancel safety: a `poll` dropped while pending loses nothing.
async fn a_dropped_poll_loses_nothing<W: World>(scene: &Scene<W>) {
    let (topic, mut member, assigned, _) = pair(scene, "dropped-poll").await;
    let mut started = false;
    let mut read = Vec::new();
    for round in 0..40 {
        if round % 4 == 0 {
            fill(scene, &topic, 0, &[round.to_string().as_str()]).await;
        }
        if !started {
            member.begin(assigned.epoch, 0);
            started = true;
        }
        let glimpse = {
            let mut poll = pin!(member.consumer.poll());
            poll_fn(|cx| Poll::Ready(poll.as_mut().poll(cx))).await
        };
        if let Poll::Ready(ConsumerEvent::Records(batch)) = glimpse {
            read.extend(Seen::all(&batch));
        }
    }
    if read.len() < 10 {
        let rest = member.records(10 - read.len()).await;
        read.extend(rest.into_iter().map(|(_, seen)| seen));
    }
    let expected: Vec<String> = (0..10).map(|i| (i * 4).to_string()).collect();
    assert_eq!(read.iter().map(Seen::text).collect::<Vec<_>>(), expected);
}
