//! Owns one server as its user sees it: an address that stays, and what is done to it. Leaves how to a process of ours (`server`) or
//! a container (`compose`).

use crate::compose::Container;
use crate::error::Error;
use crate::process::until;
use crate::server::Server;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

/// Until a server answers: seconds on a quiet machine; a build on all cores beside it takes ten times as long.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// What of a log is told with an error.
const LAST_LINES: usize = 40;

/// One server: a broker, or Redis.
///
/// Every call here blocks until it is true what its name says. From async code call it where blocking is allowed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Node {
    name: String,
    port: u16,
    ready: Ready,
    runs_as: RunsAs,
    since: SystemTime,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum RunsAs {
    Server(Server),
    Container(Container),
}

/// How a server says that it is ready.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Ready {
    /// It answers the request for its versions. A broker's port is open when it is registered and unfenced; a container's always.
    Kafka,
    /// It answers `PING` with `PONG`: Redis listens while it still loads its data.
    Redis,
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It runs.
    Running,
    /// It is held by [`Node::pause`]: connections stay open, nothing is answered.
    Paused,
    /// It does not run.
    Stopped,
}

impl Node {
    pub(crate) fn new(name: String, port: u16, ready: Ready, runs_as: RunsAs) -> Self {
        Self { name, port, ready, runs_as, since: SystemTime::now() }
    }

    /// `kafka-1`, `redis`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where clients connect: `127.0.0.1:20123`. It stays the same over restarts.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The number of its process, also of one that is gone by now; `None` before the first start, and in a container.
    pub fn pid(&self) -> Option<u32> {
        match &self.runs_as {
            RunsAs::Server(server) => server.pid(),
            RunsAs::Container(_) => None,
        }
    }

    /// What it is doing now.
    pub fn state(&self) -> State {
        match &self.runs_as {
            RunsAs::Server(server) => server.state(),
            RunsAs::Container(container) => container.state(),
        }
    }

    /// When it was last started, stopped, paused or resumed by us.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Starts it with the data that it has, and waits until it is ready.
    ///
    /// # Errors
    /// If it runs already, ends at once, or is not ready after two minutes; the end of its log is part of the error.
    pub fn start(&mut self) -> Result<(), Error> {
        self.begin()?;
        self.wait_until_ready()
    }

    /// Asks it to end (SIGTERM), waits, and kills it if it does not.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn stop(&mut self) -> Result<(), Error> {
        match &mut self.runs_as {
            RunsAs::Server(server) => server.stop(),
            RunsAs::Container(container) => container.stop(),
        }?;
        self.changed();
        Ok(())
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Errors
    /// If the system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        match &mut self.runs_as {
            RunsAs::Server(server) => server.kill(),
            RunsAs::Container(container) => container.kill(),
        }?;
        self.changed();
        Ok(())
    }

    /// Holds it (SIGSTOP): its peers see neither a reset nor an answer.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&mut self) -> Result<(), Error> {
        match &mut self.runs_as {
            RunsAs::Server(server) => server.pause(),
            RunsAs::Container(container) => container.pause(),
        }?;
        self.becomes(State::Paused)
    }

    /// Lets it go on after a pause (SIGCONT).
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume(&mut self) -> Result<(), Error> {
        match &mut self.runs_as {
            RunsAs::Server(server) => server.resume(),
            RunsAs::Container(container) => container.resume(),
        }?;
        self.becomes(State::Running)
    }

    /// Ends it for good, and what was made for it alone; for one that was set free by `release`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn remove(&mut self) -> Result<(), Error> {
        match &mut self.runs_as {
            RunsAs::Server(server) => server.kill(),
            RunsAs::Container(container) => container.remove(),
        }
    }

    /// Its owner is gone: ends it at once, if it is a process. Containers go all together, by their keeper.
    pub(crate) fn abandon(&mut self) {
        if let RunsAs::Server(server) = &mut self.runs_as {
            // What is left after a failure the keeper kills.
            let _ = server.kill();
        }
    }

    /// What there is to know of it for whoever ends it later, when this one is gone.
    pub fn remembered(&self) -> Self {
        let (name, runs_as) = (self.name.clone(), self.runs_as.clone());
        Self { name, port: self.port, ready: self.ready, runs_as, since: self.since }
    }

    /// The last lines that it wrote.
    pub fn last_words(&self, count: usize) -> String {
        match &self.runs_as {
            RunsAs::Server(server) => server.last_words(count),
            RunsAs::Container(container) => container.last_words(count),
        }
    }

    /// Starts it without waiting.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        if self.state() != State::Stopped {
            return Err(Error::new(format!("{} runs already", self.name)));
        }
        match &mut self.runs_as {
            RunsAs::Server(server) => server.spawn(),
            RunsAs::Container(container) => container.start(),
        }?;
        self.changed();
        Ok(())
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        let mut ended = false;
        let ready = until(READY_WITHIN, || {
            ended = self.state() == State::Stopped;
            ended || self.is_ready()
        });
        if ready && !ended {
            return Ok(());
        }
        let limit = READY_WITHIN.as_secs();
        let what = if ended { "ended before it was ready".to_owned() } else { format!("is not ready after {limit} s") };
        Err(Error::new(format!("{} {what}; the end of its log:\n{}", self.name, self.last_words(LAST_LINES))))
    }

    fn is_ready(&self) -> bool {
        // ApiVersions 0, whose answer has a length and the number of the request first; and Redis' own word.
        let (asked, answered): (&[u8], &[u8]) = match self.ready {
            Ready::Kafka => (b"\0\0\0\x0a\0\x12\0\0mill\xff\xff", b"mill"),
            Ready::Redis => (b"PING\r\n", b"+PONG"),
        };
        let within = Duration::from_secs(1);
        let Ok(mut stream) = TcpStream::connect_timeout(&self.address(), within) else { return false };
        let mut answer = [0; 64];
        let exchange = stream.set_read_timeout(Some(within)).and_then(|()| stream.write_all(asked));
        let read = exchange.and_then(|()| stream.read(&mut answer)).unwrap_or(0);
        answer[..read].windows(answered.len()).any(|part| part == answered)
    }

    fn becomes(&mut self, state: State) -> Result<(), Error> {
        if !until(READY_WITHIN, || self.state() == state) {
            return Err(Error::new(format!("{} does not become {state:?}", self.name)));
        }
        self.changed();
        Ok(())
    }

    fn changed(&mut self) {
        self.since = SystemTime::now();
    }
}
