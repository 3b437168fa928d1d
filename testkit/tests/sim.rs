//! The simulator over the framework's own workload.

use millstream_testkit::sim::{Mode, workload};

#[test]
fn seeds_are_clean_and_repeat_exactly() {
    workload::orders().check(0..4);
}

#[test]
fn one() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let count: u64 = std::env::var("COUNT").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let sim = workload::orders();
    let began = std::time::Instant::now();
    for seed in seed..seed + count {
        for mode in [Mode::Safety, Mode::Liveness] {
            let report = sim.run(seed, mode);
            if std::env::var("SHOW").is_ok() { println!("{}", report.history.time_line(100_000)); println!("{}", report.schedule); }
            if !report.is_clean() {
                println!("{}", if std::env::var("REDUCE").is_ok() { sim.reduced(&report) } else { report });
                return;
            }
        }
    }
    println!("{} seeds in {:?}", count, began.elapsed());
}
