//! What the commit planner promises, case by case. What it promises to a broker that loses and delays is in `world`.

use super::*;

mod world;

const E1: Epoch = Epoch(1);
const E2: Epoch = Epoch(2);

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

fn partition(epoch: Epoch) -> TopicPartition {
    TopicPartition::new("orders".parse().expect("a topic"), u32::try_from(epoch.0).expect("small"))
}

/// Both epochs open at 10, where the group is; requests of unknown outcome live 30 s.
fn commits() -> Commits {
    let mut commits = Commits::new(CommitPolicy::default());
    for epoch in [E1, E2] {
        commits.open(epoch, partition(epoch), 10, Some(10), at(0));
    }
    commits
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Plans, and answers what goes: id and offsets by epoch.
fn plan(commits: &mut Commits, now: MonoTime) -> (CommitId, Vec<(Epoch, Offset)>) {
    let (id, entries) = commits.plan(now).expect("something goes");
    (id, entries.iter().map(|entry| (entry.epoch, entry.offset)).collect())
}

/// Plans and has every entry answered like this.
fn plan_and_answer(commits: &mut Commits, now: MonoTime, applied: Applied) -> Vec<CommitTrouble> {
    let (id, sent) = plan(commits, now);
    commits.outcome(&Committed::new(id, sent.into_iter().map(|(epoch, offset)| (epoch, offset, applied)).collect()), now)
}

#[test]
fn another_life_of_requests_changes_nothing_else() {
    let policy = CommitPolicy::new(Duration::from_secs(1), 7);
    let life = Duration::from_secs(3);
    assert_eq!(policy.request_life(life), CommitPolicy { request_life: life, ..policy });
}

#[test]
fn marks_wait_for_company_and_go_together() {
    let mut commits = commits();
    assert_eq!((commits.due(at(0)), commits.plan(at(0))), (None, None));
    commits.mark(E1, 15, None, at(0));
    commits.mark(E2, 20, None, at(99));
    assert_eq!((commits.due(at(99)), commits.plan(at(99))), (Some(at(100)), None));
    assert_eq!(plan(&mut commits, at(100)), (CommitId(1), vec![(E1, 15), (E2, 20)]));
}

#[test]
fn one_commit_is_outstanding_and_what_comes_meanwhile_goes_next() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    let (id, _) = plan(&mut commits, at(100));
    commits.mark(E1, 18, None, at(150));
    assert_eq!((commits.outstanding(), commits.due(at(500)), commits.plan(at(500))), (Some(id), None, None));
    commits.outcome(&Committed::new(id, vec![(E1, 15, Applied::Applied)]), at(500));
    assert_eq!((commits.is_clean(E1), commits.committed(E1)), (false, Some(15)));
    assert_eq!(plan(&mut commits, at(500)), (CommitId(2), vec![(E1, 18)]));
    commits.outcome(&Committed::new(CommitId(2), vec![(E1, 18, Applied::Applied)]), at(501));
    assert_eq!((commits.is_clean(E1), commits.due(at(501))), (true, None));
}

#[test]
fn many_marked_offsets_go_at_once() {
    let mut commits = commits();
    commits.mark(E1, 10 + 6_000, None, at(0));
    commits.mark(E2, 10 + 3_999, None, at(0));
    assert_eq!(commits.plan(at(1)), None);
    commits.mark(E2, 10 + 4_000, None, at(1));
    assert_eq!(commits.due(at(1)), Some(at(1)));
    assert_eq!(plan_and_answer(&mut commits, at(1), Applied::Applied), []);
    assert!(commits.is_clean(E1) && commits.is_clean(E2));
    commits.mark(E1, 10 + 6_001, None, at(2));
    assert_eq!(commits.due(at(2)), Some(at(102)), "the count starts again");
}

#[test]
fn a_flush_waits_for_nothing_but_the_outstanding_one() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    commits.flush_now();
    let (id, _) = plan(&mut commits, at(0));
    commits.mark(E1, 16, None, at(1));
    commits.flush_now();
    assert_eq!(commits.plan(at(1)), None);
    commits.outcome(&Committed::new(id, vec![(E1, 15, Applied::Applied)]), at(2));
    assert_eq!(plan(&mut commits, at(2)).1, [(E1, 16)]);
    commits.outcome(&Committed::new(CommitId(2), vec![(E1, 16, Applied::Applied)]), at(3));
    commits.mark(E1, 17, None, at(4));
    assert_eq!(commits.due(at(4)), Some(at(104)), "a flush is over once all has gone");
    commits.flush_now();
    commits.close(E1);
    commits.mark(E2, 17, None, at(5));
    assert_eq!(commits.due(at(5)), Some(at(105)), "a flush ends with the epoch it was for");
    plan_and_answer(&mut commits, at(105), Applied::Applied);
    commits.flush_now();
    commits.mark(E2, 18, None, at(106));
    assert_eq!(commits.due(at(106)), Some(at(206)), "a flush of nothing is not kept for later");
}

