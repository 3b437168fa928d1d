//! What the table of epochs promises: every order of events up to a depth, checked by a watcher that knows only the rules.

use super::*;
use crate::contract::TopicId;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

fn at(seconds: u64) -> MonoTime {
    MonoTime::from_millis(seconds * 1_000)
}

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new("orders".parse().expect("a topic"), number)
}

fn assignment(number: u32, epoch: u64) -> Assigned {
    Assigned::new(partition(number), Epoch(epoch), TopicId(1))
}

const fn revoking(seconds: u64) -> EpochEnd {
    EpochEnd::Revoking(Duration::from_secs(seconds))
}

const E1: Epoch = Epoch(1);
const E2: Epoch = Epoch(2);

fn start(epoch: Epoch) -> EpochAction {
    EpochAction::StartWorker { epoch, partition: partition(0) }
}

fn drain(epoch: Epoch, until: u64) -> [EpochAction; 2] {
    [EpochAction::DrainWorker { epoch, until: at(until) }, EpochAction::FlushCommits]
}

fn released(epoch: Epoch) -> [EpochAction; 2] {
    [EpochAction::Release { epoch }, EpochAction::Forget { epoch }]
}

fn lost(epoch: Epoch) -> [EpochAction; 2] {
    [EpochAction::StopWorker { epoch }, EpochAction::Forget { epoch }]
}

/// A table that owns partition 0 under epoch 1, its worker running.
fn owning() -> Epochs {
    let mut epochs = Epochs::new();
    assert_eq!(epochs.assigned(&assignment(0, 1)), [start(E1)]);
    epochs
}

#[test]
fn a_revoked_partition_is_released_after_its_worker_and_its_last_commit() {
    let mut epochs = owning();
    assert_eq!(epochs.ending(E1, revoking(30), at(10)), drain(E1, 40));
    assert_eq!(epochs.last_commit(E1), [], "what is clean while the worker runs is not its last commit");
    assert_eq!(epochs.worker_ended(E1), [EpochAction::FlushCommits]);
    assert_eq!(epochs.uncommitted().collect::<Vec<_>>(), [E1]);
    assert_eq!(epochs.tick(at(39)), []);
    assert_eq!(epochs.last_commit(E1), released(E1));
    assert!(epochs.is_empty());
}

#[test]
fn a_last_commit_is_waited_for_only_if_the_epoch_drains_and_its_worker_has_ended() {
    let waits = |epochs: &Epochs| epochs.uncommitted().collect::<Vec<_>>();
    let mut epochs = owning();
    assert_eq!(waits(&epochs), []);
    let mut ended = epochs.clone();
    ended.worker_ended(E1);
    assert_eq!(waits(&ended), [], "it is owned, and commits as it goes");
    epochs.ending(E1, revoking(30), at(10));
    assert_eq!(waits(&epochs), [], "its worker may settle more");
    epochs.worker_ended(E1);
    assert_eq!(waits(&epochs), [E1]);
}

#[test]
fn at_the_end_of_the_budget_it_is_released_without_its_commits_outcome() {
    let mut epochs = owning();
    epochs.ending(E1, revoking(30), at(10));
    epochs.worker_ended(E1);
    assert_eq!(epochs.due(), Some(at(40)));
    assert_eq!(epochs.tick(at(40)), released(E1));
    assert_eq!((epochs.due(), epochs.last_commit(E1)), (None, vec![]));
}

#[test]
fn a_worker_that_outlives_the_budget_is_stopped_and_its_successor_waits_for_it() {
    let mut epochs = owning();
    epochs.ending(E1, revoking(30), at(10));
    let [release, forget] = released(E1);
    assert_eq!(epochs.tick(at(40)), [EpochAction::StopWorker { epoch: E1 }, release, forget]);
    assert!(!epochs.is_open(E1));
    assert_eq!(epochs.assigned(&assignment(0, 2)), []);
    assert!(epochs.is_open(E2));
    assert_eq!(epochs.worker_ended(E1), [start(E2)]);
}

