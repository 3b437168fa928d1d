//! Owns mutation testing: each mutant of the engine and of the settlement path goes through the tests that should notice it, and
//! whoever survives them all stands in a list, with the reason why nobody can notice. Leaves the files to `.cargo/mutants.toml`.
//!
//! All mutants are in one build, asleep, and a test program is told which of them is awake. So each costs the seconds that its
//! tests take, and may go through as many as there are.
//!
//! | file | noun |
//! | --- | --- |
//! | `list` | the mutants, as cargo-mutants lists them |
//! | `weave` | a source with all of its mutants in it |
//! | `loom` | the build of all of them, and of those that do not compile so |
//! | `tree` | the copy of the repository in which they are built |
//! | `stage` | which tests a mutant goes through, fastest first |
//! | `trial` | one mutant's run through a test program |
//! | `listed` | the list of survivors, and how the found ones compare |
//! | `table` | a file's row |

mod list;
mod listed;
mod loom;
mod stage;
mod table;
mod tree;
mod trial;
mod weave;

use list::{Fate, Mutant};
use listed::Listed;
use loom::Loom;
use stage::Stage;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use table::Row;
use trial::Trials;
use weave::Number;

#[derive(clap::Args)]
#[command(
    long_about = "Each mutant of the engine and of the settlement path: caught by a test, or listed with the reason why none can\n\n\
    All mutants that cargo-mutants lists are built at once, each asleep until a test program is told to wake it; then each goes \
    through the tests: the file's own, those of whole services, the model and the simulator with fixed seeds. What survives all \
    of them and is not in crates/xtask/mutants.toml fails the chore, and so does what is listed there and caught.\n\n\
    One build, of minutes; then seconds for each mutant: all of them take a few hours, `--file` some minutes."
)]
pub(crate) struct Arguments {
    /// The mutants of these files only, each the end of a path: `ledger.rs`, `worker/tail.rs`
    #[arg(long, value_delimiter = ',')]
    file: Vec<String>,

    /// One part of each file's mutants only, of n: `0/n` and up
    #[arg(long, value_name = "K/N", value_parser = part)]
    shard: Option<(usize, usize)>,

    /// The tests of these programs only, which are then all that is built: `settlement`, `sim`, `millstream_core`
    #[arg(long, value_delimiter = ',')]
    tests: Vec<String>,

    /// How many mutants are tried at a time; as many as the machine has threads if not said
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
}

/// Runs the mutants, file by file.
///
/// # Errors
/// If one survives that is not listed, or one is listed that is caught or does not exist.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    list::version()?;
    let listed = Listed::read()?;
    let mut files = list::all()?;
    files.retain(|file, _| arguments.file.is_empty() || arguments.file.iter().any(|end| file.ends_with(end.as_str())));
    if files.is_empty() {
        return Err("no mutant is in such a file; `.cargo/mutants.toml` says which files there are".to_owned());
    }
    let stages = |file: &String| {
        let asked = |stage: &Stage| arguments.tests.is_empty() || arguments.tests.iter().any(|name| name == stage.program);
        stage::all(file).into_iter().filter(asked).collect::<Vec<_>>()
    };
    let all: Vec<Stage> = files.keys().flat_map(stages).collect();
    if all.is_empty() {
        return Err("no tests of this name are tried".to_owned());
    }
    let (loom, programs) = Loom::new(&files, stage::targets(&all))?;
    let trials = Trials::new(programs, &all)?;
    let (mut rows, mut complaints) = (Vec::new(), Vec::new());
    let mut alone = BTreeMap::new();
    for (file, mutants) in &files {
        println!("\n── {file} ──");
        let start = Instant::now();
        let here = loom.all().filter(|(_, mutant, _)| mutant.file == *file).enumerate();
        let here = here.filter(|(index, _)| arguments.shard.is_none_or(|(part, parts)| index % parts == part));
        let (woven, others): (Vec<_>, Vec<_>) = here.map(|(_, one)| one).partition(|(_, _, built)| *built);
        let found = in_one_build(&trials, &stages(file), &woven, arguments.jobs)?;
        alone.insert(file, (mutants, others, found, start.elapsed()));
    }
    // Each of these is a build of its own, and changes the tree.
    for (file, (mutants, others, mut found, took)) in alone {
        let start = Instant::now();
        for (_, mutant, _) in others {
            let programs = if mutant.cannot_compile() { None } else { loom.alone(mutant)? };
            let fate = match programs {
                Some(programs) => trials.with(programs).all(&stages(file), 0)?,
                None => (Fate::Unviable, 0),
            };
            say(mutant, &fate.0);
            found.push((mutant.clone(), fate.0, fate.1));
        }
        complaints.extend(listed.compare(file, &found, mutants));
        rows.push(Row::new(file, &found, |mutant| listed.has(mutant), took + start.elapsed()));
    }
    println!("\n{}", table::draw(&rows));
    if complaints.is_empty() {
        println!("mutants: all caught or listed");
        return Ok(());
    }
    Err(format!("{}\n\nmutants: FAILED for {} of them", complaints.join("\n"), complaints.len()))
}

/// What became of each of these mutants, and in which stage.
fn in_one_build(
    trials: &Trials,
    stages: &[Stage],
    mutants: &[(Number, &Mutant, bool)],
    jobs: Option<NonZero<usize>>,
) -> Result<Vec<(Mutant, Fate, usize)>, String> {
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let left = Mutex::new(mutants.iter().collect::<VecDeque<_>>());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut found = Vec::new();
        while let Some(&(number, mutant, _)) = next() {
            let (fate, stage) = trials.all(stages, number)?;
            say(mutant, &fate);
            found.push((mutant.clone(), fate, stage));
        }
        Ok(found)
    };
    let parts: Vec<Result<Vec<_>, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("a worker panicked".to_owned()))).collect()
    });
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

/// At once: a run of all files takes hours, and may be cut short.
fn say(mutant: &Mutant, fate: &Fate) {
    match fate {
        Fate::Caught(by) => println!("caught    {}  by {by}", mutant.name),
        Fate::TimedOut(program) => println!("timed out {}  in {program}", mutant.name),
        Fate::Unviable => println!("unviable  {}", mutant.name),
        Fate::Missed => println!("SURVIVES  {}", mutant.name),
    }
}

/// Reads `k/n`.
fn part(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    parts.filter(|(part, parts)| part < parts).ok_or_else(|| "two numbers, as in `0/8`, the first the smaller one".to_owned())
}
