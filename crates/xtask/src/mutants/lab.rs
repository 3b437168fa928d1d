//! Owns cargo-mutants: that it is there, what it would mutate, and one run of it. Leaves which tests to `stage`, and the copy
//! in which it works to `tree`.

use super::stage::Stage;
use crate::step::{Step, root};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// One mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// As cargo-mutants shows it, with line and column: unique, until a line is added above it.
    pub(crate) name: String,
    /// Its file.
    pub(crate) file: String,
    /// What it changes, and in which function.
    pub(crate) change: String,
    /// The line where that begins, as it is written.
    pub(crate) line: String,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A test failed.
    Caught,
    /// The tests did not end.
    TimedOut,
    /// It does not compile.
    Unviable,
    /// All tests pass.
    Missed,
}

/// Where runs leave what they say, from the root.
const OUTPUT: &str = "target/mutation/out";

/// What is mutated, and how.
const CONFIG: &str = ".cargo/mutants.toml";

/// Who takes so many times longer than without a mutant does not end, which counts as caught; a machine with other work to do must
/// not look like that.
const TIMES_LONGER: u32 = 8;
const LEAST_LIMIT: Duration = Duration::from_secs(60);

/// Some were missed; some did not end: both are results, and not failures.
const RESULTS: [i32; 3] = [0, 2, 3];

/// Looks whether cargo-mutants is there.
///
/// # Errors
/// If not, and how to get it.
pub(crate) fn version() -> Result<String, String> {
    let found = Step::cargo(&["mutants", "--version"]).silent().map(|done| done.stdout.trim().to_owned());
    found.map_err(|why| format!("cargo-mutants is missing. Install it: `cargo install cargo-mutants --locked`\n\n{why}"))
}

/// All mutants there are, by file.
///
/// # Errors
/// If cargo-mutants fails, or says what it should not.
pub(crate) fn list() -> Result<BTreeMap<String, Vec<Mutant>>, String> {
    let said = Step::cargo(&["mutants", "--list", "--json", "--package", "millstream-core"]).output()?.stdout;
    let all: Vec<Value> = serde_json::from_str(&said).map_err(|error| format!("cargo-mutants lists no mutants: {error}"))?;
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for one in &all {
        let mutant = Mutant::read(one)?;
        files.entry(mutant.file.clone()).or_default().push(mutant);
    }
    Ok(files)
}

/// Runs a file's mutants through a stage, or only these.
///
/// # Errors
/// If the tests fail without a mutant, or cargo-mutants fails.
pub(crate) fn run(
    stage: &Stage,
    number: usize,
    file: &str,
    shard: Option<&str>,
    only: Option<&[String]>,
) -> Result<Vec<(Mutant, Fate)>, String> {
    stage.tree.freshen()?;
    let limit = LEAST_LIMIT.max(baseline(stage)? * TIMES_LONGER);
    let output = format!("{OUTPUT}/{}.{number}", file.replace('/', "-"));
    let kept = root().join(&output);
    if kept.exists() {
        fs::remove_dir_all(&kept).map_err(|error| format!("{output}: {error}"))?;
    }
    let config = kept.join("mutants.toml");
    let written = fs::create_dir_all(&kept).and_then(|()| fs::write(&config, config_for(file)?));
    written.map_err(|error| format!("{output}: {error}"))?;
    let mut arguments = ["mutants", "--in-place", "--colors=never", "--package=millstream-core", "--dir", stage.tree.path()]
        .map(str::to_owned)
        .to_vec();
    arguments.extend([format!("--config={output}/mutants.toml"), format!("--output={output}")]);
    arguments.extend(["--baseline=skip".to_owned(), format!("--timeout={}", limit.as_secs())]);
    arguments.push(format!("--test-package={}", stage.package));
    arguments.extend(stage.targets.iter().map(|target| format!("--cargo-arg={target}")));
    match only {
        None => arguments.extend(shard.map(|shard| format!("--shard={shard}"))),
        Some(names) => arguments.extend(names.iter().map(|name| format!("--re=^{}$", literally(name)))),
    }
    if !stage.tests.is_empty() {
        arguments.extend(["--", "--"].map(str::to_owned));
        arguments.extend(stage.tests.iter().cloned());
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, level) = stage.level();
    Step::cargo(&words).env(name, level).ending_with(&RESULTS).run()?;
    let outcomes = kept.join("mutants.out/outcomes.json");
    if !outcomes.exists() {
        // Nothing to do: the shard has none of them.
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&outcomes).map_err(|error| format!("{}: {error}", outcomes.display()))?;
    let outcomes: Value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", outcomes.display()))?;
    let of_mutants = outcomes["outcomes"].as_array().into_iter().flatten();
    of_mutants
        .filter_map(|one| Some((one["scenario"].get("Mutant")?, one["summary"].as_str()?)))
        .map(|(one, fate)| Ok((Mutant::read(one)?, Fate::read(fate)?)))
        // Mutants of struct literals come whatever `--re` says.
        .filter(|one| one.as_ref().map_or(true, |(mutant, _)| only.is_none_or(|names| names.contains(&mutant.name))))
        .collect()
}