#[test]
fn a_lost_partition_is_dropped_at_once_and_comes_back_after_its_worker_ended() {
    let mut epochs = owning();
    assert_eq!(epochs.ending(E1, EpochEnd::Lost, at(0)), lost(E1));
    assert_eq!(epochs.assigned(&assignment(0, 2)), []);
    assert_eq!(epochs.assigned(&assignment(1, 3)).len(), 1, "another partition does not wait");
    assert_eq!(epochs.worker_ended(E1), [start(E2)]);
    assert_eq!(epochs.worker_ended(E1), []);
}

#[test]
fn a_partition_lost_while_it_is_revoked_commits_and_releases_nothing() {
    let mut epochs = owning();
    epochs.ending(E1, revoking(30), at(0));
    assert_eq!(epochs.ending(E1, EpochEnd::Lost, at(1)), lost(E1));
    assert_eq!(epochs.worker_ended(E1), []);
    assert_eq!((epochs.last_commit(E1), epochs.tick(at(99))), (vec![], vec![]));
    assert!(epochs.is_empty());
}

#[test]
fn a_second_revoke_can_only_shorten_the_budget() {
    let mut epochs = owning();
    epochs.ending(E1, revoking(30), at(0));
    assert_eq!(epochs.ending(E1, revoking(30), at(5)), []);
    assert_eq!(epochs.ending(E1, revoking(5), at(5)), drain(E1, 10));
    assert_eq!(epochs.due(), Some(at(10)));
}

#[test]
fn a_second_partition_is_revoked_while_the_first_drains() {
    let mut epochs = owning();
    epochs.assigned(&assignment(1, 2));
    epochs.ending(E1, revoking(30), at(0));
    assert_eq!(epochs.ending(E2, revoking(30), at(5)), drain(E2, 35));
    epochs.worker_ended(E2);
    assert_eq!(epochs.last_commit(E2), released(E2));
    assert!(epochs.is_open(E1));
}

#[test]
fn an_epoch_that_never_started_is_given_up_at_once() {
    for how in [revoking(30), EpochEnd::Lost] {
        let mut epochs = owning();
        epochs.ending(E1, EpochEnd::Lost, at(0));
        epochs.assigned(&assignment(0, 2));
        let actions = epochs.ending(E2, how, at(1));
        let forget = EpochAction::Forget { epoch: E2 };
        assert_eq!(actions, if how == EpochEnd::Lost { vec![forget] } else { released(E2).to_vec() });
        assert_eq!(epochs.worker_ended(E1), []);
    }
}

#[test]
fn a_partition_assigned_while_the_service_drains_is_released_unstarted() {
    let mut epochs = owning();
    assert_eq!(epochs.drain(at(20)), drain(E1, 20));
    assert_eq!(epochs.assigned(&assignment(1, 2)), released(E2));
    assert_eq!(epochs.ending(E2, revoking(30), at(1)), []);
    assert_eq!(epochs.drain(at(25)), [], "a later deadline changes nothing");
    assert_eq!(epochs.drain(at(5)), drain(E1, 5));
}

#[test]
fn a_restart_is_a_new_epoch_that_waits_for_the_old_worker() {
    let mut epochs = owning();
    // Nothing was said of the end of epoch 1: the new assignment says it.
    assert_eq!(epochs.assigned(&assignment(0, 2)), lost(E1));
    assert_eq!(epochs.ending(E1, EpochEnd::Lost, at(0)), []);
    assert_eq!(epochs.worker_ended(E1), [start(E2)]);
}

#[test]
fn an_epoch_number_that_does_not_rise_is_left_alone() {
    let mut epochs = owning();
    assert_eq!(epochs.assigned(&assignment(0, 1)), []);
    assert_eq!(epochs.assigned(&assignment(1, 0)), []);
    assert!(epochs.is_open(E1));
}

#[test]
fn a_worker_that_ended_unasked_keeps_its_partition_until_the_group_takes_it() {
    let mut epochs = owning();
    assert_eq!(epochs.worker_ended(E1), []);
    assert!(epochs.is_open(E1));
    assert_eq!(epochs.ending(E1, revoking(30), at(0)), [EpochAction::FlushCommits]);
    assert_eq!(epochs.last_commit(E1), released(E1));
}

