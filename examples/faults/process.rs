//! Owns one process under test: its start, the lines it writes, and the signals it is sent. It is gone with this value.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A line that a process wrote.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) name: String,
    pub(crate) fields: Value,
}

impl Line {
    fn of(text: &str) -> Self {
        let fields: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("a line that is not JSON: {error}: {text}"));
        let at = fields["timestamp"].as_u64().unwrap_or_else(|| panic!("a line without its time: {text}"));
        let name = fields["name"].as_str().unwrap_or_else(|| panic!("a line without a name: {text}")).to_owned();
        Self { at, name, fields }
    }
}

/// A running process, or one that has ended.
pub(crate) struct Process {
    child: Child,
    /// The line with which it ends in order, if it writes lines.
    last: Option<&'static str>,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<JoinHandle<()>>,
    log: PathBuf,
}

impl Process {
    /// Starts what writes lines, and as its last one `last`; its log goes to `log`, and its lines into a file beside it.
    pub(crate) fn start(mut command: Command, last: &'static str, log: PathBuf) -> Self {
        let stderr = File::create(&log).expect("the target folder can be written");
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().expect("it can be started");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut kept = File::create(log.with_extension("jsonl")).expect("the target folder can be written");
        let reader = std::thread::spawn({
            let lines = lines.clone();
            move || {
                // A process that is killed in the middle of a line has not told it.
                for line in out.lines().map_while(Result::ok).filter(|line| line.ends_with('}')) {
                    let _ = writeln!(kept, "{line}");
                    lines.lock().expect("nobody panics under the lock").push(Line::of(&line));
                }
            }
        });
        Self { child, last: Some(last), lines, reader: Some(reader), log }
    }

    /// Starts what writes no lines; its log goes to `log`, and its output into a file beside it.
    pub(crate) fn start_plain(mut command: Command, log: PathBuf) -> Self {
        let [stderr, stdout] =
            [&log, &log.with_extension("out")].map(|file| File::create(file).expect("the target folder can be written"));
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("it can be started");
        Self { child, last: None, lines: Arc::default(), reader: None, log }
    }

    /// What it has written, if that is no lines.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.log.with_extension("out")).unwrap_or_default()
    }

    /// What it has written so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("nobody panics under the lock").clone()
    }

    /// How many lines of this name it has written.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.lines.lock().expect("nobody panics under the lock").iter().filter(|line| line.name == name).count()
    }

    /// Waits until it has written so many lines of this name.
    pub(crate) fn until(&mut self, name: &str, count: usize) {
        self.wait_for(&format!("{count} lines `{name}`"), |process| process.count(name) >= count);
    }

    /// Waits until it is as asked; fails after a minute, or when the process has ended before.
    pub(crate) fn wait_for(&mut self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let ended = self.child.try_wait().expect("a child can be waited for");
            // Not taken before: whoever waits for its end then waits for its last line too.
            if ended.is_some()
                && let Some(reader) = self.reader.take()
            {
                reader.join().expect("lines are read without a panic");
            }
            if is(self) {
                return;
            }
            assert!(ended.is_none(), "it has ended ({ended:?}) and {what} never came: {}", self.words());
            assert!(Instant::now() < end, "{what} does not come: {}", self.words());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.ended();
    }

    /// SIGSTOP: it stands still.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM, and its end, in order and within ten seconds.
    pub(crate) fn stop(&mut self) {
        let began = Instant::now();
        self.terminate();
        let status = self.ended();
        let took = began.elapsed();
        assert!(status.success(), "it ended with {status}: {}", self.words());
        assert!(took < Duration::from_secs(10), "it took {took:?} to end");
        assert_eq!(self.lines().last().map(|line| line.name.clone()).as_deref(), self.last);
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Its end, and all its lines; fails after five minutes.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_mins(5);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(Instant::now() < end, "it does not end: {}", self.words());
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().expect("lines are read without a panic");
        }
        status
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of its log.
    pub(crate) fn words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has a number");
        kill_process(pid, signal).expect("it has not been waited for");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
