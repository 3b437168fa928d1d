//! Owns one server's process: started, stopped, killed, paused, resumed, and told when it is ready. Leaves what it is started
//! with to `kafka` and `redis`.

use crate::error::{Error, at};
use crate::process::{Doing, Process, until};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

/// Until a server answers: seconds on a quiet machine; a build on all cores beside it takes ten times as long.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Until a server that was asked to end is killed.
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

/// What of a log is told with an error.
const LAST_LINES: usize = 40;

/// One server: a broker, or Redis.
///
/// Every call here blocks until it is true what its name says. From async code call it where blocking is allowed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Node {
    name: String,
    port: u16,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    ready: Ready,
    process: Option<Process>,
    since: SystemTime,
    /// The group that new processes join; a group of their own if there is none.
    #[serde(skip)]
    group: Option<i32>,
    /// Our own child has to be waited for when it is gone.
    #[serde(skip)]
    child: Option<Child>,
}

/// How a server says that it is ready.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Ready {
    /// Its port is open: a broker opens it when it is registered and unfenced.
    Listens,
    /// It answers `PING` with `PONG`: Redis listens while it still loads its data.
    Pongs,
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Its process runs.
    Running,
    /// Its process is held by [`Node::pause`]: connections stay open, nothing is answered.
    Paused,
    /// There is no process.
    Stopped,
}

impl Node {
    pub(crate) fn new(name: String, port: u16, ready: Ready, command: (PathBuf, Vec<String>), log: PathBuf) -> Self {
        let (program, arguments) = command;
        let since = SystemTime::now();
        Self { name, port, program, arguments, log, ready, process: None, since, group: None, child: None }
    }

    /// `kafka-1`, `redis`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where clients connect: `127.0.0.1:20123`. It stays the same over restarts.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The number of its process, also of one that is gone by now; `None` before the first start.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// What it is doing now.
    pub fn state(&self) -> State {
        match self.process.as_ref().map_or(Doing::Gone, Process::doing) {
            Doing::Runs => State::Running,
            Doing::Paused => State::Paused,
            Doing::Gone => State::Stopped,
        }
    }

    /// When it was last started, stopped, paused or resumed by us.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Where it writes what it has to say.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it with the data that it has, and waits until it is ready.
    ///
    /// # Errors
    /// If it runs already, ends at once, or is not ready after two minutes; the end of its log is part of the error.
    pub fn start(&mut self) -> Result<(), Error> {
        self.spawn()?;
        self.wait_until_ready()
    }

    /// Asks it to end (SIGTERM), waits, and kills it if it does not.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.signal(Signal::TERM)?;
        // A paused process ends when it goes on.
        self.signal(Signal::CONT)?;
        if self.process.as_ref().is_some_and(|process| !process.gone_within(STOPPED_WITHIN)) {
            self.signal(Signal::KILL)?;
        }
        self.reap()
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Errors
    /// If the system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.signal(Signal::KILL)?;
        self.reap()
    }

    /// Holds its process (SIGSTOP): its peers see neither a reset nor an answer.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.held(Signal::STOP, State::Paused)
    }

    /// Lets a paused process go on (SIGCONT).
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume(&mut self) -> Result<(), Error> {
        self.held(Signal::CONT, State::Running)
    }

    fn held(&mut self, signal: Signal, then: State) -> Result<(), Error> {
        if self.state() == State::Stopped {
            return Err(Error::new(format!("{} does not run", self.name)));
        }
        self.signal(signal)?;
        if !until(STOPPED_WITHIN, || self.state() == then) {
            return Err(Error::new(format!("{} is not {then:?} after {signal:?}", self.name)));
        }
        self.since = SystemTime::now();
        Ok(())
    }

    /// Starts it without waiting.
    pub(crate) fn spawn(&mut self) -> Result<(), Error> {
        if self.state() != State::Stopped {
            return Err(Error::new(format!("{} runs already", self.name)));
        }
        let log = File::options().create(true).append(true).open(&self.log).map_err(at(self.log.display()))?;
        let errors = log.try_clone().map_err(at(self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).process_group(self.group.unwrap_or(0));
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(at(self.program.display()))?;
        self.process = Some(Process::of(child.id())?);
        self.child = Some(child);
        self.since = SystemTime::now();
        Ok(())
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        let mut ended = false;
        let ready = until(READY_WITHIN, || {
            ended = self.state() == State::Stopped;
            ended || self.is_ready()
        });
        match (ended, ready) {
            (true, _) => Err(Error::new(format!(
                "{} ended before it was ready; the end of its log:\n{}",
                self.name,
                self.last_words(LAST_LINES)
            ))),
            (false, false) => {
                let limit = READY_WITHIN.as_secs();
                Err(Error::new(format!(
                    "{} is not ready after {limit} s; the end of its log:\n{}",
                    self.name,
                    self.last_words(LAST_LINES)
                )))
            }
            (false, true) => Ok(()),
        }
    }

    fn is_ready(&self) -> bool {
        let within = Duration::from_millis(500);
        let Ok(mut stream) = TcpStream::connect_timeout(&self.address(), within) else { return false };
        match self.ready {
            Ready::Listens => true,
            Ready::Pongs => {
                let mut answer = [0; 7];
                stream.set_read_timeout(Some(within)).is_ok()
                    && stream.write_all(b"PING\r\n").is_ok()
                    && stream.read_exact(&mut answer).is_ok()
                    && answer == *b"+PONG\r\n"
            }
        }
    }

    /// Processes started from now on end with the leader of this group.
    pub(crate) fn join(&mut self, group: i32) {
        self.group = Some(group);
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
    }

    /// Waits for the end of a process that was killed.
    fn reap(&mut self) -> Result<(), Error> {
        if let Some(mut child) = self.child.take() {
            child.wait().map_err(at(&self.name))?;
        }
        if self.process.as_ref().is_some_and(|process| !process.gone_within(STOPPED_WITHIN)) {
            return Err(Error::new(format!("{} does not end", self.name)));
        }
        self.since = SystemTime::now();
        Ok(())
    }

    /// What there is to know of it for whoever ends it later, when this one is gone.
    pub fn remembered(&self) -> Self {
        let (program, arguments) = (self.program.clone(), self.arguments.clone());
        let mut copy = Self::new(self.name.clone(), self.port, self.ready, (program, arguments), self.log.clone());
        (copy.process, copy.since) = (self.process.clone(), self.since);
        copy
    }

    /// The last lines of its log.
    pub fn last_words(&self, count: usize) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        let all = String::from_utf8_lossy(&all);
        let lines: Vec<_> = all.lines().collect();
        lines[lines.len().saturating_sub(count)..].join(
            "
",
        )
    }
}
