//! Owns a server that is a process of ours: its command, its log, its signals.

use crate::error::{Error, at};
use crate::node::State;
use crate::process::{Doing, Process};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Until a server that was asked to end is killed. A broker needs a second; one that writes its archive of classes, ten.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A command, and the process that runs it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
    /// The group that new processes join; a group of their own if there is none.
    #[serde(skip)]
    group: Option<i32>,
    /// Our own child has to be waited for when it is gone.
    #[serde(skip)]
    child: Option<Child>,
}

impl Clone for Server {
    /// Without the child, which has one parent.
    fn clone(&self) -> Self {
        let (program, arguments, log) = (self.program.clone(), self.arguments.clone(), self.log.clone());
        Self { program, arguments, log, process: self.process.clone(), group: None, child: None }
    }
}

impl Server {
    /// Not started yet; its processes will join the group and write to the log.
    pub(crate) fn new(program: PathBuf, arguments: Vec<String>, log: PathBuf, group: i32) -> Self {
        Self { program, arguments, log, process: None, group: Some(group), child: None }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    pub(crate) fn state(&self) -> State {
        match self.process.as_ref().map_or(Doing::Gone, Process::doing) {
            Doing::Runs => State::Running,
            Doing::Paused => State::Paused,
            Doing::Gone => State::Stopped,
        }
    }

    pub(crate) fn spawn(&mut self) -> Result<(), Error> {
        self.reap()?;
        let log = File::options().create(true).append(true).open(&self.log).map_err(at(self.log.display()))?;
        let errors = log.try_clone().map_err(at(self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).process_group(self.group.unwrap_or(0));
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(at(self.program.display()))?;
        self.process = Some(Process::of(child.id())?);
        self.child = Some(child);
        Ok(())
    }

    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.signal(Signal::TERM)?;
        // A paused process ends when it goes on.
        self.signal(Signal::CONT)?;
        if self.process.as_ref().is_some_and(|process| !process.gone_within(STOPPED_WITHIN)) {
            self.signal(Signal::KILL)?;
        }
        self.reap()
    }

    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.signal(Signal::KILL)?;
        self.reap()
    }

    pub(crate) fn pause(&mut self) -> Result<(), Error> {
        self.running()?;
        self.signal(Signal::STOP)
    }

    pub(crate) fn resume(&mut self) -> Result<(), Error> {
        self.running()?;
        self.signal(Signal::CONT)
    }

    pub(crate) fn last_words(&self, count: usize) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        let all = String::from_utf8_lossy(&all);
        let lines: Vec<_> = all.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    fn running(&self) -> Result<(), Error> {
        if self.state() == State::Stopped { Err(Error::new("it does not run")) } else { Ok(()) }
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
    }

    /// Waits for the end of a process that was killed, or ended by itself.
    fn reap(&mut self) -> Result<(), Error> {
        if let Some(mut child) = self.child.take() {
            child.wait().map_err(at(self.program.display()))?;
        }
        if self.process.as_ref().is_some_and(|process| !process.gone_within(STOPPED_WITHIN)) {
            return Err(Error::new(format!("process {} does not end", self.pid().unwrap_or(0))));
        }
        Ok(())
    }
}
