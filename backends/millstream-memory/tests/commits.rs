//! Commits and topics in memory: what an answer says, what the broker refuses, and topics that go and come back.

mod common;

use common::*;
use millstream_core::contract::{Applied, Close, Command, CommitEntry, CommitId, Consumer, NotApplied};
use millstream_memory::{CommitFault, TopicConfig};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

// C6, F91, F17: stale and unknown answers say what they say, and nothing else.
#[tokio::test(start_paused = true)]
async fn commit_faults_answer_what_they_did() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request()).await;
    let own = assigned(&mut a).remove(0);
    let faults = [
        (Some(CommitFault::Stale), "NotApplied(Stale)", None),
        (Some(CommitFault::UnknownNotApplied), "Unknown", None),
        (Some(CommitFault::UnknownApplied), "Unknown", Some(3)),
        (Some(CommitFault::Refused), "NotApplied(Refused)", Some(3)),
        (None, "Applied", Some(5)),
    ];
    for (index, (fault, answer, committed)) in (1..).zip(faults) {
        fault.into_iter().for_each(|fault| memory.fail_commits(GROUP, 1, fault));
        let entries = vec![CommitEntry::new(own.partition.clone(), own.epoch, index)];
        a.submit(Command::Commit { id: CommitId(index), entries });
        assert_eq!(story(&mut a), [answer], "only membership ends an epoch, never a commit's answer");
        assert_eq!(memory.committed(GROUP, &topic, 0).map(|c| c.offset), committed);
    }
}

// F21: metadata above 4 KiB is refused, at 4 KiB it is kept.
#[tokio::test(start_paused = true)]
async fn metadata_is_kept_up_to_four_kibibytes() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request()).await;
    let own = assigned(&mut a).remove(0);
    for (len, answer) in [(4_095, "Applied"), (4_096, "Applied"), (4_097, "NotApplied(Refused)")] {
        let entry = CommitEntry::new(own.partition.clone(), own.epoch, len as u64).with_metadata("m".repeat(len));
        a.submit(Command::Commit { id: CommitId(1), entries: vec![entry] });
        assert_eq!(story(&mut a), [answer]);
    }
    let committed = memory.committed(GROUP, &topic, 0).expect("the second one");
    assert_eq!((committed.offset, committed.metadata.map(|m| m.len())), (4_096, Some(4_096)));
}

// F88: a topic made again is a fault, forgets what was committed, and does not take the old owner's commit.
#[tokio::test(start_paused = true)]
async fn a_topic_made_again_is_told_apart() {
    let (memory, topic) = log(1);
    fill(&memory, 0, &["a", "b"]).await;
    let mut a = member(&memory, request()).await;
    let old = assigned(&mut a).remove(0);
    begin(&mut a, &old, 0);
    assert_eq!(story(&mut a), ["2 of 0"]);
    let commit =
        |offset| Command::Commit { id: CommitId(1), entries: vec![CommitEntry::new(old.partition.clone(), old.epoch, offset)] };
    a.submit(commit(2));
    assert_eq!(story(&mut a), ["Applied"]);
    let id = memory.recreate(&topic).expect("there is one");
    assert_ne!(id, old.topic_id);
    assert_eq!(story(&mut a), [format!("Recreated({id:?})")]);
    a.submit(commit(2));
    assert_eq!(story(&mut a), ["NotApplied(Refused)"]);
    assert_eq!(memory.committed(GROUP, &topic, 0), None);
    a.submit(Command::Restart { epoch: old.epoch, at: 0 });
    let new = assigned(&mut a).remove(0);
    assert_eq!((new.topic_id, new.committed.clone(), new.end), (id, None, Some(0)));
    begin(&mut a, &new, 0);
    fill(&memory, 0, &["c"]).await;
    assert_eq!(story(&mut a), ["1 of 0"]);
}

// F12: a deleted topic is a fault, closing does not hang on it, and it is assigned again when it is back.
#[tokio::test(start_paused = true)]
async fn a_deleted_topic_is_a_fault_and_comes_back_as_an_assignment() {
    let (memory, topic) = log(1);
    let mut a = member(&memory, request()).await;
    let old = assigned(&mut a).remove(0);
    begin(&mut a, &old, 0);
    memory.delete_topic(&topic).expect("there is one");
    let said = story(&mut a);
    assert!(said.contains(&String::from("UnknownTopic")), "{said:?}");
    a.submit(Command::Restart { epoch: old.epoch, at: 0 });
    assert_eq!(story(&mut a), ["lost"]);
    memory.create_topic(&topic, TopicConfig::new(1)).expect("it is gone");
    assert_eq!(story(&mut a), ["assigned 0"]);
    memory.delete_topic(&topic).expect("there is one");
    a.close(Close::Leave(SECOND)).await.expect("closed");
}

// What a commit passes is seen at the moment in which it is written.
#[tokio::test(start_paused = true)]
async fn a_watcher_sees_each_commit_that_is_written() {
    let (memory, _) = log(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watched = seen.clone();
    memory.on_commit(move |commit| watched.lock().expect("one thread").push((commit.offset, commit.before)));
    let mut a = member(&memory, request()).await;
    let own = assigned(&mut a).remove(0);
    memory.fail_commits(GROUP, 1, CommitFault::Stale);
    for offset in [1, 2, 3] {
        let entries = vec![CommitEntry::new(own.partition.clone(), own.epoch, offset)];
        a.submit(Command::Commit { id: CommitId(offset), entries });
    }
    assert_eq!(*seen.lock().expect("one thread"), [(2, None), (3, Some(2))]);
    let stale = Applied::NotApplied(NotApplied::Stale);
    assert_eq!(story(&mut a), [format!("{stale:?}"), "Applied".into(), "Applied".into()]);
}
