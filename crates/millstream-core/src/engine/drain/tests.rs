//! What a drain promises.

use super::*;
use proptest::prelude::*;

const PHASES: [Phase; 4] = [Phase::Handlers, Phase::Outputs, Phase::Marks, Phase::Leave];

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

fn drain() -> Drain {
    Drain::begin(at(1_000), Duration::from_secs(10))
}

#[test]
fn time_is_shared_out_sixty_twenty_fifteen_five() {
    assert_eq!(PHASES.map(|phase| drain().deadline_of(phase)), [at(7_000), at(9_000), at(10_500), at(11_000)]);
    assert_eq!(drain().deadline(), at(11_000));
}

#[test]
fn a_phase_that_runs_out_of_time_gives_way_to_the_next() {
    let phases = [1_000, 6_999, 7_000, 8_999, 9_000, 10_500, 10_999, 11_000].map(|millis| drain().phase(at(millis)));
    use Phase::{Handlers, Leave, Marks, Outputs, Over};
    assert_eq!(phases, [Handlers, Handlers, Outputs, Outputs, Marks, Leave, Leave, Over]);
}

#[test]
fn what_a_phase_does_not_use_is_its_successors() {
    let mut drain = drain();
    assert_eq!(drain.finished(Phase::Handlers, at(1_100)), Phase::Outputs);
    assert_eq!(drain.phase(at(8_999)), Phase::Outputs);
    assert_eq!(drain.finished(Phase::Outputs, at(1_200)), Phase::Marks);
    assert_eq!(drain.phase(at(10_499)), Phase::Marks);
    assert_eq!(drain.finished(Phase::Marks, at(1_300)), Phase::Leave);
    assert_eq!(drain.finished(Phase::Leave, at(1_400)), Phase::Over);
}

#[test]
fn a_second_signal_leaves_within_a_second_and_commits_before() {
    let mut drain = drain();
    drain.abandon(at(2_000));
    assert_eq!(drain.phase(at(2_000)), Phase::Marks);
    assert_eq!((drain.deadline_of(Phase::Marks), drain.deadline()), (at(2_950), at(3_000)));
    drain.abandon(at(2_900));
    assert_eq!(drain.deadline(), at(3_000), "a third signal changes nothing");
}

#[test]
fn a_second_signal_never_makes_it_later() {
    let mut late = drain();
    late.abandon(at(10_490));
    assert_eq!((late.phase(at(10_490)), late.deadline()), (Phase::Marks, at(11_000)));
    let mut leaving = drain();
    leaving.finished(Phase::Marks, at(2_000));
    leaving.abandon(at(2_100));
    assert_eq!(leaving.phase(at(2_100)), Phase::Leave);
    assert!(leaving.deadline() <= at(3_100));
}

proptest! {
    #[test]
    fn phases_never_go_back_and_all_is_over_at_the_deadline(
        within in 0..20_000u64, steps in prop::collection::vec((0..6usize, 0..5_000u64), 0..20),
    ) {
        let mut drain = Drain::begin(at(0), Duration::from_millis(within));
        let (mut now, mut phase, mut deadline) = (0, Phase::Handlers, drain.deadline());
        for (what, pass) in steps {
            match what {
                0..4 => drop(drain.finished(PHASES[what], at(now))),
                4 => drain.abandon(at(now)),
                _ => {}
            }
            now += pass;
            prop_assert!(drain.phase(at(now)) >= phase);
            prop_assert!(drain.deadline() <= deadline);
            prop_assert!(PHASES.map(|phase| drain.deadline_of(phase)).is_sorted());
            (phase, deadline) = (drain.phase(at(now)), drain.deadline());
        }
        prop_assert_eq!(drain.phase(deadline), Phase::Over);
        prop_assert!(deadline <= at(within));
    }
}
