//! What looks wrong in the simulator and is not: worlds in which its checks were mistaken once. Leaves what is wrong to `sim`.

use millstream_testkit::sim::{Fault, Mode, Report, Schedule, Simulation, workload};
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
    // The first word finds a topic that is gone, whose commits nobody takes, and what is to be shared out with who comes back.
    let faults = [
        at(9_500, restart(1)),
        at(10_000, Fault::TopicRecreated),
        at(10_100, restart(0)),
        at(11_300, restart(0)),
        at(20_000, Fault::TopicRecreated),
        at(20_100, restart(0)),
        at(21_300, restart(0)),
    ];
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
