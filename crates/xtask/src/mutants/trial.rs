//! Owns one trial of one mutant: a program of tests runs while it is called, until a test fails, all pass, or it takes too long.

use super::list::Fate;
use super::stage::Stage;
use super::weave::Number;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Who takes so many times longer than without a mutant does not end, which counts as caught; a machine with other work to do must
/// not look like that.
const TIMES_LONGER: u32 = 8;
const LEAST_LIMIT: Duration = Duration::from_secs(60);

/// What a mutant may take of memory, in kilobytes: one that fills a list for ever is not to take the machine with it.
const MEMORY: u32 = 4_000_000;

/// A program of tests.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where it runs.
    pub(crate) folder: PathBuf,
}

/// Runs stages, each with the limit that follows from how long it took without a mutant.
pub(crate) struct Trials {
    programs: BTreeMap<String, Program>,
    limits: BTreeMap<(&'static str, Vec<String>), Duration>,
}

impl Trials {
    /// Runs these stages without a mutant.
    ///
    /// # Errors
    /// If a test fails.
    pub(crate) fn new(programs: BTreeMap<String, Program>, stages: &[Stage]) -> Result<Self, String> {
        let mut trials = Trials { programs, limits: BTreeMap::new() };
        for stage in stages {
            let place = (stage.program, stage.tests.clone());
            if trials.limits.contains_key(&place) {
                continue;
            }
            trials.limits.insert(place.clone(), Duration::from_secs(3_600));
            let start = Instant::now();
            match trials.run(stage, 0)? {
                Fate::Missed => {}
                fate => return Err(format!("the tests of {} fail without a mutant: {fate:?}", stage.program)),
            }
            trials.limits.insert(place, LEAST_LIMIT.max(start.elapsed() * TIMES_LONGER));
        }
        Ok(trials)
    }

    /// The same for programs that were built anew.
    pub(crate) fn with(&self, programs: BTreeMap<String, Program>) -> Self {
        Trials { programs, limits: self.limits.clone() }
    }

    /// What becomes of a mutant in these stages, and in which.
    ///
    /// # Errors
    /// If a program cannot be started.
    pub(crate) fn all(&self, stages: &[Stage], number: Number) -> Result<(Fate, usize), String> {
        for (index, stage) in stages.iter().enumerate() {
            let fate = self.run(stage, number)?;
            if fate != Fate::Missed {
                return Ok((fate, index));
            }
        }
        Ok((Fate::Missed, stages.len()))
    }

    fn run(&self, stage: &Stage, number: Number) -> Result<Fate, String> {
        let program = self.programs.get(stage.program).ok_or_else(|| format!("{} was not built", stage.program))?;
        let limit = self.limits.get(&(stage.program, stage.tests.clone())).copied().unwrap_or(LEAST_LIMIT);
        let mut command = Command::new("sh");
        // Where there is no such limit, it is left out.
        let script = format!("ulimit -v {MEMORY} 2>/dev/null; exec \"$@\"");
        command.args(["-c", &script, "sh"]).arg(&program.path).args(&stage.tests).current_dir(&program.folder);
        command.env("MUTANT", number.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.path.display()))?;
        let fate = watch(&mut child, stage.program, limit);
        // Whoever has seen a test fail need not see the others.
        let _ = child.kill();
        let status = child.wait().map_err(|error| format!("{}: {error}", program.path.display()))?;
        Ok(match fate {
            Some(fate) => fate,
            None if status.success() => Fate::Missed,
            None => Fate::Caught(format!("{}: {status}", stage.program)),
        })
    }
}

/// Reads what a program says, until a test fails or it takes too long; `None` when it has closed its output before.
fn watch(child: &mut Child, program: &str, limit: Duration) -> Option<Fate> {
    let (said, lines) = mpsc::channel();
    let output = child.stdout.take()?;
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| said.send(line)).ok();
    });
    let end = Instant::now() + limit;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(test) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
                    return Some(Fate::Caught(format!("{program}: {test}")));
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => return Some(Fate::TimedOut(program.to_owned())),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
        }
    }
}
