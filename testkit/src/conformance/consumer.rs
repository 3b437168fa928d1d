//! Owns the cases of reading: clauses C1, C3, C4, C5, C10, C11, C14 and cancel safety. Leaves membership to `group`.

use super::Harness;
use super::driver::{MemberOf, Seen, fill, member};
use millstream_core::contract::{Applied, Assigned, Command, CommitEntry, Consumer, ConsumerEvent, PartitionFault};
use millstream_core::topic::Topic;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

const ABC: [&str; 3] = ["a", "b", "c"];

/// A member that holds both partitions of a new topic, neither started.
async fn pair<H: Harness>(harness: &H, name: &str) -> (Topic, MemberOf<H>, Assigned, Assigned) {
    let topic = harness.create_topic(name, 2).await;
    let mut member = member(harness, name, &topic).await;
    let mut assigned = member.assigned(2).await;
    let second = assigned.remove(1);
    (topic, member, assigned.remove(0), second)
}

/// C1: nothing is delivered before `Start`, whatever the demand.
pub async fn nothing_is_delivered_before_start<H: Harness>(harness: &H) {
    let (topic, mut member, quiet, loud) = pair(harness, "before-start").await;
    fill(harness, &topic, 0, &ABC).await;
    fill(harness, &topic, 1, &ABC).await;
    member.want(quiet.epoch, u32::MAX, u64::MAX);
    member.begin(loud.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == loud.epoch));
    // Started at last, it delivers what waited, and nothing was lost meanwhile.
    member.begin(quiet.epoch, 0);
    assert_eq!(member.records(3).await.iter().map(|(_, seen)| seen.text()).collect::<Vec<_>>(), ABC);
}

/// C1 and C2: after a restart nothing comes under the old epoch, and the new one, a higher one, waits for its start.
pub async fn nothing_is_delivered_after_the_end<H: Harness>(harness: &H) {
    let (topic, mut member, first, _) = pair(harness, "after-end").await;
    fill(harness, &topic, 0, &ABC).await;
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
pub async fn records_come_in_order_from_the_offset_given<H: Harness>(harness: &H) {
    let (topic, mut member, assigned, _) = pair(harness, "in-order").await;
    let values: Vec<String> = (0..700).map(|i| i.to_string()).collect();
    for part in values.chunks(70) {
        fill(harness, &topic, 0, &part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    member.begin(assigned.epoch, 30);
    let read: Vec<String> = member.records(670).await.iter().map(|(_, seen)| seen.text()).collect();
    assert_eq!(read, values[30..]);
}

/// C3: an epoch starts once; a second start does not seek (B45).
pub async fn a_second_start_does_not_seek<H: Harness>(harness: &H) {
    let (topic, mut member, assigned, _) = pair(harness, "second-start").await;
    fill(harness, &topic, 0, &ABC).await;
    member.begin(assigned.epoch, 1);
    assert_eq!(member.records(2).await[0].1.text(), "b");
    member.tell(Command::Start { epoch: assigned.epoch, at: 0 });
    fill(harness, &topic, 0, &["d"]).await;
    assert_eq!(member.records(1).await[0].1.text(), "d");
}

/// C4: a partition yields at most its demand in records, and what it does not yield is not lost.
pub async fn a_partition_yields_at_most_its_demand_in_records<H: Harness>(harness: &H) {
    let (topic, mut member, few, many) = pair(harness, "records-demand").await;
    fill(harness, &topic, 0, &["a", "b", "c", "d", "e"]).await;
    member.tell(Command::Start { epoch: few.epoch, at: 0 });
    member.want(few.epoch, 2, u64::MAX);
    assert_eq!(member.records(2).await.len(), 2);
    // Without demand it yields nothing, and the other flows.
    fill(harness, &topic, 1, &ABC).await;
    member.begin(many.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == many.epoch));
    member.want(few.epoch, 10, u64::MAX);
    assert_eq!(member.records(3).await.iter().map(|(_, seen)| seen.text()).collect::<Vec<_>>(), ["c", "d", "e"]);
}

/// C4: a partition yields at most its demand in bytes.
pub async fn a_partition_yields_at_most_its_demand_in_bytes<H: Harness>(harness: &H) {
    let (topic, mut member, few, many) = pair(harness, "bytes-demand").await;
    let kilo = "x".repeat(500); // Key and value: 1,000 bytes a record.
    fill(harness, &topic, 0, &[kilo.as_str(); 10]).await;
    member.tell(Command::Start { epoch: few.epoch, at: 0 });
    member.want(few.epoch, 10, 3_500);
    assert_eq!(member.records(3).await.len(), 3);
    fill(harness, &topic, 1, &ABC).await;
    member.begin(many.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == many.epoch));
    member.want(few.epoch, 10, 7_000);
    assert_eq!(member.records(7).await.len(), 7);
}

/// C4: whatever the bytes, one record is admitted (F95), and no second one.
pub async fn one_record_is_admitted_however_large<H: Harness>(harness: &H) {
    let (topic, mut member, large, other) = pair(harness, "however-large").await;
    let big = "x".repeat(50_000);
    fill(harness, &topic, 0, &[big.as_str(); 3]).await;
    member.tell(Command::Start { epoch: large.epoch, at: 0 });
    member.want(large.epoch, 10, 1);
    assert_eq!(member.records(1).await.len(), 1);
    fill(harness, &topic, 1, &ABC).await;
    member.begin(other.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == other.epoch));
    member.want(large.epoch, 1, 1);
    assert_eq!(member.records(1).await[0].1.offset, 1);
}

