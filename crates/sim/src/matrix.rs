//! Owns the kill matrix: each planted bug against the seeds, until one catches it. Leaves where it is looked for to `aims`.
//!
//! A catch counts only if the same seed is clean without the bug, and, for one that another invariant catches than the one
//! named, if `aims` says why.

use crate::Arguments;
use crate::aims::{self, Aim};
use crate::workloads::{self, Workload};
use millstream_core::planted::{BUGS, Bug, choose};
use millstream_testkit::sim::{Mode, Report};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

const MODES: [Mode; 2] = [Mode::Safety, Mode::Liveness];

/// The number of a bug's name, as `B01`.
pub(crate) fn number(name: &str) -> Result<u8, String> {
    let known = |bug: &&Bug| format!("B{:02}", bug.number) == name;
    BUGS.iter().find(known).map(|bug| bug.number).ok_or_else(|| format!("there is no planted bug {name}"))
}

/// What of a run was wrong because of the bug.
struct Catch {
    seed: u64,
    workload: &'static str,
    mode: Mode,
    invariant: String,
    text: String,
    is_named: bool,
}

/// What came of the seeds of one bug.
#[derive(Default)]
struct Hunt {
    caught: Option<Catch>,
    /// Seeds that are not clean without the bug either, and count for nothing.
    unclean: BTreeSet<(&'static str, u64)>,
    ran: u64,
}

/// Runs all of them, or those that were named; answers whether each was caught within its bound.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let chosen = match &arguments.planted {
        Some(names) => names.split(',').map(number).collect::<Result<BTreeSet<u8>, String>>()?,
        None => BUGS.iter().map(|bug| bug.number).collect(),
    };
    println!(
        "Each bug alone, seed by seed from {} on, in both modes; a seed counts if it is clean without the bug.\n",
        arguments.from
    );
    println!(
        "| bug | what it does wrong | named | caught by | seeds | bound | where, and what it needs | what was seen | without it |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let began = Instant::now();
    let (mut caught, mut seeds, mut notes) = (0, 0, Vec::new());
    for bug in BUGS.iter().filter(|bug| chosen.contains(&bug.number)) {
        let aim = aims::of(bug.number).ok_or_else(|| format!("it is not said where B{:02} is looked for", bug.number))?;
        let workloads = match &arguments.workload {
            Some(name) => workloads::named(Some(name))?,
            None => aim.workloads.iter().map(|name| workloads::named(Some(name))).collect::<Result<Vec<_>, _>>()?.concat(),
        };
        let hunt = hunt(bug, &workloads, arguments.from);
        seeds += hunt.ran;
        caught += u32::from(hunt.is_good(aim));
        println!("{}", Row { bug, aim, hunt: &hunt });
        if let Some((by, why)) = hunt.caught.as_ref().filter(|caught| !caught.is_named).zip(aim.because) {
            notes.push(format!("- B{:02} by {} and not by {}: {why}", bug.number, by.invariant, bug.caught_by));
        }
    }
    choose(0);
    if !notes.is_empty() {
        println!("\nCaught by another invariant than the one named:\n\n{}", notes.join("\n"));
    }
    println!("\n{caught} of {} caught, {seeds} seeds in {:.0} s", chosen.len(), began.elapsed().as_secs_f64());
    Ok(caught as usize == chosen.len())
}

/// Looks for a seed in which the invariant named catches the bug; if there is none within the bound, the first in which any does.
fn hunt(bug: &Bug, workloads: &[Workload], from: u64) -> Hunt {
    let mut hunt = Hunt::default();
    for seed in from..from + u64::from(bug.seeds) {
        hunt.ran += 1;
        for (name, make) in workloads {
            for mode in MODES {
                choose(bug.number);
                let report = make().run(seed, mode);
                let Some((invariant, text, is_named)) = told(bug, &report) else { continue };
                if hunt.caught.is_some() && !is_named {
                    continue;
                }
                choose(0);
                if !make().run(seed, mode).is_clean() {
                    hunt.unclean.insert((name, seed));
                    continue;
                }
                hunt.caught = Some(Catch { seed: seed - from, workload: name, mode, invariant, text, is_named });
                if is_named {
                    return hunt;
                }
            }
        }
    }
    hunt
}

/// The violation by which a bug is caught in a run, and whether it is of the invariant that was named.
fn told(bug: &Bug, report: &Report) -> Option<(String, String, bool)> {
    let is_named = |invariant: &str| {
        let word = invariant.split(' ').next();
        bug.caught_by.split(['/', ' ']).any(|named| Some(named) == word)
    };
    let named = report.violations.iter().find(|violation| is_named(&violation.invariant));
    let violation = named.or(report.violations.first())?;
    let invariant = violation.invariant.split(' ').next().unwrap_or_default().to_owned();
    Some((invariant, violation.text.replace(['|', '\n'], "/"), named.is_some()))
}

impl Hunt {
    fn is_good(&self, aim: &Aim) -> bool {
        self.caught.as_ref().is_some_and(|caught| caught.is_named || aim.because.is_some())
    }
}

struct Row<'r> {
    bug: &'r Bug,
    aim: &'r Aim,
    hunt: &'r Hunt,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bug { number, what, caught_by, seeds, .. } = self.bug;
        write!(f, "| B{number:02} | {what} | {caught_by} | ")?;
        match &self.hunt.caught {
            None => write!(f, "**survived** | – | {seeds} | {}: {} | –", self.aim.workloads.join(", "), self.aim.needs)?,
            Some(caught) => {
                let by = match (caught.is_named, self.aim.because) {
                    (true, _) => caught.invariant.clone(),
                    (false, Some(_)) => format!("{} (see below)", caught.invariant),
                    (false, None) => format!("**{}**, and nothing says why", caught.invariant),
                };
                let mode = format!("{:?}", caught.mode).to_lowercase();
                let (at, needs) = (caught.seed + 1, self.aim.needs);
                write!(f, "{by} | {at} | {seeds} | {}, {mode}: {needs} | {}", caught.workload, caught.text)?;
            }
        }
        let unclean: Vec<String> = self.hunt.unclean.iter().map(|(name, seed)| format!("{name} {seed}")).collect();
        match unclean.is_empty() {
            true => write!(f, " | clean |"),
            false => write!(f, " | clean; not counted, as they are not: {} |", unclean.join(", ")),
        }
    }
}
