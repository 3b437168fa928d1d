//! Worlds in which the simulator was mistaken once: it took for wrong what is not, or for the end what was none.

use millstream_testkit::sim::{Effect, Fault, Mode, Report, Request, Rule, Schedule, Simulation, workload};
use std::time::Duration;

fn at(millis: u64, fault: Fault) -> (Duration, Fault) {
    (Duration::from_millis(millis), fault)
}

/// Those of the seeds' reports that are not clean under these faults.
fn unclean(simulation: &Simulation, faults: &[(Duration, Fault)]) -> Vec<Report> {
    let reports = (0..150).map(|seed| simulation.run_with(seed, Mode::Safety, Schedule(faults.to_vec())));
    reports.filter(|report| !report.is_clean()).collect()
}

#[test]
fn a_member_that_is_told_a_second_time_to_stop_may_leave_without_the_outcome_of_its_last_commit() {
    let restart = |member| Fault::Restart { member, down: Duration::from_millis(300), twice: false };
    let lost = || Fault::Rule(Rule::new(0, Request::Commit, 1, Effect::RequestLost));
    // As the first word comes, one of its partitions is wanted by who has come back, and its last commit is lost.
    let faults = [at(9_500, restart(1)), at(10_400, lost()), at(10_400, lost()), at(10_400, restart(0)), at(10_800, restart(0))];
    let unclean = unclean(&workload::positions(), &faults);
    assert!(unclean.is_empty(), "{} of them: {}", unclean.len(), unclean[0]);
}

#[test]
fn a_record_that_was_read_before_it_was_deleted_may_be_known_by_its_id() {
    let replay = Fault::Replay { records: 20 };
    let faults = [10_000, 15_000, 20_000, 25_000].map(|millis| {
        [at(millis, replay.clone()), at(millis + 700, Fault::RecordsDeleted), at(millis + 1_400, Fault::RecordsDeleted)]
    });
    let unclean = unclean(&workload::retention(), faults.as_flattened());
    assert!(unclean.is_empty(), "{} of them: {}", unclean.len(), unclean[0]);
}

#[test]
fn a_run_is_not_over_while_a_group_whose_members_were_all_taken_out_has_something_left() {
    // Their coordinator hangs for longer than a session, and a late request makes it notice just before faults stop.
    let report = workload::positions().replay("3672:liveness");
    assert!(report.is_clean(), "{report}");
}