#[test]
fn a_stale_commit_stays_dirty_and_is_sent_again_ever_more_slowly() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    let (mut now, mut delays) = (at(100), Vec::new());
    for _ in 0..7 {
        assert_eq!(plan_and_answer(&mut commits, now, Applied::NotApplied(NotApplied::Stale)), []);
        assert!(!commits.is_clean(E1));
        let due = commits.due(now).expect("it stays dirty");
        delays.push(due.since(now).as_millis());
        now = due;
    }
    assert_eq!(delays, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
    plan_and_answer(&mut commits, now, Applied::Applied);
    assert!(commits.is_clean(E1));
    commits.mark(E1, 16, None, now);
    plan_and_answer(&mut commits, now.after(Duration::from_millis(100)), Applied::NotApplied(NotApplied::NotSent));
    let now = now.after(Duration::from_millis(100));
    assert_eq!(commits.due(now), Some(now.after(Duration::from_millis(100))), "success starts the delays again");
}

#[test]
fn one_partitions_backoff_does_not_delay_another() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    plan_and_answer(&mut commits, at(100), Applied::NotApplied(NotApplied::Stale));
    commits.mark(E2, 15, None, at(100));
    commits.flush_now();
    assert_eq!(plan(&mut commits, at(110)).1, [(E2, 15)]);
    commits.outcome(&Committed::new(CommitId(2), vec![(E2, 15, Applied::Applied)]), at(111));
    assert_eq!((commits.due(at(111)), plan(&mut commits, at(200)).1), (Some(at(200)), vec![(E1, 15)]));
}

#[test]
fn a_refused_or_fenced_commit_is_reported_and_stays_dirty() {
    for why in [NotApplied::Refused, NotApplied::Fenced] {
        let mut commits = commits();
        commits.mark(E1, 15, None, at(0));
        let troubles = plan_and_answer(&mut commits, at(100), Applied::NotApplied(why));
        assert_eq!(troubles, [CommitTrouble { epoch: E1, why }]);
        assert_eq!((commits.is_clean(E1), commits.due(at(100))), (false, Some(at(200))));
    }
}

#[test]
fn an_unknown_commit_is_sent_again_and_asserted_once_more_when_no_older_request_can_live() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    plan_and_answer(&mut commits, at(100), Applied::Unknown);
    assert!(!commits.is_clean(E1) && commits.in_doubt(E1));
    assert_eq!(commits.due(at(100)), Some(at(200)));
    plan_and_answer(&mut commits, at(200), Applied::Applied);
    assert!(commits.is_clean(E1) && commits.in_doubt(E1), "clean, but an older request may still overtake");
    assert_eq!((commits.due(at(201)), commits.plan(at(30_099))), (Some(at(30_100)), None));
    plan_and_answer(&mut commits, at(30_100), Applied::Applied);
    assert_eq!((commits.in_doubt(E1), commits.due(at(30_100))), (false, None));
}

#[test]
fn nothing_is_certain_while_an_older_request_may_be_applied_over_the_last_commit() {
    let mut commits = commits();
    assert_eq!(commits.certain(E1), Some(10), "the group had it before");
    commits.mark(E1, 15, None, at(0));
    assert_eq!(commits.certain(E1), Some(10));
    plan_and_answer(&mut commits, at(100), Applied::Unknown);
    commits.mark(E1, 20, None, at(150));
    plan_and_answer(&mut commits, at(200), Applied::Applied);
    assert_eq!((commits.committed(E1), commits.certain(E1)), (Some(20), None), "15 may come over 20");
    plan_and_answer(&mut commits, at(30_100), Applied::Applied);
    assert_eq!(commits.certain(E1), Some(20));
}

#[test]
fn a_commit_made_before_the_doubts_end_does_not_end_it() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    plan_and_answer(&mut commits, at(100), Applied::Unknown);
    let (id, sent) = plan(&mut commits, at(30_099));
    commits.outcome(&Committed::new(id, vec![(E1, sent[0].1, Applied::Applied)]), at(30_200));
    assert_eq!(commits.due(at(30_200)), Some(at(30_200)));
    plan_and_answer(&mut commits, at(30_200), Applied::Unknown);
    assert!(!commits.is_clean(E1) || commits.due(at(30_200)).is_some());
    assert_eq!(commits.sessions[&E1].doubt, Some(at(60_200)), "an unknown assertion is a new doubt");
}

#[test]
fn an_entry_without_an_answer_is_unknown() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    let (id, _) = plan(&mut commits, at(100));
    commits.outcome(&Committed::new(id, vec![(E1, 14, Applied::Applied), (E2, 15, Applied::Applied)]), at(100));
    assert!(!commits.is_clean(E1) && commits.in_doubt(E1));
    assert_eq!(commits.committed(E1), Some(10));
}

#[test]
fn the_outcome_of_another_commit_changes_nothing() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    let before = commits.clone();
    commits.outcome(&Committed::new(CommitId(0), vec![(E1, 15, Applied::Applied)]), at(0));
    assert_eq!(commits, before);
    let (id, _) = plan(&mut commits, at(100));
    commits.outcome(&Committed::new(CommitId(id.0 + 1), vec![(E1, 15, Applied::Applied)]), at(100));
    assert_eq!(commits.outstanding(), Some(id));
}

