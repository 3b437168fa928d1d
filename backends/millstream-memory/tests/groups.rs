//! Groups in memory, where every moment can be held still: handing over and sessions.

mod common;

use common::*;
use millstream_core::contract::{
    Close, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerExt, EpochEnd, Protocol,
};
use millstream_memory::TopicConfig;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{advance, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn ending(consumer: &mut millstream_memory::MemoryConsumer) -> Vec<(millstream_core::contract::Epoch, EpochEnd)> {
    let pick = |event| match event {
        ConsumerEvent::Ending { epoch, how } => Some((epoch, how)),
        _ => None,
    };
    say(consumer).into_iter().filter_map(pick).collect()
}

// C8: after a rebalance the very next event is the revocation, though batches wait.
#[tokio::test(start_paused = true)]
async fn a_revocation_is_the_next_event_whatever_waits() {
    let (memory, _) = log(2);
    fill(&memory, 0, &["x"; 50]).await;
    fill(&memory, 1, &["x"; 50]).await;
    let mut a = member(&memory, request().max_batch(1)).await;
    for assigned in assigned(&mut a) {
        begin(&mut a, &assigned, 0);
    }
    assert!(matches!(glimpse(&mut a), Some(ConsumerEvent::Records(_))));
    let mut b = member(&memory, request()).await;
    assert!(glimpse(&mut b).is_none());
    assert!(matches!(glimpse(&mut a), Some(ConsumerEvent::Ending { .. })));
}

// A partition that is being revoked yields nothing more.
#[tokio::test(start_paused = true)]
async fn what_is_being_revoked_yields_no_more_records() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request()).await;
    let assigned = assigned(&mut a).remove(0);
    begin(&mut a, &assigned, 0);
    memory.delete_topic(&topic()).expect("there is one");
    memory.create_topic(&topic(), TopicConfig::new(2)).expect("it is gone");
    let mut b = member(&memory, request()).await;
    glimpse(&mut b);
    fill(&memory, 0, &["x"]).await;
    assert!(story(&mut a).iter().all(|word| !word.contains(" of ")));
}

// C9: the budget is kept to the millisecond.
#[tokio::test(start_paused = true)]
async fn a_budget_lasts_as_long_as_it_says() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request().revoke_budget(10 * SECOND).protocol(Protocol::Eager)).await;
    assert_eq!(story(&mut a), ["assigned 0"]);
    let mut b = member(&memory, request().protocol(Protocol::Eager)).await;
    assert!(glimpse(&mut b).is_none());
    assert_eq!(ending(&mut a)[0].1, EpochEnd::Revoking(10 * SECOND));
    advance(Duration::from_millis(9_999)).await;
    assert!(glimpse(&mut a).is_none() && glimpse(&mut b).is_none());
    advance(Duration::from_millis(1)).await;
    // Range gives the only partition to the member that joined first, again.
    assert_eq!(story(&mut a), ["lost", "assigned 0"]);
}

// C9: who waits for a partition notices by itself that the budget of a silent owner is over.
#[tokio::test(start_paused = true)]
async fn a_waiting_member_takes_over_when_a_budget_ends() {
    let (memory, _) = log(2);
    let mut a = member(&memory, request().revoke_budget(10 * SECOND)).await;
    assert_eq!(story(&mut a), ["assigned 0", "assigned 1"]);
    let mut b = member(&memory, request()).await;
    assert!(glimpse(&mut b).is_none());
    let start = tokio::time::Instant::now();
    let (_, event) = tokio::join!(
        biased;
        async {
            tokio::time::sleep(SECOND).await;
            assert_eq!(story(&mut a), ["revoking"]);
        },
        b.poll()
    );
    assert_eq!(word(&event), "assigned 1");
    let waited = start.elapsed();
    assert!((11 * SECOND..11 * SECOND + Duration::from_millis(2)).contains(&waited), "{waited:?}");
}

