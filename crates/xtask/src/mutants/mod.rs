//! Owns mutation testing: each mutant of the engine and of the settlement path goes through the tests that should notice it, and
//! whoever survives them all stands in a list, with the reason why nobody can notice. Leaves the files to `.cargo/mutants.toml`.
//!
//! | file | noun |
//! | --- | --- |
//! | `stage` | which tests a mutant goes through, fastest first |
//! | `tree` | the copies of the repository in which mutants are built |
//! | `lab` | one run of cargo-mutants, and what became of each mutant |
//! | `listed` | the list of survivors, and how the found ones compare |
//! | `table` | a file's row |

mod lab;
mod listed;
mod stage;
mod table;
mod tree;

use crate::step::{human, root};
use lab::{Fate, Mutant};
use listed::Listed;
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;
use table::Row;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The mutants of these files only, each the end of a path: `ledger.rs`, `worker/tail.rs`
    #[arg(long, value_delimiter = ',')]
    file: Vec<String>,

    /// One part of each file's mutants only, of n: `0/n` and up
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

/// Runs the mutants, file by file.
///
/// # Errors
/// If one survives that is not listed, or one is listed that is caught or does not exist.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    lab::version()?;
    let listed = Listed::read()?;
    let chosen = |file: &String| arguments.file.is_empty() || arguments.file.iter().any(|end| file.ends_with(end.as_str()));
    let mut files = lab::list()?;
    files.retain(|file, _| chosen(file));
    if files.is_empty() {
        return Err("no mutant is in such a file; `.cargo/mutants.toml` says which files there are".to_owned());
    }
    let (mut rows, mut complaints) = (Vec::new(), Vec::new());
    for (file, mutants) in &files {
        println!("\n── {file} ──");
        let start = Instant::now();
        let found = through_all_stages(file, arguments.shard.as_deref())?;
        complaints.extend(listed.compare(file, &found, mutants));
        let row = Row::new(file, &found, |mutant| listed.has(mutant), start.elapsed());
        // At once too: a run of all files takes hours, and may be cut short.
        print!("{}{}", table::head(), row);
        rows.push(row);
    }
    println!("\n{}", table::draw(&rows));
    if complaints.is_empty() {
        println!("mutants: all caught or listed");
        return Ok(());
    }
    Err(format!("{}\n\nmutants: FAILED for {} of them", complaints.join("\n"), complaints.len()))
}

/// What became of each mutant of a file, and in which stage: whoever survives one goes on to the next.
fn through_all_stages(file: &str, shard: Option<&str>) -> Result<Vec<(Mutant, Fate, usize)>, String> {
    let mut found: BTreeMap<String, (Mutant, Fate, usize)> = BTreeMap::new();
    let mut survivors = None;
    let source = fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))?;
    for (number, stage) in stage::all(file, source.contains("#[cfg(test)]")).iter().enumerate() {
        let start = Instant::now();
        let ran = lab::run(stage, number, file, shard, survivors.as_deref())?;
        let left: Vec<String> =
            ran.iter().filter(|(_, fate)| *fate == Fate::Missed).map(|(mutant, _)| mutant.name.clone()).collect();
        println!("{}: {} of {} survive, in {}", stage.name, left.len(), ran.len(), human(start.elapsed()));
        found.extend(ran.into_iter().map(|(mutant, fate)| (mutant.name.clone(), (mutant, fate, number))));
        if left.is_empty() {
            break;
        }
        survivors = Some(left);
    }
    Ok(found.into_values().collect())
}
