//! Owns the README's test command: what is run, in which order, and the closing line. Leaves the main job's report to
//! `report`, how tests are run to `suites`, and what they find running to `services`.

use crate::services::{self, Prepared};
use crate::step::{Step, human};
use crate::{marks, report, sim, suites};
use clap::ValueEnum;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run these parts only, for example while working on one of them
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,

    /// Start neither Kafka nor Redis: tests that need them are reported as ignored
    #[arg(long)]
    no_services: bool,
}

impl Arguments {
    fn names(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Format,
    Lints,
    Docs,
    Tests,
    Doctests,
    Simulation,
    Trading,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Format => "format",
            Part::Lints => "lints",
            Part::Docs => "docs",
            Part::Tests => "tests",
            Part::Doctests => "doctests",
            Part::Simulation => "simulation",
            Part::Trading => "trading",
        }
    }

    /// Whether it compiles the whole workspace with all features, C code too.
    fn compiles_all(self) -> bool {
        !matches!(self, Part::Format | Part::Simulation | Part::Trading)
    }

    fn run(self, services: &mut Option<Prepared>) -> Result<Duration, String> {
        match self {
            Part::Format => Step::cargo(&["fmt", "--all", "--check"]).run(),
            Part::Lints => {
                let all = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
                Step::cargo(&all).run()
            }
            Part::Docs => {
                let all = ["doc", "--workspace", "--all-features", "--no-deps"];
                Step::cargo(&all).env("RUSTDOCFLAGS", "-D warnings").run()
            }
            Part::Tests => suites::run(services.take()),
            Part::Doctests => Step::cargo(&["test", "--workspace", "--all-features", "--doc"]).run(),
            Part::Simulation => sim::of_this_commit(),
            Part::Trading => trading(),
        }
    }
}

/// Brings what the chosen parts take, before a compiler misses it; nothing is said where all is there.
fn install(arguments: &Arguments) -> Result<Option<Prepared>, String> {
    let wanted = arguments.names(Part::Tests) && !arguments.no_services;
    if Part::value_variants().iter().any(|part| arguments.names(*part) && part.compiles_all()) {
        services::install_for_build(wanted)?;
    }
    wanted.then(Prepared::new).transpose()
}

/// Runs all parts, or the chosen ones, up to the first that fails.
///
/// # Errors
/// If one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let start = Instant::now();
    let mut services = install(arguments).map_err(|why| format!("{why}\n\ntest: FAILED before it began"))?;
    let (mut done, mut skipped) = (Vec::new(), Vec::new());
    let mut parts = Part::value_variants().iter().copied();
    while let Some(part) = parts.next() {
        println!("\n── {} ──", part.name());
        if !arguments.names(part) {
            println!("skipped: --only does not name it");
            skipped.push(part.name());
            continue;
        }
        match part.run(&mut services) {
            Ok(took) => done.push(format!("{} {}", part.name(), human(took))),
            Err(why) => {
                let rest: Vec<_> = parts.map(Part::name).collect();
                let rest = if rest.is_empty() { String::new() } else { format!("; not run for that: {}", rest.join(", ")) };
                return Err(format!("{why}\n\ntest: FAILED at {} after {}{rest}", part.name(), human(start.elapsed())));
            }
        }
    }
    let skipped = if skipped.is_empty() { String::new() } else { format!("; skipped: {}", skipped.join(", ")) };
    println!("\ntest: green in {} ({}){skipped}", human(start.elapsed()), done.join(", "));
    Ok(())
}

/// The main job, undisturbed and with its portfolio manager stopped and crashing in the middle, and a look at its reports.
fn trading() -> Result<Duration, String> {
    let mut took = Duration::ZERO;
    for more in [&[][..], &["--restarts", "20"]] {
        let run = ["run", "--release", "--example", "trading", "--", "--report", "json"];
        let run = Step::cargo(&[&run[..], more].concat()).output()?;
        let summary = report::check(&report::parse(&run.stdout)?)?;
        println!("{summary}{}", more.join(" ").replace("--restarts", ", restarts:"));
        took += run.took;
    }
    marks::none_in("target/release/examples/trading")?;
    Ok(took)
}