// C2: a restart of what is being revoked gives it up; it is lost, and another's.
#[tokio::test(start_paused = true)]
async fn a_restart_of_what_is_being_revoked_gives_it_up() {
    let (memory, _) = log(2);
    let mut a = member(&memory, request()).await;
    assigned(&mut a);
    let mut b = member(&memory, request()).await;
    glimpse(&mut b);
    let (epoch, _) = ending(&mut a)[0];
    a.submit(Command::Restart { epoch, at: 0 });
    assert_eq!(story(&mut a), ["lost"]);
    assert_eq!(story(&mut b), ["assigned 1"]);
}

// C2: what is released has ended: a loss that was on its way is not told any more.
#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_an_epoch_after_its_release() {
    let (memory, _) = log(2);
    let mut a = member(&memory, request()).await;
    let all = assigned(&mut a);
    memory.expire(GROUP, memory.group_members(GROUP)[0].id);
    assert!(matches!(glimpse(&mut a), Some(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost }) if epoch == all[0].epoch));
    a.submit(Command::Release { epoch: all[1].epoch });
    assert_eq!(story(&mut a), ["assigned 0", "assigned 1"]);
}

// I2, I17: members that come and go on two threads: every record is read under an open epoch and committed once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_on_two_threads_commits_everything() {
    let (memory, topic) = log(6);
    let newest = Mutex::new(std::collections::BTreeMap::new());
    memory.on_commit(move |commit| {
        let now = (commit.epoch, commit.offset);
        let before = newest.lock().expect("no panic before").insert(commit.partition.clone(), now);
        assert!(before.is_none_or(|before| before <= now), "{now:?} after {before:?}");
    });
    let read = |memory: millstream_memory::Memory, rounds: u32| async move {
        for round in 0..rounds {
            let mut consumer = member(&memory, request().max_batch(7)).await;
            // The last round goes on until nothing comes any more.
            let patience = Duration::from_millis(if round + 1 == rounds { 300 } else { 20 });
            while let Ok(batch) = timeout(patience, consumer.next_batch()).await {
                let batch = batch.expect("no fault");
                consumer.commit_batch(CommitId(0), &batch);
            }
            consumer.close(Close::Leave(SECOND)).await.expect("closed");
        }
    };
    let readers: Vec<_> = [1, 5, 9].map(|rounds| tokio::spawn(read(memory.clone(), rounds))).into();
    for round in 0..600_u32 {
        fill(&memory, round % 6, &["x"; 10]).await;
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.expect("no panic");
    }
    let committed: Vec<_> = (0..6).map(|p| memory.committed(GROUP, &topic, p).map(|c| c.offset)).collect();
    assert_eq!(committed, [Some(1_000); 6]);
}

// C15: a session lasts as long as it says, and no longer.
#[tokio::test(start_paused = true)]
async fn a_silent_member_keeps_its_partitions_for_its_session_and_no_longer() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request().session_timeout(10 * SECOND)).await;
    let old = assigned(&mut a).remove(0);
    let mut b = member(&memory, request().session_timeout(60 * SECOND)).await;
    assert!(glimpse(&mut b).is_none());
    advance(Duration::from_millis(9_999)).await;
    assert!(glimpse(&mut b).is_none());
    advance(Duration::from_millis(1)).await;
    assert_eq!(story(&mut b), ["assigned 0"]);
    let entries = vec![CommitEntry::new(old.partition.clone(), old.epoch, 1)];
    a.submit(Command::Commit { id: CommitId(1), entries });
    assert_eq!(story(&mut a), ["NotApplied(Stale)", "lost"]);
    assert_eq!(memory.committed(GROUP, &topic, 0), None);
}

// C15: nobody else needs to be there for a session to end.
#[tokio::test(start_paused = true)]
async fn a_member_alone_notices_itself_that_its_session_ended() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request().session_timeout(10 * SECOND)).await;
    let old = assigned(&mut a).remove(0);
    advance(10 * SECOND).await;
    a.submit(Command::Commit { id: CommitId(1), entries: vec![CommitEntry::new(old.partition, old.epoch, 1)] });
    assert_eq!(story(&mut a), ["NotApplied(Stale)", "lost", "assigned 0"]);
    assert_eq!(memory.committed(GROUP, &topic, 0), None);
    advance(Duration::from_millis(9_999)).await;
    assert!(glimpse(&mut a).is_none(), "not yet");
    advance(10 * SECOND).await;
    assert_eq!(story(&mut a), ["lost", "assigned 0"], "a late poll revives nothing");
}

