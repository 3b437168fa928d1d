//! Owns the copies of the repository in which mutants are built: never where somebody works, and always in one place, so that
//! what is built in one run is there in the next.

use crate::step::{Step, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tree {
    /// Of everything.
    Whole,
    /// Of everything, but the core without the floors above the engine: nothing in it knows of them.
    Engine,
}

const CORE: &str = "crates/millstream-core/src/lib.rs";

/// What the engine stands on, itself included.
const FLOORS: [&str; 6] = ["clock", "contract", "engine", "planted", "process", "topic"];

impl Tree {
    /// Where it is, from the root.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Tree::Whole => "target/mutation/whole",
            Tree::Engine => "target/mutation/engine",
        }
    }

    /// Makes it what the repository is now, changes that are not committed included.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub(crate) fn freshen(self) -> Result<(), String> {
        let place = root().join(self.path());
        let listed = Step::program("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).silent()?.stdout;
        let files: BTreeSet<&str> = listed.split('\0').filter(|file| !file.is_empty() && root().join(file).is_file()).collect();
        for file in &files {
            let (from, to) = (root().join(file), place.join(file));
            let mut content = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
            if self == Tree::Engine && *file == CORE {
                content = engine_alone(&String::from_utf8_lossy(&content)).into_bytes();
            }
            // Cargo builds anew what is written anew.
            if fs::read(&to).is_ok_and(|before| before == content) {
                continue;
            }
            let folder = to.parent().unwrap_or(&place);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&to, content))
                .map_err(|error| format!("{}: {error}", to.display()))?;
        }
        remove_others(&place, &place, &files)
    }
}

/// The core's root without the floors above the engine.
fn engine_alone(source: &str) -> String {
    let above = |line: &&str| {
        let module = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        module.is_some_and(|module| !FLOORS.contains(&module))
    };
    // What only those above use is not dead.
    let head = ["#![allow(dead_code)]", "\n"];
    head.into_iter().chain(source.lines().filter(|line| !above(line)).flat_map(|line| [line, "\n"])).collect()
}

/// Files that are gone from the repository: a test that was removed would be built for ever.
fn remove_others(place: &Path, folder: &Path, files: &BTreeSet<&str>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries: Vec<PathBuf> =
        fs::read_dir(folder).and_then(|all| all.map(|one| one.map(|one| one.path())).collect()).map_err(failed)?;
    for path in entries {
        let name = path.strip_prefix(place).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        match path.is_dir() {
            true if name == "target" => {}
            true => remove_others(place, &path, files)?,
            false if files.contains(name.as_str()) => {}
            false => fs::remove_file(&path).map_err(failed)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_alone_is_the_core_without_what_stands_above_it() {
        let source = fs::read_to_string(root().join(CORE)).expect("the core's root");
        let alone = engine_alone(&source);
        assert!(alone.contains("\npub mod engine;\n") && alone.contains("\npub mod contract;\n"), "{alone}");
        assert!(!alone.contains("\npub mod service;") && !alone.contains("\npub mod handler;"), "{alone}");
    }
}
