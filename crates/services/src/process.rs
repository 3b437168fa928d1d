//! Owns which process is ours: a number and when it started, so that a number the system has given away since is left alone.

use crate::error::{Error, at};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// One process, known by more than its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pid: u32,
    /// As the system says it; two processes of one number differ in it.
    started: String,
}

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Runs,
    /// Stopped by SIGSTOP.
    Paused,
    /// Ended, also where nobody has asked for its end yet; or the number is another process' by now.
    Gone,
}

impl Process {
    /// The process that has this number now.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn of(pid: u32) -> Result<Self, Error> {
        let (_, started) = look(pid).ok_or_else(|| Error::new(format!("process {pid} ended as it started")))?;
        Ok(Self { pid, started })
    }

    /// This very process.
    pub(crate) fn current() -> Result<Self, Error> {
        Self::of(std::process::id())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn doing(&self) -> Doing {
        match look(self.pid) {
            Some((state, started)) if started == self.started => match state {
                'Z' | 'X' => Doing::Gone,
                'T' | 't' => Doing::Paused,
                _ => Doing::Runs,
            },
            _ => Doing::Gone,
        }
    }

    /// Sends a signal, if it is still this process.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        if self.doing() == Doing::Gone {
            return Ok(());
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or_else(|| Error::new("a process without a number"))?;
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(at(format!("signal {signal:?} to process {pid:?}"))(error)),
        }
    }

    /// Waits until it is gone, at most so long. Answers whether it is.
    pub(crate) fn gone_within(&self, limit: Duration) -> bool {
        until(limit, || self.doing() == Doing::Gone)
    }
}

/// Asks until the answer is yes, at most so long. Answers whether it was.
pub(crate) fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// State and start of the process with this number.
fn look(pid: u32) -> Option<(char, String)> {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        return of_stat(&stat);
    }
    if fs::exists("/proc/self/stat").unwrap_or(false) {
        return None;
    }
    // No /proc: macOS and the BSDs.
    let said = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let (state, started) = said.split_once(' ')?;
    Some((state.chars().next()?, started.trim().to_owned()))
}

/// The fields 3 and 22 of `/proc/PID/stat`; the second one is a name that may hold anything, also `)`.
fn of_stat(stat: &str) -> Option<(char, String)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_hides_neither_state_nor_start() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 98765 1 2";
        assert_eq!(of_stat(stat), Some(('S', "98765".to_owned())));
    }

    #[test]
    fn a_number_given_to_another_process_is_not_ours() {
        let mut process = Process::current().expect("we run");
        assert_eq!(process.doing(), Doing::Runs);
        process.started.push('0');
        assert_eq!(process.doing(), Doing::Gone);
    }

    #[test]
    fn an_ended_child_is_gone_before_anybody_asks_for_its_end() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep runs");
        let process = Process::of(child.id()).expect("it runs");
        process.signal(Signal::KILL).expect("it is ours");
        assert!(process.gone_within(Duration::from_secs(10)));
        child.wait().expect("it is our child");
    }
}