/// What happens to the table. Numbers beyond those assigned are unknown epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
    Assign(u32),
    Revoke(u64),
    Lose(u64),
    WorkerEnds(u64),
    LastCommit(u64),
    Pass(u64),
    Drain,
}

/// Knows the rules and nothing of how the table works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Watcher {
    /// Each epoch's partition.
    assigned: BTreeMap<Epoch, u32>,
    /// Live workers by partition.
    live: BTreeMap<u32, Epoch>,
    started: BTreeSet<Epoch>,
    told: BTreeSet<Epoch>,
    worker_done: BTreeSet<Epoch>,
    ended: BTreeSet<Epoch>,
    released: BTreeSet<Epoch>,
    /// The end of the budget, once one was told.
    budget: BTreeMap<Epoch, MonoTime>,
    lost: BTreeSet<Epoch>,
    committed: BTreeSet<Epoch>,
    closing: bool,
    now: u64,
}

impl Watcher {
    fn act(&mut self, action: &EpochAction) {
        match action {
            EpochAction::StartWorker { epoch, partition } => {
                assert_eq!(self.assigned[epoch], partition.partition);
                assert!(self.live.insert(partition.partition, *epoch).is_none(), "two live workers (I17)");
                assert!(self.started.insert(*epoch), "started twice");
                assert!(!self.ended.contains(epoch) && !self.closing);
            }
            EpochAction::DrainWorker { epoch, until } => {
                assert!(self.is_live(*epoch) && !self.ended.contains(epoch));
                assert_eq!(self.budget.get(epoch), Some(until), "drains to the end of its budget");
            }
            EpochAction::StopWorker { epoch } => {
                assert!(self.is_live(*epoch) && self.told.insert(*epoch), "stopped once, while it lives");
            }
            EpochAction::FlushCommits => {}
            EpochAction::Release { epoch } => {
                assert!(self.released.insert(*epoch) && !self.ended.contains(epoch) && !self.lost.contains(epoch));
                assert!(!self.is_live(*epoch) || self.told.contains(epoch), "released under a worker that goes on");
                let in_time = self.budget.get(epoch).is_none_or(|until| at(self.now) < *until);
                let clean = !self.started.contains(epoch) || self.committed.contains(epoch);
                assert!(clean || !in_time, "released before its last commit's outcome (I21)");
            }
            EpochAction::Forget { epoch } => {
                assert!(self.ended.insert(*epoch), "an epoch ends once");
                assert!(!self.is_live(*epoch) || self.told.contains(epoch), "forgotten under a worker that goes on");
                let replaced = self.assigned.iter().any(|(e, p)| e > epoch && *p == self.assigned[epoch]);
                assert!(self.released.contains(epoch) || self.lost.contains(epoch) || replaced);
            }
        }
    }

    fn is_live(&self, epoch: Epoch) -> bool {
        self.live.values().any(|live| *live == epoch)
    }

    fn shorten(&mut self, epoch: Epoch, until: MonoTime) {
        let before = self.budget.get(&epoch).copied().unwrap_or(until);
        self.budget.insert(epoch, before.min(until));
    }

    /// What must hold after each event.
    fn rules_hold(&self, epochs: &Epochs) {
        for (epoch, partition) in &self.assigned {
            let ended = self.ended.contains(epoch);
            assert_eq!(epochs.is_open(*epoch), !ended);
            let replaced = self.assigned.iter().any(|(e, p)| e > epoch && p == partition);
            let over = self.lost.contains(epoch) || replaced || self.budget.get(epoch).is_some_and(|b| *b <= at(self.now));
            // Time is noticed by ticks, and every Pass ticks.
            assert!(ended || !over, "{epoch} should have ended");
            let busy = self.live.contains_key(partition);
            assert!(ended || busy || self.started.contains(epoch), "{epoch} waits for nobody (I10)");
        }
        assert_eq!(epochs.is_empty(), self.live.is_empty() && self.ended.len() == self.assigned.len());
    }