/// C5: at the end `next` is the end, as the batch's high watermark says: lag is 0 at rest.
pub async fn next_reaches_the_end<H: Harness>(harness: &H) {
    let (topic, mut member, assigned, _) = pair(harness, "next").await;
    let last = fill(harness, &topic, 0, &ABC).await[2];
    member.begin(assigned.epoch, 0);
    let mut next = 0;
    let end = member
        .until("the end", |event| {
            match event {
                ConsumerEvent::Records(batch) => {
                    let last = batch.view(batch.len() - 1).offset();
                    assert!(batch.view(0).offset() >= next && batch.next > last);
                    next = batch.next;
                }
                ConsumerEvent::Advanced { next: to, .. } => next = to,
                _ => {}
            }
            (next > last.offset).then_some(next)
        })
        .await;
    assert_eq!(end, last.offset + 1);
}

/// C10: an offset outside the log is a fault of that partition alone, and a restart heals it.
pub async fn an_offset_outside_the_log_is_a_fault_of_one_partition<H: Harness>(harness: &H) {
    let (topic, mut member, broken, well) = pair(harness, "out-of-range").await;
    fill(harness, &topic, 0, &ABC).await;
    member.begin(broken.epoch, 1_000);
    let fault = member
        .until("a fault", |event| match event {
            ConsumerEvent::Fault { epoch, fault } if epoch == broken.epoch => Some(fault),
            ConsumerEvent::Records(batch) => panic!("a silent reset: {batch:?}"),
            _ => None,
        })
        .await;
    assert_eq!(fault, PartitionFault::OutOfRange { requested: 1_000, log_start: 0, end: 3 });
    fill(harness, &topic, 1, &ABC).await;
    member.begin(well.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == well.epoch));
    member.tell(Command::Restart { epoch: broken.epoch, at: 2 });
    let healed = member.assigned_one().await;
    assert_eq!(healed.resume, Some(2));
    member.begin(healed.epoch, 2);
    assert_eq!(member.records(1).await[0].1.text(), "c");
}

/// C11: a paused partition yields nothing until it is resumed.
pub async fn a_paused_partition_waits_until_it_is_resumed<H: Harness>(harness: &H) {
    let (topic, mut member, paused, other) = pair(harness, "pause").await;
    member.begin(paused.epoch, 0);
    member.tell(Command::Pause { epoch: paused.epoch });
    fill(harness, &topic, 0, &ABC).await;
    fill(harness, &topic, 1, &ABC).await;
    member.begin(other.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == other.epoch));
    member.tell(Command::Resume { epoch: paused.epoch });
    assert_eq!(member.records(3).await.iter().map(|(_, seen)| seen.text()).collect::<Vec<_>>(), ABC);
}

/// C11: a pause does not outlive its epoch (F101).
pub async fn a_pause_ends_with_its_epoch<H: Harness>(harness: &H) {
    let (topic, mut member, paused, _) = pair(harness, "pause-ends").await;
    fill(harness, &topic, 0, &ABC).await;
    member.begin(paused.epoch, 0);
    member.tell(Command::Pause { epoch: paused.epoch });
    member.tell(Command::Restart { epoch: paused.epoch, at: 0 });
    let again = member.assigned_one().await;
    member.begin(again.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == again.epoch));
}

/// C14: what is said to an ended epoch changes nothing for the one that followed.
pub async fn commands_of_ended_epochs_change_nothing<H: Harness>(harness: &H) {
    let (topic, mut member, old, _) = pair(harness, "ended").await;
    fill(harness, &topic, 0, &ABC).await;
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
pub async fn a_dropped_poll_loses_nothing<H: Harness>(harness: &H) {
    let (topic, mut member, assigned, _) = pair(harness, "dropped-poll").await;
    let mut started = false;
    let mut read = Vec::new();
    for round in 0..40 {
        if round % 4 == 0 {
            fill(harness, &topic, 0, &[round.to_string().as_str()]).await;
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
