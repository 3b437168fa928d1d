//! Sessions in memory, where every moment can be held still: silence, leaving, staying, being thrown out.

mod common;

use common::*;
use millstream_core::contract::{Close, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ErrorKind};
use std::time::Duration;
use tokio::time::{advance, timeout};

const SECOND: Duration = Duration::from_secs(1);

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

// C19: a member that hangs is not heard as it leaves; its close runs into its deadline, and its session ends by itself.
#[tokio::test(start_paused = true)]
async fn a_stalled_member_leaves_in_time_and_unheard() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request().session_timeout(10 * SECOND)).await;
    assigned(&mut a);
    let stall = memory.stall(GROUP, memory.group_members(GROUP)[0].id).expect("a member");
    let closed = timeout(2 * SECOND, a.close(Close::Leave(SECOND))).await.expect("in time");
    assert_eq!(closed.expect_err("nobody heard it").kind(), ErrorKind::TimedOut);
    assert_eq!(memory.group_members(GROUP).len(), 1, "its session goes on");
    drop(stall);
    let mut b = member(&memory, request()).await;
    assert!(glimpse(&mut b).is_none(), "until it ends");
    advance(10 * SECOND).await;
    assert_eq!(story(&mut b), ["assigned 0"]);
}

// The other way round: a stall that ends in time is only a late answer.
#[tokio::test(start_paused = true)]
async fn a_stall_that_ends_in_time_delays_leaving_and_no_more() {
    let (memory, _) = log(1);
    let mut a = member(&memory, request().session_timeout(10 * SECOND)).await;
    assigned(&mut a);
    let stall = memory.stall(GROUP, memory.group_members(GROUP)[0].id).expect("a member");
    let leaving = tokio::spawn(async move { a.close(Close::Leave(5 * SECOND)).await });
    tokio::task::yield_now().await;
    drop(stall);
    leaving.await.expect("no panic").expect("heard at last");
    assert_eq!(memory.group_members(GROUP).len(), 0);
}
