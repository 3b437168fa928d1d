//! Owns building all mutants at once: woven into their files, without those that do not compile so. Leaves the weave to `weave`,
//! and the copy to `tree`.

use super::list::Mutant;
use super::tree::{self, PLACE};
use super::trial::Program;
use super::weave::{self, Number, SWITCH, region};
use crate::step::{Step, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

const CORE: &str = "crates/millstream-core/src/lib.rs";

/// Who was refused in the last run, from the root: to find them again takes a build or two.
const REFUSED: &str = "target/mutation/refused.txt";

/// Sources with mutants in them.
pub(crate) struct Loom<'m> {
    mutants: BTreeMap<Number, &'m Mutant>,
    sources: BTreeMap<&'m str, String>,
    /// Those that do not compile in a weave.
    refused: BTreeSet<Number>,
    /// What is built, as arguments of cargo.
    targets: BTreeSet<String>,
}

/// Programs of tests, by name.
pub(crate) type Programs = BTreeMap<String, Program>;

impl<'m> Loom<'m> {
    /// Weaves all mutants and builds these targets with them, until only mutants are left that compile.
    ///
    /// # Errors
    /// If the build fails for another reason.
    pub(crate) fn new(files: &'m BTreeMap<String, Vec<Mutant>>, targets: BTreeSet<String>) -> Result<(Self, Programs), String> {
        let mutants: BTreeMap<Number, &Mutant> = (1..).zip(files.values().flatten()).collect();
        let read = |file: &'m String| {
            let source = fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))?;
            Ok((file.as_str(), source))
        };
        let sources = files.keys().map(read).collect::<Result<_, String>>()?;
        let before = fs::read_to_string(root().join(REFUSED)).unwrap_or_default();
        let before: BTreeSet<&str> = before.lines().collect();
        let refused = mutants.iter().filter(|(_, mutant)| before.contains(mutant.described().as_str()));
        let refused = refused.map(|(&number, _)| number).collect();
        let mut loom = Loom { mutants, sources, refused, targets };
        loop {
            let woven = loom.woven()?;
            let built: BTreeSet<Number> = woven.values().flat_map(|source| weave::numbers(source)).collect();
            loom.refused = loom.mutants.keys().filter(|number| !built.contains(number)).copied().collect();
            tree::freshen(&with_switch(woven.clone())?)?;
            let errors = match build(&loom.targets)? {
                Ok(programs) => {
                    loom.remember()?;
                    return Ok((loom, programs));
                }
                Err(errors) => errors,
            };
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

    fn remember(&self) -> Result<(), String> {
        let refused: Vec<String> = self.refused.iter().map(|number| self.mutants[number].described()).collect();
        fs::write(root().join(REFUSED), refused.join("\n")).map_err(|error| format!("{REFUSED}: {error}"))
    }

    /// The programs with a mutant that is in no weave; `None` if it does not compile.
    ///
    /// # Errors
    /// If nothing can be built at all.
    pub(crate) fn alone(&self, mutant: &Mutant) -> Result<Option<Programs>, String> {
        let mut files = self.woven()?;
        files.insert(mutant.file.clone(), mutant.alone(&self.sources[mutant.file.as_str()]));
        tree::freshen(&with_switch(files)?)?;
        Ok(build(&self.targets)?.ok())
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

/// Builds programs of tests; or what the compiler says against it.
fn build(targets: &BTreeSet<String>) -> Result<Result<Programs, Vec<Error>>, String> {
    let place = [format!("--manifest-path={PLACE}/Cargo.toml"), format!("--target-dir={PLACE}/target")];
    let words = ["test", "--quiet", "--no-run", "--message-format=json"].into_iter();
    let words: Vec<&str> = words.chain(place.iter().chain(targets).map(String::as_str)).collect();
    let said = Step::cargo(&words).ending_with(&[0, 101]).output()?.stdout;
    let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let errors: Vec<Error> = lines.iter().filter(|line| line["message"]["level"] == "error").flat_map(Error::read).collect();
    Ok(if errors.is_empty() { Ok(lines.iter().filter_map(program).collect()) } else { Err(errors) })
}

fn program(line: &Value) -> Option<(String, Program)> {
    let path = PathBuf::from(line["executable"].as_str()?);
    let folder = PathBuf::from(line["manifest_path"].as_str()?).parent()?.to_path_buf();
    let name = line["target"]["name"].as_str()?.to_owned();
    line["profile"]["test"].as_bool()?.then_some((name, Program { path, folder }))
}

impl Error {
    /// One at each place where it shows.
    fn read(line: &Value) -> Vec<Self> {
        let message = &line["message"];
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
        let error = |span: &Value| Error {
            file: span["file_name"].as_str().unwrap_or_default().replace('\\', "/"),
            part: number(&span["byte_start"])..number(&span["byte_end"]),
            said: message["rendered"].as_str().unwrap_or_default().to_owned(),
        };
        message["spans"].as_array().into_iter().flatten().filter(|span| span["is_primary"] == true).map(error).collect()
    }
}
