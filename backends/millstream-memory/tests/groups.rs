//! Groups in memory, where every moment can be held still: handing over.

mod common;

use common::*;
use millstream_core::contract::{Command, Consumer, ConsumerEvent, ConsumerExt, EpochEnd, Protocol};
use millstream_memory::TopicConfig;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{advance, timeout};

const SECOND: Duration = Duration::from_secs(1);

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
    let all = {
        let topic = topic.clone();
        move |memory: &millstream_memory::Memory| {
            (0..6).all(|p| memory.committed(GROUP, &topic, p).is_some_and(|at| at.offset == 1_000))
        }
    };
    let read = |memory: millstream_memory::Memory, rounds: u32| {
        let all = all.clone();
        async move {
            for round in 1..=rounds {
                let mut reader = member(&memory, request().max_batch(7)).await.into_reader();
                loop {
                    match timeout(Duration::from_millis(20), reader.next_batch()).await {
                        // It may have gone to another member; then it comes again there.
                        Ok(batch) => drop(reader.commit_batch(&batch.expect("no fault")).await),
                        // A silence ends a round, but the last: that one ends when everything is committed.
                        Err(_) if round < rounds || all(&memory) => break,
                        Err(_) => {}
                    }
                }
                reader.close().await.expect("closed");
            }
        }
    };
    let readers: Vec<_> = [1, 5, 9].map(|rounds| tokio::spawn(read(memory.clone(), rounds))).into();
    for round in 0..600_u32 {
        fill(&memory, round % 6, &["x"; 10]).await;
        tokio::task::yield_now().await;
    }
    let ended = timeout(Duration::from_secs(120), async {
        for reader in readers {
            reader.await.expect("no panic");
        }
    });
    let ended = ended.await.is_ok();
    let committed: Vec<_> = (0..6).map(|p| memory.committed(GROUP, &topic, p).map(|c| c.offset)).collect();
    assert_eq!((ended, committed), (true, vec![Some(1_000); 6]));
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
