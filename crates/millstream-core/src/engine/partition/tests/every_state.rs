//! Every state that three or four records can reach, in every order of what can happen to them.

use super::world::{Ending, LONG, Plan, Record, SHORT, Step, World};
use super::*;
use std::collections::HashSet;

/// All states from this one on. In each the rules were found to hold; from each the end is reached.
fn walk(plan: &Plan) -> usize {
    let first = World::new(plan);
    let (mut seen, mut todo) = (HashSet::from([first.clone()]), vec![first]);
    let transient = |(entropy, _)| Ending::Fails(Failure::Transient, entropy);
    let fails = [transient(SHORT), transient(LONG), Ending::Fails(Failure::Permanent, 0)];
    let others = [Ending::Parks, Ending::Succeeds, Ending::Condemned, Ending::PutBack, Ending::Defers(LONG.1)];
    let endings: Vec<Ending> = others.into_iter().chain(fails).collect();
    while let Some(world) = todo.pop() {
        let mut steps = world.steps(&endings);
        if world.may_arrive(plan) {
            steps.extend(endings.iter().filter(|ending| **ending != Ending::PutBack).map(|ending| Step::Arrive(*ending)));
        }
        if !world.is_draining() {
            steps.push(Step::Drain);
        }
        for step in steps {
            let mut next = world.clone();
            next.step(plan, step);
            if !seen.contains(&next) {
                seen.insert(next.clone());
                todo.push(next);
            }
        }
        world.heal(plan);
    }
    seen.len()
}

fn plan(lanes: LanePolicy, followers: Followers, records: &[(Offset, Option<u64>, u128)]) -> Plan {
    let records = records.iter().map(|&(offset, key, id)| Record { offset, key, id }).collect();
    let mut policy = PartitionPolicy::new(true);
    (policy.lanes, policy.followers, policy.retry) = (lanes, followers, retries(2));
    Plan { records, policy }
}

/// The sum over both kinds of followers.
fn states(lanes: LanePolicy, records: &[(Offset, Option<u64>, u128)]) -> usize {
    [Followers::Continue, Followers::Park].map(|followers| walk(&plan(lanes, followers, records))).iter().sum()
}

const X: Option<u64> = Some(1);
const Y: Option<u64> = Some(2);

/// Which of three records are twins.
const PAIRS: [[u128; 3]; 3] = [[1, 1, 2], [1, 2, 1], [1, 2, 2]];

#[test]
fn three_records_two_of_them_twins_keep_the_rules_whatever_their_keys() {
    let keys = [[X, X, X], [X, X, Y], [X, Y, X], [X, Y, Y], [None, X, X], [X, None, X]];
    let all = keys.iter().flat_map(|keys| PAIRS.map(|ids| (keys, ids)));
    let count: usize = all.map(|([a, b, c], [p, q, r])| states(LanePolicy::ByKey, &[(7, *a, p), (8, *b, q), (10, *c, r)])).sum();
    assert!(count > 46_500, "{count} states");
}

#[test]
fn three_records_keep_the_rules_in_one_lane_and_in_none() {
    let all = [LanePolicy::ByPartition, LanePolicy::Unordered].into_iter().flat_map(|lanes| PAIRS.map(|ids| (lanes, ids)));
    let count: usize = all.map(|(lanes, [p, q, r])| states(lanes, &[(7, X, p), (8, Y, q), (10, X, r)])).sum();
    assert!(count > 12_900, "{count} states");
}

#[test]
fn four_records_keep_the_rules_though_twins_are_behind_each_others_keys() {
    let count = states(LanePolicy::ByKey, &[(7, X, 1), (8, Y, 2), (10, Y, 1), (11, X, 3)]);
    assert!(count > 24_000, "{count} states");
}

#[test]
fn four_records_three_of_one_id_keep_the_rules_under_every_policy() {
    let records = [(7, X, 1), (8, Y, 1), (10, X, 2), (11, Y, 1)];
    let count: usize =
        [LanePolicy::ByKey, LanePolicy::ByPartition, LanePolicy::Unordered].map(|lanes| states(lanes, &records)).iter().sum();
    assert!(count > 14_500, "{count} states");
}
