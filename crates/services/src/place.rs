//! Owns where everything lies: `target/services`, with what is fetched once, and a folder for each owner that goes when the owner
//! does, at the latest when the next one comes.

use crate::error::{Error, at};
use crate::process::{Doing, Process};
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// `target/services` of this workspace.
pub fn root() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty());
    // An absolute one replaces what it is joined to.
    workspace.join(target.unwrap_or_else(|| "target".into())).join("services")
}

/// A folder that is removed with this value, unless there is a panic to be looked into.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// One that nobody else has; and removes those whose owners are gone.
    ///
    /// # Errors
    /// If the file system refuses.
    pub(crate) fn make(what: &str) -> Result<Self, Error> {
        let runs = root().join("runs");
        // Passwords of test clusters are the user's own business.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&runs).map_err(at(runs.display()))?;
        let _lock = lock(&runs.join("lock"))?;
        sweep(&runs)?;
        let owner = Process::current()?;
        let path = (0..).map(|nth| runs.join(format!("{what}-{}-{nth}", owner.pid()))).find(|path| !path.exists());
        let path = path.expect("numbers do not end");
        fs::create_dir(&path).map_err(at(path.display()))?;
        let owner = serde_json::to_string(&owner).map_err(at("the owner"))?;
        fs::write(path.join(OWNER), owner).map_err(at(path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A name for the containers whose files are here.
    pub(crate) fn project(&self) -> String {
        format!("millstream-{}", self.0.file_name().unwrap_or_default().display())
    }

    /// Keeps the folder for good: its owner has another way to tell when it may go.
    pub(crate) fn keep(self) -> Result<(), Error> {
        fs::remove_file(self.0.join(OWNER)).map_err(at(self.0.display()))?;
        std::mem::forget(self);
        Ok(())
    }
}

const OWNER: &str = "owner.json";

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // What cannot be removed now is removed by the next sweep.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Removes the folders of owners that are gone.
fn sweep(runs: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(runs).map_err(at(runs.display()))? {
        let path = entry.map_err(at(runs.display()))?.path();
        let Ok(owner) = fs::read_to_string(path.join(OWNER)) else { continue };
        let gone = serde_json::from_str::<Process>(&owner).is_ok_and(|owner| owner.doing() == Doing::Gone);
        if gone {
            // What its owner started may write to it for a moment longer; the next one removes it then.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

/// A lock that is held until the file is closed; whoever comes second waits.
///
/// # Errors
/// If the file cannot be made.
pub fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(at(path.display()))?;
    file.lock().map_err(at(path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_owner_also_with_one_that_was_killed() {
        let gone = Folder::make("left").expect("a folder");
        let mut child = std::process::Command::new("true").spawn().expect("true runs");
        let owner = Process::of(child.id()).expect("our child is not waited for yet");
        child.wait().expect("our child");
        fs::write(gone.path().join(OWNER), serde_json::to_string(&owner).expect("it is plain")).expect("a folder to write to");
        let path = gone.path().to_owned();
        std::mem::forget(gone);

        let mine = Folder::make("place").expect("a folder");
        assert!(mine.path().exists() && !path.exists());
        let path = mine.path().to_owned();
        drop(mine);
        assert!(!path.exists());
    }
}
