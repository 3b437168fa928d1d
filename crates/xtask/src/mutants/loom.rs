//! Owns building all mutants at once: woven into their files, without those that do not compile so. Leaves the weave to `weave`,
//! and the copy to `tree`.

use super::list::Mutant;
use super::stage::{self, Stage};
use super::tree::{self, PLACE};
use super::trial::Program;
use super::weave::{self, Number, SWITCH, region};
use crate::step::{Step, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

const CORE: &str = "crates/millstream-core/src/lib.rs";

/// Sources with mutants in them.
pub(crate) struct Loom<'m> {
    mutants: BTreeMap<Number, &'m Mutant>,
    sources: BTreeMap<&'m str, String>,
    /// Those that do not compile in a weave.
    refused: BTreeSet<Number>,
}

impl<'m> Loom<'m> {
    /// Weaves all mutants and builds them, until only those are left that compile; answers who was refused.
    ///
    /// # Errors
    /// If the build fails for another reason.
    pub(crate) fn new(files: &'m BTreeMap<String, Vec<Mutant>>) -> Result<Self, String> {
        let mutants: BTreeMap<Number, &Mutant> = (1..).zip(files.values().flatten()).collect();
        let read = |file: &'m String| {
            let source = fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))?;
            Ok((file.as_str(), source))
        };
        let sources = files.keys().map(read).collect::<Result<_, String>>()?;
        let mut loom = Loom { mutants, sources, refused: BTreeSet::new() };
        loop {
            let woven = loom.woven()?;
            let built: BTreeSet<Number> = woven.values().flat_map(|source| weave::numbers(source)).collect();
            loom.refused = loom.mutants.keys().filter(|number| !built.contains(number)).copied().collect();
            tree::freshen(&with_switch(woven.clone())?)?;
            let errors = errors()?;
            if errors.is_empty() {
                return Ok(loom);
            }
            let of = |error: &Error| woven.get(&error.file).map(|source| region(source, &error.part)).unwrap_or_default();
            let blamed: BTreeSet<Number> = errors.iter().flat_map(of).collect();
            if blamed.is_empty() {
                return Err(errors.into_iter().map(|error| error.said).collect());
            }
            println!("{} mutants do not compile woven in", blamed.len());
            loom.refused.extend(blamed);
        }
    }

    /// The number of each mutant, and whether it is in the build.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Number, &'m Mutant, bool)> {
        self.mutants.iter().map(|(&number, &mutant)| (number, mutant, !self.refused.contains(&number)))
    }

    fn woven(&self) -> Result<BTreeMap<String, String>, String> {
        let weave = |(&file, source): (&&str, &String)| {
            let here = self.all().filter(|(_, mutant, built)| *built && mutant.file == file);
            let here: Vec<(Number, &Mutant)> = here.map(|(number, mutant, _)| (number, mutant)).collect();
            let woven = weave::weave(source, &here).map_err(|why| format!("{file}: {why}"))?;
            Ok((file.to_owned(), woven))
        };
        self.sources.iter().map(weave).collect()
    }

    /// Whether a mutant that is in no weave compiles; if so, that it is built alone.
    ///
    /// # Errors
    /// If nothing can be built at all.
    pub(crate) fn alone(&self, mutant: &Mutant) -> Result<bool, String> {
        let mut files = self.woven()?;
        files.insert(mutant.file.clone(), mutant.alone(&self.sources[mutant.file.as_str()]));
        tree::freshen(&with_switch(files)?)?;
        Ok(errors()?.is_empty())
    }
}

/// These files, and the core's root with the switch by which mutants are called.
fn with_switch(mut files: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    let source = fs::read_to_string(root().join(CORE)).map_err(|error| format!("{CORE}: {error}"))?;
    files.insert(CORE.to_owned(), format!("#![allow(warnings)]\n{source}{SWITCH}"));
    Ok(files)
}

/// An error of the compiler.
struct Error {
    file: String,
    part: std::ops::Range<usize>,
    said: String,
}

/// Builds the core, and answers what the compiler says against it.
fn errors() -> Result<Vec<Error>, String> {
    let [manifest, target] = place();
    // With the profile of tests: what is built here they stand on.
    let build = ["build", "--quiet", "--profile=test", "--package=millstream-core", "--message-format=json", &manifest, &target];
    let said = Step::cargo(&build);
    let said = said.ending_with(&[0, 101]).output()?.stdout;
    let messages = json(&said).filter(|line| line["message"]["level"] == "error");
    let spans = messages.flat_map(|line| {
        let spans = line["message"]["spans"].as_array().cloned().unwrap_or_default();
        let said = line["message"]["rendered"].as_str().unwrap_or_default().to_owned();
        spans.into_iter().filter(|span| span["is_primary"] == true).map(move |span| (span, said.clone()))
    });
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let error = |(span, said): (Value, String)| Error {
        file: span["file_name"].as_str().unwrap_or_default().replace('\\', "/"),
        part: number(&span["byte_start"])..number(&span["byte_end"]),
        said,
    };
    Ok(spans.map(error).collect())
}

/// Builds the programs of these stages.
///
/// # Errors
/// If one does not compile.
pub(crate) fn programs(stages: &[Stage]) -> Result<BTreeMap<String, Program>, String> {
    let [manifest, target] = place();
    let arguments = ["test", "--quiet", "--no-run", "--message-format=json", &manifest, &target].map(str::to_owned);
    let arguments: Vec<String> = arguments.into_iter().chain(stage::targets(stages)).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = Step::cargo(&words).output()?.stdout;
    let program = |line: Value| {
        let path = PathBuf::from(line["executable"].as_str()?);
        let folder = PathBuf::from(line["manifest_path"].as_str()?).parent()?.to_path_buf();
        let name = line["target"]["name"].as_str()?.to_owned();
        line["profile"]["test"].as_bool()?.then_some((name, Program { path, folder }))
    };
    Ok(json(&said).filter_map(program).collect())
}

/// Where cargo builds it.
fn place() -> [String; 2] {
    [format!("--manifest-path={PLACE}/Cargo.toml"), format!("--target-dir={PLACE}/target")]
}

fn json(lines: &str) -> impl Iterator<Item = Value> {
    lines.lines().filter_map(|line| serde_json::from_str(line).ok())
}
