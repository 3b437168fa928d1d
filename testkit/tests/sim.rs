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
                if std::env::var("FULL").is_ok() { println!("{}", sim.reduced(&report).history.time_line(1_000_000)); }
                println!("{}", if std::env::var("REDUCE").is_ok() { sim.reduced(&report) } else { report });
                return;
            }
        }
    }
    println!("{} seeds in {:?}", count, began.elapsed());
}

#[test]
fn twice() {
    let sim = workload::orders();
    let mut differ = 0;
    for seed in 0..60 {
        let (a, b) = (sim.run(seed, Mode::Liveness), sim.run(seed, Mode::Liveness));
        if a.hash != b.hash {
            differ += 1;
            if differ == 1 {
                let at = a.history.events().iter().zip(b.history.events()).position(|(a, b)| a != b).unwrap_or(0);
                println!("seed {seed} differs at {at} of {}", a.history.events().len());
                for h in [&a, &b] { for e in &h.history.events()[at.saturating_sub(6)..(at + 4).min(h.history.events().len())] { println!("{:?} {:?} {}", e.at, e.member, e.what); } println!("--"); }
            }
        }
    }
    println!("{differ} of 60 differ");
}
