//! Owns the copy of the repository in which mutants are built: never where somebody works, and always in one place, so that what
//! is built in one run is there in the next.

use crate::step::{Step, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where it is, from the root.
pub(crate) const PLACE: &str = "target/mutation/tree";

/// Makes it what the repository is now, changes that are not committed included, but for these files.
///
/// # Errors
/// If a file cannot be copied.
pub(crate) fn freshen(but: &BTreeMap<String, String>) -> Result<(), String> {
    let place = root().join(PLACE);
    let listed = Step::program("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).silent()?.stdout;
    let files: BTreeSet<&str> = listed.split('\0').filter(|file| !file.is_empty() && root().join(file).is_file()).collect();
    for file in &files {
        let (from, to) = (root().join(file), place.join(file));
        let content = match but.get(*file) {
            Some(content) => content.clone().into_bytes(),
            None => fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?,
        };
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