    fn step(&mut self, epochs: &mut Epochs, event: Event) {
        let now = at(self.now);
        let actions = match event {
            Event::Assign(number) => {
                let epoch = self.assigned.len() as u64 + 1;
                self.assigned.insert(Epoch(epoch), number);
                epochs.assigned(&assignment(number, epoch))
            }
            Event::Revoke(epoch) => {
                if epochs.is_open(Epoch(epoch)) {
                    self.shorten(Epoch(epoch), now.after(Duration::from_secs(4)));
                }
                epochs.ending(Epoch(epoch), revoking(4), now)
            }
            Event::Lose(epoch) => {
                if epochs.is_open(Epoch(epoch)) {
                    self.lost.insert(Epoch(epoch));
                }
                epochs.ending(Epoch(epoch), EpochEnd::Lost, now)
            }
            Event::WorkerEnds(epoch) => {
                if self.is_live(Epoch(epoch)) {
                    self.live.retain(|_, live| *live != Epoch(epoch));
                    self.worker_done.insert(Epoch(epoch));
                }
                epochs.worker_ended(Epoch(epoch))
            }
            Event::LastCommit(epoch) => {
                if self.worker_done.contains(&Epoch(epoch)) {
                    self.committed.insert(Epoch(epoch));
                }
                epochs.last_commit(Epoch(epoch))
            }
            Event::Pass(seconds) => {
                self.now += seconds;
                epochs.tick(at(self.now))
            }
            Event::Drain => {
                self.closing = true;
                for epoch in self.assigned.keys().copied().filter(|epoch| !self.ended.contains(epoch)).collect::<Vec<_>>() {
                    self.shorten(epoch, at(self.now + 6));
                }
                epochs.drain(at(self.now + 6))
            }
        };
        actions.iter().for_each(|action| self.act(action));
        self.rules_hold(epochs);
    }
}

fn walk(epochs: &Epochs, watcher: &Watcher, depth: usize, events: &[Event], seen: &mut HashSet<(Epochs, Watcher, usize)>) {
    if depth == 0 || !seen.insert((epochs.clone(), watcher.clone(), depth)) {
        return;
    }
    for event in events {
        if matches!(event, Event::Assign(_)) && watcher.assigned.len() == 2 {
            continue;
        }
        let (mut epochs, mut watcher) = (epochs.clone(), watcher.clone());
        watcher.step(&mut epochs, *event);
        walk(&epochs, &watcher, depth - 1, events, seen);
    }
}

#[test]
fn every_order_of_nine_events_on_one_partition_and_two_epochs_keeps_the_rules() {
    use Event::{Assign, Drain, LastCommit, Lose, Pass, Revoke, WorkerEnds};
    let mut events = vec![Assign(0), Drain, Pass(2), Pass(4)];
    for epoch in 1..=2 {
        events.extend([Revoke(epoch), Lose(epoch), WorkerEnds(epoch), LastCommit(epoch)]);
    }
    let mut seen = HashSet::new();
    walk(&Epochs::new(), &Watcher::default(), 9, &events, &mut seen);
    assert!(seen.len() > 10_000, "{} states", seen.len());
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3u32).prop_map(Event::Assign),
        3 => (1..30u64).prop_map(Event::Revoke),
        2 => (1..30u64).prop_map(Event::Lose),
        5 => (1..30u64).prop_map(Event::WorkerEnds),
        4 => (1..30u64).prop_map(Event::LastCommit),
        3 => (0..6u64).prop_map(Event::Pass),
        1 => prop::bool::weighted(0.1).prop_map(|drain| if drain { Event::Drain } else { Event::Pass(1) }),
    ]
}

proptest! {
    #[test]
    fn long_histories_of_three_partitions_keep_the_rules_and_end_when_the_service_does(
        events in prop::collection::vec(event(), 1..80),
    ) {
        let (mut epochs, mut watcher) = (Epochs::new(), Watcher::default());
        events.into_iter().for_each(|event| watcher.step(&mut epochs, event));
        watcher.step(&mut epochs, Event::Drain);
        watcher.step(&mut epochs, Event::Pass(6));
        for live in watcher.live.clone().into_values() {
            watcher.step(&mut epochs, Event::WorkerEnds(live.0));
        }
        prop_assert!(epochs.is_empty());
    }
}
