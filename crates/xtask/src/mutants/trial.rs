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
/// not look like that. So who runs is judged by the time of processors, and the clock is for who waits.
const TIMES_LONGER: u32 = 8;
const LEAST: Limit = Limit { worked: Duration::from_secs(10), took: Duration::from_secs(60) };

/// What a mutant may take of memory, in kilobytes: one that fills a list for ever is not to take the machine with it.
const MEMORY: u32 = 4_000_000;

/// A program of tests.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where it runs.
    pub(crate) folder: PathBuf,
}

/// How long a stage may take.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// The time of processors.
    worked: Duration,
    took: Duration,
}

/// Runs stages, each with the limit that follows from how long it took without a mutant.
pub(crate) struct Trials {
    programs: BTreeMap<String, Program>,
    limits: BTreeMap<(&'static str, Vec<String>), Limit>,
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
            trials.limits.insert(place, trials.measured(stage)?);
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

    /// The limit that follows from a run without a mutant.
    fn measured(&self, stage: &Stage) -> Result<Limit, String> {
        let program = self.program(stage)?;
        let script = "\"$@\" 2>/dev/null; code=$?; times >&2; exit $code";
        let start = Instant::now();
        let output = program.command(script, stage, 0).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| format!("{}: {error}", program.path.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout);
            return Err(format!("{said}\nthe tests of {} fail without a mutant", stage.program));
        }
        let worked = worked(&String::from_utf8_lossy(&output.stderr)).unwrap_or_default();
        Ok(Limit { worked: LEAST.worked.max(worked * TIMES_LONGER), took: LEAST.took.max(start.elapsed() * TIMES_LONGER) })
    }

    fn program(&self, stage: &Stage) -> Result<&Program, String> {
        self.programs.get(stage.program).ok_or_else(|| format!("{} was not built", stage.program))
    }

    fn run(&self, stage: &Stage, number: Number) -> Result<Fate, String> {
        let program = self.program(stage)?;
        let limit = self.limits.get(&(stage.program, stage.tests.clone())).copied().unwrap_or(LEAST);
        // Where there are no such limits, they are left out.
        let script = format!(
            "ulimit -v {MEMORY} 2>/dev/null; ulimit -t {} 2>/dev/null; exec \"$@\"",
            limit.worked.as_secs().saturating_add(1)
        );
        let failed = |error: std::io::Error| format!("{}: {error}", program.path.display());
        let mut child = program.command(&script, stage, number).spawn().map_err(failed)?;
        let fate = watch(&mut child, stage.program, limit.took);
        // Whoever has seen a test fail need not see the others.
        let _ = child.kill();
        let status = child.wait().map_err(failed)?;
        let ended = status.to_string();
        Ok(match fate {
            Some(fate) => fate,
            None if status.success() => Fate::Missed,
            None if ["SIGXCPU", "SIGKILL"].iter().any(|signal| ended.contains(signal)) => {
                Fate::TimedOut(stage.program.to_owned())
            }
            None => Fate::Caught(format!("{}: {ended}", stage.program)),
        })
    }
}

impl Program {
    /// Itself with the tests of a stage and a mutant, as a script starts it.
    fn command(&self, script: &str, stage: &Stage, number: Number) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&self.path).args(&stage.tests).current_dir(&self.folder);
        command.env("MUTANT", number.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

/// How long the children of a shell have worked, as its `times` says: "0m1.50s 0m0.02s" in the last line.
fn worked(times: &str) -> Option<Duration> {
    let part = |text: &str| {
        let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let seconds = times.lines().last()?.split_whitespace().map(part).sum::<Option<f64>>()?;
    Duration::try_from_secs_f64(seconds).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_has_worked_is_what_the_shell_says_of_its_children() {
        assert_eq!(worked("0m0.001s 0m0.002s\n1m2.250s 0m0.250s\n"), Some(Duration::from_millis(62_500)));
        assert_eq!(worked(""), None);
    }
}
