//! Owns the proof that the engine keeps its promises in every interleaving of the small worlds, and that the search finds
//! what it looks for, by a shortest way.

use millstream_testkit::model::{Model, Universe, Violation, World, explore, search, small};

/// A door with two locks: it opens when both are unlocked, and must not.
struct Door;

impl Model for Door {
    type State = (u8, bool, bool);
    type Action = &'static str;

    fn start(&self) -> Self::State {
        (0, false, false)
    }

    fn actions(&self, state: &Self::State, into: &mut Vec<Self::Action>) {
        if state.0 < 9 {
            into.extend(["walk", "first", "second"]);
        }
    }

    fn step(&self, &(steps, first, second): &Self::State, action: Self::Action) -> (Self::State, Vec<Violation>) {
        let after = match action {
            "first" => (steps + 1, !first, second),
            "second" => (steps + 1, first, !second),
            _ => (steps + 1, first, second),
        };
        let open = after.1 && after.2 && steps >= 3;
        (after, open.then(|| Violation::new("closed", "the door opens")).into_iter().collect())
    }

    fn at_rest(&self, _: &Self::State) -> Option<Violation> {
        None
    }

    fn is_fault(&self, _: Self::Action) -> bool {
        false
    }

    fn tell(&self, _: &Self::State, action: Self::Action, _: &Self::State) -> String {
        action.to_owned()
    }
}

#[test]
fn the_first_trace_found_is_a_shortest_one() {
    let found = search(&Door, 1_000).counterexample.expect("the door can be opened");
    assert_eq!((found.violation.promise, found.trace.len()), ("closed", 4), "{:?}", found.trace);
    assert!(["first", "second"].iter().all(|lock| found.trace.iter().filter(|step| *step == lock).count() == 1));
}

#[test]
fn a_search_that_was_cut_short_does_not_count_as_complete() {
    let cut = search(&Door, 5);
    assert_eq!((cut.states, cut.complete, cut.counterexample), (5, false, None));
}

#[test]
fn two_searches_of_a_world_see_the_same_states() {
    let crash = || small().into_iter().find(|world| world.name == "crash").expect("it is there");
    let (one, other) = (search(&Universe::new(crash()), 100_000), search(&Universe::new(crash()), 100_000));
    assert!(one.complete && one.states > 10_000);
    assert_eq!(one, other);
}

/// Explores the small world of this name to its end.
fn holds(name: &str) {
    let world: World = small().into_iter().find(|world| world.name == name).expect("a small world of this name");
    let report = explore(world, 500_000);
    assert!(report.is_good(), "{} after {} states\n{report}", report.explored.complete, report.explored.states);
}

macro_rules! every_state_of {
    ($($test:ident: $name:literal;)*) => {
        $(#[test] fn $test() { holds($name) })*

        #[test]
        fn every_small_world_is_explored() {
            let names: Vec<&str> = small().iter().map(|world| world.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

every_state_of! {
    all_promises_hold_while_nothing_goes_wrong: "calm";
    all_promises_hold_with_retries_and_dead_letters: "retries";
    all_promises_hold_with_outputs_that_are_refused: "outputs";
    all_promises_hold_with_twins: "twins";
    all_promises_hold_with_gaps_in_the_log: "gaps";
    all_promises_hold_with_a_record_that_cannot_be_decoded: "poison";
    all_promises_hold_with_a_record_that_kills_its_process: "killer";
    all_promises_hold_with_failures_under_care_after_a_crash: "care";
    all_promises_hold_where_followers_are_parked: "parking";
    all_promises_hold_through_a_crash: "crash";
    all_promises_hold_with_commits_of_unknown_outcome: "lost-reply";
    all_promises_hold_with_commits_in_company: "every-100-ms";
    all_promises_hold_without_a_deduplicator: "no-store";
    all_promises_hold_through_a_rebalance: "rebalance";
    all_promises_hold_through_two_rebalances: "two-rebalances";
    all_promises_hold_beside_a_zombie: "zombie";
    all_promises_hold_with_a_batch_that_comes_late: "late-batch";
    all_promises_hold_while_a_service_stops: "stop";
    all_promises_hold_through_a_rebalance_however_late_everything_is: "slow-rebalance";
    all_promises_hold_beside_a_zombie_however_late_everything_is: "slow-zombie";
}
