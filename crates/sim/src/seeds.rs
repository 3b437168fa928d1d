//! Owns running many seeds, a thread a core: each run is a world of its own, so they share nothing.

use crate::{Arguments, workloads};
use indicatif::{ProgressBar, ProgressStyle};
use millstream_testkit::sim::{Mode, Report, Simulation};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Of so many seeds one is run twice, to see that it repeats exactly (I14).
const AGAIN: u64 = 10;

/// Runs what was asked for; answers whether all of it was clean.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let workloads = workloads::named(arguments.workload.as_deref())?;
    if let Some(seed) = arguments.replay {
        let mut clean = true;
        for (name, make) in workloads {
            for mode in arguments.mode.all() {
                let report = make().run(seed, *mode);
                println!("{}", report.history.time_line(usize::MAX));
                println!("faults:\n{}", report.schedule);
                println!("{name}, {report}");
                clean &= report.is_clean();
            }
        }
        return Ok(clean);
    }
    let mut clean = true;
    let runs = u32::try_from(workloads.len() * arguments.mode.all().len()).unwrap_or(u32::MAX);
    let within = arguments.within.map(|within| Duration::from_secs(within) / runs.max(1));
    for (name, make) in workloads {
        for mode in arguments.mode.all() {
            clean &= run_all(name, &make(), *mode, arguments, within);
        }
    }
    Ok(clean)
}

fn jobs(arguments: &Arguments) -> usize {
    arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn run_all(name: &str, simulation: &Simulation, mode: Mode, arguments: &Arguments, within: Option<Duration>) -> bool {
    let word = format!("{mode:?}").to_lowercase();
    let bar = ProgressBar::new(arguments.seeds);
    let style = ProgressStyle::with_template("{prefix:<22} {bar:32} {pos}/{len} seeds, {per_sec}, {eta} left {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(format!("{name}, {word}"));
    let began = Instant::now();
    let next = AtomicU64::new(arguments.from);
    let ran = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let failed: Mutex<Option<Report>> = Mutex::new(None);
    let (virtual_time, events) = (AtomicU64::new(0), AtomicU64::new(0));
    let jobs = jobs(arguments);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= arguments.from.saturating_add(arguments.seeds) {
                        break;
                    }
                    if within.is_some_and(|within| began.elapsed() > within) {
                        break;
                    }
                    let mut report = simulation.run(seed, mode);
                    if report.is_clean() && seed.is_multiple_of(AGAIN) {
                        report = simulation.repeated(&report);
                    }
                    ran.fetch_add(1, Ordering::Relaxed);
                    virtual_time.fetch_add(u64::try_from(report.took.as_millis()).unwrap_or(0), Ordering::Relaxed);
                    events.fetch_add(report.history.events().len() as u64, Ordering::Relaxed);
                    bar.inc(1);
                    if !report.is_clean() {
                        stop.store(true, Ordering::Relaxed);
                        let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        if failed.as_ref().is_none_or(|known| known.seed > seed) {
                            *failed = Some(report);
                        }
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let (ran, took) = (ran.into_inner(), began.elapsed().as_secs_f64());
    let failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let rate = ran as f64 / took.max(0.001);
    let faster = virtual_time.into_inner() as f64 / 1_000.0 / took.max(0.001);
    println!(
        "{name}, {word}: {ran} seeds from {} on, {} violations, {rate:.0} seeds a second with {jobs} jobs, {:.0} events a seed, {faster:.0} × real time",
        arguments.from,
        u64::from(failed.is_some()),
        events.into_inner() as f64 / ran.max(1) as f64,
    );
    let Some(failed) = failed else { return true };
    println!("\n{}", simulation.reduced(&failed));
    println!("cargo xtask sim --workload {name} --mode {word} --replay {}", failed.seed);
    false
}