#[test]
fn an_ended_epoch_is_never_planned_and_its_late_outcome_means_nothing() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    commits.mark(E2, 15, None, at(0));
    let (id, _) = plan(&mut commits, at(100));
    commits.mark(E1, 19, None, at(100));
    commits.close(E1);
    let troubles = commits.outcome(
        &Committed::new(id, vec![(E1, 15, Applied::NotApplied(NotApplied::Fenced)), (E2, 15, Applied::Applied)]),
        at(101),
    );
    commits.mark(E1, 25, None, at(102));
    assert_eq!((troubles, commits.due(at(500)), commits.committed(E1)), (vec![], None, None));
}

#[test]
fn what_was_planned_before_an_epoch_ended_is_taken_out_before_it_is_written() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    commits.mark(E2, 15, None, at(0));
    let (_, mut entries) = commits.plan(at(100)).expect("both go");
    commits.close(E1);
    commits.retain_open(&mut entries);
    assert_eq!(entries.iter().map(|entry| entry.epoch).collect::<Vec<_>>(), [E2]);
}

#[test]
fn an_epoch_is_not_clean_while_anything_of_it_is_outstanding() {
    let mut commits = commits();
    assert!(commits.is_clean(E1) && commits.is_clean(Epoch(99)));
    commits.mark(E1, 15, None, at(0));
    assert!(!commits.is_clean(E1) && commits.is_clean(E2));
    let (id, _) = plan(&mut commits, at(100));
    assert!(!commits.is_clean(E1));
    commits.close(E1);
    assert!(!commits.is_clean(E1), "its request is still on the way");
    commits.outcome(&Committed::new(id, vec![(E1, 15, Applied::Applied)]), at(101));
    assert!(commits.is_clean(E1));
}

#[test]
fn a_mark_is_applied_as_soon_as_it_or_a_later_one_is_though_marks_go_on() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    let asked = commits.version(E1);
    assert!(!commits.has_applied(E1, asked));
    let (id, _) = plan(&mut commits, at(100));
    commits.mark(E1, 18, None, at(150));
    commits.outcome(&Committed::new(id, vec![(E1, 15, Applied::Applied)]), at(200));
    assert!(commits.has_applied(E1, asked) && !commits.is_clean(E1));
    assert!(!commits.has_applied(E1, commits.version(E1)));
    plan_and_answer(&mut commits, at(250), Applied::Applied);
    assert!(commits.has_applied(E1, asked) && commits.has_applied(E1, commits.version(E1)));
    commits.close(E1);
    assert!(commits.has_applied(E1, u64::MAX), "nothing of an ended epoch is waited for");
}

#[test]
fn a_watermark_never_falls() {
    let mut commits = commits();
    commits.mark(E1, 15, None, at(0));
    commits.mark(E1, 12, text("x"), at(0));
    assert_eq!(plan(&mut commits, at(100)).1, [(E1, 15)]);
}

#[test]
fn a_text_alone_is_a_mark_and_none_keeps_the_one_before() {
    let mut commits = commits();
    commits.mark(E1, 10, text("a"), at(0));
    let (id, entries) = commits.plan(at(100)).expect("a text goes");
    assert_eq!((entries[0].offset, entries[0].metadata.as_deref()), (10, Some("a")));
    commits.mark(E1, 11, None, at(100));
    commits.outcome(&Committed::new(id, vec![(E1, 10, Applied::Applied)]), at(101));
    let (_, entries) = commits.plan(at(200)).expect("an offset goes");
    assert_eq!((entries[0].offset, entries[0].metadata.as_deref()), (11, Some("a")));
    let mut same = self::commits();
    same.mark(E1, 10, text("a"), at(0));
    let once = same.clone();
    same.mark(E1, 10, text("a"), at(50));
    assert_eq!(same, once, "marking the same again is nothing new");
}

#[test]
fn a_text_too_long_for_the_group_is_left_out() {
    let mut commits = commits();
    commits.mark(E1, 15, Some("x".repeat(4_097)), at(0));
    let (_, entries) = commits.plan(at(100)).expect("the offset goes all the same");
    assert_eq!((entries[0].offset, &entries[0].metadata), (15, &None));
    commits.mark(E2, 15, Some("x".repeat(4_096)), at(0));
    assert_eq!(commits.sessions[&E2].metadata.as_ref().map(String::len), Some(4_096));
}

#[test]
fn a_start_that_is_not_the_committed_offset_is_committed_itself() {
    for committed in [None, Some(4), Some(40)] {
        let mut commits = Commits::new(CommitPolicy::default());
        commits.open(E1, partition(E1), 10, committed, at(0));
        assert!(!commits.is_clean(E1));
        assert_eq!(plan(&mut commits, at(100)).1, [(E1, 10)]);
    }
}
