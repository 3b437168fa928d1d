//! Owns what a run has shown, and how that reads. Leaves what happened to `history`, how it is replayed to `replay`.

use super::checks::Violation;
use super::driver::Mode;
use super::fault::Schedule;
use super::history::History;
use super::replay::Replay;
use std::fmt;
use std::time::Duration;

/// What one run has shown. Its `Display` is what a failed test prints: what was wrong, the line that replays it, the faults, and the
/// last sixty of the events before; all of them with `{:#}`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The seed. Both modes of a seed have the same faults.
    pub seed: u64,
    /// The mode.
    pub mode: Mode,
    /// What must not have happened, in order. The first is what matters: the others may follow from it.
    pub violations: Vec<Violation>,
    /// The faults that befell it.
    pub schedule: Schedule,
    /// All that happened.
    pub history: History,
    /// The history's hash: equal for equal runs of one build.
    pub hash: u64,
    /// How long it took, in virtual time: in real time it is some thousand times shorter.
    pub took: Duration,
    pub(super) replay: Option<Replay>,
}

impl Report {
    /// Whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// The line that [`Simulation::replay`](super::Simulation::replay) and the environment's `MILLSTREAM_SIM_REPLAY` take, as `17:liveness:2,5`: the seed,
    /// the mode, and numbers of the seed's faults. `None` if the run had others, by
    /// [`Simulation::run_with`](super::Simulation::run_with).
    ///
    /// It says what it says until the code changes: make a found bug a test of its own.
    pub fn replay(&self) -> Option<String> {
        self.replay.as_ref().map(Replay::to_string)
    }
}

/// The environment's name of the line to be replayed.
pub(super) const REPLAY: &str = "MILLSTREAM_SIM_REPLAY";

/// What was wrong, how to replay it, the faults, and the last of what happened before. All that happened with `{:#}`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.violations.first() else {
            return writeln!(f, "seed {} in {} mode: clean", self.seed, self.mode);
        };
        writeln!(f, "{first}")?;
        match self.replay() {
            // A test runs in a thread of its name.
            Some(line) => match std::thread::current().name().filter(|name| *name != "main") {
                Some(test) => writeln!(f, "replay: {REPLAY}={line} cargo test {test}")?,
                None => writeln!(f, "replay: {REPLAY}={line} cargo test")?,
            },
            None => writeln!(f, "replay: Simulation::run_with({}, Mode::{:?}, …) with these faults", self.seed, self.mode)?,
        }
        match self.schedule.0.is_empty() {
            true => writeln!(f, "without any fault")?,
            false => writeln!(f, "faults:\n{}", self.history.named(&self.schedule.to_string()).trim_end())?,
        }
        let until = self.history.events().partition_point(|event| event.at <= first.at);
        let shown = History { events: self.history.events()[..until].to_vec(), ..self.history.clone() };
        writeln!(f, "what happened:\n{}", shown.time_line(if f.alternate() { usize::MAX } else { LAST }))
    }
}

/// Events of a failed run that are shown.
const LAST: usize = 60;