/// Runs the tests without a mutant, and answers how long they take. Cargo-mutants would run the mutated package's, whichever are
/// asked for.
fn baseline(stage: &Stage) -> Result<Duration, String> {
    let manifest = format!("--manifest-path={}/Cargo.toml", stage.tree.path());
    let package = format!("--package={}", stage.package);
    let (name, level) = stage.level();
    let base = [&["test", "--quiet", "--profile=mutants", &manifest, &package], stage.targets].concat();
    Step::cargo(&[&base[..], &["--no-run"]].concat()).env(name, level).run()?;
    let tests: Vec<&str> = ["--"].into_iter().chain(stage.tests.iter().map(String::as_str)).collect();
    Step::cargo(&[base, tests].concat()).env(name, level).run()
}

/// The settings in `.cargo/mutants.toml`, but for this file alone: `--file` would add it to all that are named there.
fn config_for(file: &str) -> std::io::Result<String> {
    let mut config: toml::Table = fs::read_to_string(root().join(CONFIG))?.parse().map_err(std::io::Error::other)?;
    config.insert("examine_globs".to_owned(), toml::Value::from(vec![file]));
    Ok(config.to_string())
}

impl Mutant {
    /// Reads one as cargo-mutants writes it.
    fn read(json: &Value) -> Result<Self, String> {
        let read = || {
            let (name, file) = (json["name"].as_str()?, json["file"].as_str()?);
            // "file:line:column: change"
            let change = name.strip_prefix(file)?.split_once(": ")?.1;
            let at = usize::try_from(json["span"]["start"]["line"].as_u64()?).ok()?;
            let source = fs::read_to_string(root().join(file)).ok()?;
            let line = source.lines().nth(at.checked_sub(1)?)?.trim().to_owned();
            Some(Mutant { name: name.to_owned(), file: file.to_owned(), change: change.to_owned(), line })
        };
        read().ok_or_else(|| format!("cargo-mutants says of a mutant what cannot be read: {json}"))
    }
}

impl Fate {
    fn read(summary: &str) -> Result<Self, String> {
        match summary {
            "CaughtMutant" => Ok(Fate::Caught),
            "Timeout" => Ok(Fate::TimedOut),
            "Unviable" => Ok(Fate::Unviable),
            "MissedMutant" => Ok(Fate::Missed),
            other => Err(format!("a mutant ended as {other:?}")),
        }
    }
}

/// A regular expression that is this text.
fn literally(text: &str) -> String {
    // `\<` and `\>` would mean the borders of words.
    let meant = |one: char| r"\.+*?()|[]{}^$#&-~".contains(one);
    text.chars().flat_map(|one| meant(one).then_some('\\').into_iter().chain([one])).collect()
}