// C15: a poll that waits is a poll: a member with nothing to read stays.
#[tokio::test(start_paused = true)]
async fn a_pending_poll_keeps_the_session_alive() {
    let (memory, _) = log(2);
    let mut a = member(&memory, request().session_timeout(10 * SECOND)).await;
    let mut b = member(&memory, request().session_timeout(10 * SECOND)).await;
    assigned(&mut a);
    glimpse(&mut b);
    let (epoch, _) = ending(&mut a)[0];
    a.submit(Command::Release { epoch });
    assigned(&mut b);
    let both = async { tokio::join!(biased; a.poll(), b.poll()) };
    assert!(timeout(1_000 * SECOND, both).await.is_err(), "nothing happens to who waits");
    let held: Vec<usize> = memory.group_members(GROUP).iter().map(|member| member.holds.len()).collect();
    assert_eq!(held, [1, 1]);
}

// C15: whoever waits notices a silent member by itself, without another event.
#[tokio::test(start_paused = true)]
async fn a_waiting_member_takes_over_when_a_session_ends() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request().session_timeout(10 * SECOND)).await;
    assigned(&mut a);
    drop(a);
    let mut b = member(&memory, request().session_timeout(60 * SECOND)).await;
    let start = tokio::time::Instant::now();
    let event = timeout(15 * SECOND, b.poll()).await.expect("at the session's end");
    assert_eq!(word(&event), "assigned 0");
    assert!(start.elapsed() <= Duration::from_millis(10_002), "{:?}", start.elapsed());
}

// C12: leaving is at once; staying away is a session.
#[tokio::test(start_paused = true)]
async fn leaving_hands_over_at_once_and_staying_after_the_session() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request()).await;
    let first = assigned(&mut a).remove(0);
    let mut b = member(&memory, request()).await;
    assert!(glimpse(&mut b).is_none());
    a.submit(Command::Commit { id: CommitId(1), entries: vec![CommitEntry::new(first.partition, first.epoch, 0)] });
    a.close(Close::Leave(SECOND)).await.expect("closed");
    assert_eq!(assigned(&mut b).len(), 1);
    assert_eq!(memory.committed(GROUP, &topic, 0).map(|c| c.offset), Some(0), "what was submitted is sent first");
    let mut c = member(&memory, request()).await;
    assert!(glimpse(&mut c).is_none());
    b.close(Close::Stay(SECOND)).await.expect("closed");
    assert!(glimpse(&mut c).is_none(), "its session goes on");
    assert_eq!(word(&timeout(46 * SECOND, c.poll()).await.expect("at the session's end")), "assigned 0");
}

#[tokio::test(start_paused = true)]
async fn a_closed_consumer_says_so_and_answers_its_last_commits() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request()).await;
    let assigned = assigned(&mut a).remove(0);
    let entries = vec![CommitEntry::new(assigned.partition.clone(), assigned.epoch, 0)];
    a.submit(Command::Commit { id: CommitId(1), entries: entries.clone() });
    a.close(Close::Leave(SECOND)).await.expect("closed");
    a.submit(Command::Commit { id: CommitId(2), entries });
    assert_eq!(word(&a.poll().await), "Applied");
    assert_eq!(word(&a.poll().await), "NotApplied(Stale)");
    assert!(matches!(a.poll().await, ConsumerEvent::Fatal(_)));
}

// C13: who is not a member any more is answered by the end of its epochs.
#[tokio::test(start_paused = true)]
async fn confirm_is_answered_by_lost_if_the_member_was_thrown_out() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request()).await;
    assigned(&mut a);
    a.submit(Command::Confirm);
    assert_eq!(story(&mut a), ["confirmed"]);
    let id = memory.group_members(GROUP)[0].id;
    assert!(memory.expire(GROUP, id));
    a.submit(Command::Confirm);
    assert_eq!(story(&mut a), ["lost", "assigned 0"]);
    assert_ne!(memory.group_members(GROUP)[0].id, id, "it came back as somebody else");
}

