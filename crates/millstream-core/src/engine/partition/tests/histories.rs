//! Long histories of many records with many keys, few of them repeated.

use super::world::{Ending, LONG, Plan, Record, SHORT, Step, World};
use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

/// Records open at once: enough that several keys have followers.
const OPEN: usize = 24;

fn records() -> impl Strategy<Value = Vec<Record>> {
    let key = prop_oneof![1 => Just(None), 8 => (0..6u64).prop_map(Some)];
    let repeats = prop_oneof![4 => Just(0), 1 => 1..10usize];
    prop::collection::vec((1..4u64, key, repeats), 1..300).prop_map(|drawn| {
        let mut records: Vec<Record> = Vec::new();
        for (gap, key, back) in drawn {
            let offset = records.last().map_or(0, |last| last.offset) + gap;
            let before = records.len().checked_sub(back.max(1)).filter(|_| back > 0);
            let id = before.map_or(records.len() as u128, |at| records[at].id);
            records.push(Record { offset, key, id });
        }
        records
    })
}

fn policy() -> impl Strategy<Value = PartitionPolicy> {
    let lanes = prop_oneof![4 => Just(LanePolicy::ByKey), 1 => Just(LanePolicy::ByPartition), 1 => Just(LanePolicy::Unordered)];
    (lanes, any::<bool>(), 1..4u32, prop::bool::weighted(0.8)).prop_map(|(lanes, park, attempts, twins)| {
        let mut policy = PartitionPolicy::new(twins);
        (policy.lanes, policy.retry) = (lanes, retries(attempts));
        policy.followers = if park { Followers::Park } else { Followers::Continue };
        policy
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    let transient = prop_oneof![Just(Failure::Transient), Just(Failure::TimedOut)];
    let permanent = prop_oneof![Just(Failure::Permanent), Just(Failure::Panic)];
    let fails = prop_oneof![3 => transient, 1 => permanent];
    prop_oneof![
        6 => Just(Ending::Parks),
        4 => Just(Ending::Succeeds),
        3 => (fails, SHORT.0..=LONG.0).prop_map(|(failure, entropy)| Ending::Fails(failure, entropy)),
        1 => (0..4u64).prop_map(|millis| Ending::Defers(MonoTime::from_millis(millis))),
        1 => Just(Ending::Condemned),
        1 => Just(Ending::PutBack),
    ]
}

proptest! {
    #[test]
    fn a_long_history_agrees_with_the_model_and_leaves_nothing_behind(
        records in records(), policy in policy(), drains in prop::bool::weighted(0.3),
        choices in prop::collection::vec((0..5u8, ending(), any::<Index>()), 1..1_000),
    ) {
        let plan = Plan { records, policy };
        let mut world = World::new(&plan);
        for (what, ending, pick) in choices {
            if what < 2 && world.may_arrive(&plan) && world.in_flight() < OPEN {
                world.step(&plan, Step::Arrive(ending));
                continue;
            }
            // Running ones end well or as drawn; those whose turn it is start as drawn.
            let steps = world.steps(&[ending, Ending::Succeeds, Ending::Parks]);
            if !steps.is_empty() {
                world.step(&plan, steps[pick.index(steps.len())]);
            }
        }
        if drains {
            world.step(&plan, Step::Drain);
        }
        world.heal(&plan);
    }
}
