//! Owns that nothing outlives us: the group of all processes that one owner started, and who ends it when the owner is gone.

use crate::error::{Error, at};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Leads a process group and waits at a pipe. When the pipe closes (the owner ended, by whatever: a panic, Ctrl-C, SIGKILL), it
/// kills the whole group, itself too. A line in the pipe sets the group free instead.
///
/// As long as it lives the group's number is nobody else's; and Ctrl-C at a terminal goes to the owner's group only.
#[derive(Debug)]
pub(crate) struct Keeper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

/// `kill 0`: my own group. Signals that somebody sends to all are not for the keeper.
const WAITS: &str = "trap '' INT TERM HUP; read -r _ && exit; \"$@\"; kill -KILL 0";

impl Keeper {
    /// Starts one, with a group of its own.
    ///
    /// # Errors
    /// If there is no `sh`.
    pub(crate) fn start() -> Result<Self, Error> {
        Self::start_before(&[], &BTreeMap::new())
    }

    /// Starts one that also runs this command when the owner is gone, for what is in no group of ours: containers.
    ///
    /// # Errors
    /// If there is no `sh`.
    pub(crate) fn start_before(command: &[String], variables: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut shell = Command::new("sh");
        shell.args(["-c", WAITS, "keeper"]).args(command).envs(variables).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = shell.spawn().map_err(at("sh"))?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Where processes go that are to end with the owner.
    pub(crate) fn group(&self) -> i32 {
        i32::try_from(self.shell.id()).expect("a process number is an i32")
    }

    /// Sets the group free: what is in it lives on.
    pub(crate) fn release(mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // A keeper that somebody killed keeps nothing, which is what is asked for.
            let _ = pipe.write_all(b"free\n");
        }
        let _ = self.shell.wait();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.pipe.take().is_some() {
            let _ = self.shell.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Doing, Process};
    use std::time::Duration;

    fn sleeper(keeper: &Keeper) -> (Child, Process) {
        let child = Command::new("sleep").arg("600").process_group(keeper.group()).spawn().expect("sleep runs");
        let process = Process::of(child.id()).expect("it runs");
        (child, process)
    }

    #[test]
    fn what_is_in_the_group_ends_with_its_keeper_also_if_it_is_paused() {
        let keeper = Keeper::start().expect("there is a shell");
        let (mut running, first) = sleeper(&keeper);
        let (mut paused, second) = sleeper(&keeper);
        second.signal(rustix::process::Signal::STOP).expect("it is ours");
        drop(keeper);
        assert!(first.gone_within(Duration::from_secs(10)) && second.gone_within(Duration::from_secs(10)));
        running.wait().and_then(|_| paused.wait()).expect("our children");
    }

    #[test]
    fn a_group_that_is_set_free_lives_on() {
        let keeper = Keeper::start().expect("there is a shell");
        let (mut child, process) = sleeper(&keeper);
        keeper.release();
        assert_eq!(process.doing(), Doing::Runs);
        child.kill().and_then(|()| child.wait()).expect("our child");
    }
}