#[tokio::test(start_paused = true)]
async fn confirm_is_answered_even_if_the_member_thrown_out_held_nothing() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request()).await;
    assigned(&mut a);
    let mut b = member(&memory, request()).await;
    assert!(glimpse(&mut b).is_none());
    memory.expire(GROUP, memory.group_members(GROUP)[1].id);
    b.submit(Command::Confirm);
    assert_eq!(story(&mut b), ["confirmed"]);
}

// F74: a stalled member comes back as a zombie: it hears of its loss before anything else.
#[tokio::test(start_paused = true)]
async fn a_stalled_member_loses_everything_and_comes_back() {
    let (memory, _) = log(1);
    fill(&memory, 0, &["x"; 3]).await;
    let mut a = member(&memory, request().max_batch(1)).await;
    let old = assigned(&mut a).remove(0);
    begin(&mut a, &old, 0);
    let stall = memory.stall(GROUP, memory.group_members(GROUP)[0].id).expect("a member");
    assert!(timeout(100 * SECOND, a.poll()).await.is_err(), "stalled");
    let mut b = member(&memory, request()).await;
    assert_eq!(story(&mut b), ["assigned 0"]);
    drop(stall);
    assert_eq!(word(&a.poll().await), "lost");
    assert!(glimpse(&mut a).is_none());
}

// F09: eager empties everybody before it shares out anew; cooperative takes only what moves.
#[tokio::test(start_paused = true)]
async fn eager_takes_everything_and_cooperative_only_what_moves() {
    for (protocol, taken) in [(Protocol::Eager, 4), (Protocol::Cooperative, 2)] {
        let (memory, _) = log(4);
        let mut a = member(&memory, request().protocol(protocol)).await;
        assert_eq!(assigned(&mut a).len(), 4);
        let mut b = member(&memory, request().protocol(protocol)).await;
        assert!(glimpse(&mut b).is_none(), "{protocol:?}: nothing is free yet");
        let ends = ending(&mut a);
        assert_eq!(ends.len(), taken, "{protocol:?}");
        for (index, (epoch, _)) in ends.iter().enumerate() {
            let before = assigned(&mut b).len();
            assert!(protocol == Protocol::Cooperative || before == 0, "eager waits for the last one");
            assert!(index == 0 || protocol == Protocol::Eager || before == 1, "cooperative hands over one by one");
            a.submit(Command::Release { epoch: *epoch });
        }
        let all = memory.group_members(GROUP);
        assert_eq!(assigned(&mut a).len(), taken - 2);
        assigned(&mut b);
        assert_eq!(memory.group_members(GROUP).iter().map(|m| m.holds.len()).collect::<Vec<_>>(), [2, 2], "{all:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_two_protocols_do_not_mix() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request().protocol(Protocol::Eager)).await;
    assigned(&mut a);
    let mut b = member(&memory, request().protocol(Protocol::Cooperative)).await;
    assert!(matches!(glimpse(&mut b), Some(ConsumerEvent::Fatal(_))));
    assert!(glimpse(&mut a).is_none(), "the group is not disturbed");
}

// F93: an assignment that comes while draining may be given back unstarted, and is not offered again in this round.
#[tokio::test(start_paused = true)]
async fn an_assignment_given_back_unstarted_is_not_offered_again_at_once() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request()).await;
    let epoch = assigned(&mut a).remove(0).epoch;
    a.submit(Command::Release { epoch });
    assert!(glimpse(&mut a).is_none());
    let mut b = member(&memory, request()).await;
    glimpse(&mut b);
    assert_eq!(assigned(&mut a).len() + assigned(&mut b).len(), 1, "the next rebalance offers it");
}

// F11: new partitions are shared out, and read from their beginning by whoever gets them.
#[tokio::test(start_paused = true)]
async fn new_partitions_are_assigned_at_the_next_poll() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request()).await;
    assert_eq!(assigned(&mut a).len(), 1);
    assert_eq!(memory.add_partitions(&topic, 2).expect("a topic"), 3);
    let new = assigned(&mut a);
    assert_eq!(new.iter().map(|a| a.partition.partition).collect::<Vec<_>>(), [1, 2]);
    assert!(new.iter().all(|a| a.committed.is_none() && a.log_start == Some(0)));
}
