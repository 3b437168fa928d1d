//! Owns the line that replays a run: its seed, its mode, and which of the seed's faults befall it. Leaves running it to
//! `simulation`.

use super::driver::Mode;
use super::fault::Schedule;
use std::fmt;
use std::str::FromStr;

/// A run as a line that is pasted: `17:liveness` with all faults of the seed, `17:liveness:2,5` with the third and the sixth,
/// `17:liveness:none` without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replay {
    pub(super) seed: u64,
    pub(super) mode: Mode,
    /// Numbers of faults, from 0; all of them if it is not said.
    faults: Option<Vec<usize>>,
}

impl Replay {
    /// Of a run with these faults; `None` if one is not among the seed's `own`.
    pub(super) fn of(seed: u64, mode: Mode, own: &Schedule, faults: &Schedule) -> Option<Self> {
        if own == faults {
            return Some(Replay { seed, mode, faults: None });
        }
        let mut numbers = Vec::with_capacity(faults.0.len());
        let mut left = own.0.iter().enumerate();
        for fault in &faults.0 {
            numbers.push(left.find(|(_, of_seed)| *of_seed == fault)?.0);
        }
        Some(Replay { seed, mode, faults: Some(numbers) })
    }

    /// The faults it says, out of the seed's own.
    pub(super) fn faults(&self, own: Schedule) -> Schedule {
        let Some(numbers) = &self.faults else { return own };
        Schedule(own.0.into_iter().enumerate().filter(|(number, _)| numbers.contains(number)).map(|(_, fault)| fault).collect())
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seed, self.mode)?;
        let Some(numbers) = &self.faults else { return Ok(()) };
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        write!(f, ":{}", if numbers.is_empty() { "none".to_owned() } else { numbers.join(",") })
    }
}

impl FromStr for Replay {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("`{line}` replays nothing: say `seed:mode` or `seed:mode:faults`, as in `17:liveness:2,5`");
        let mut parts = line.trim().split(':');
        let seed = parts.next().and_then(|seed| seed.parse().ok()).ok_or_else(wrong)?;
        let mode = match parts.next() {
            Some("safety") => Mode::Safety,
            Some("liveness") => Mode::Liveness,
            _ => return Err(wrong()),
        };
        let faults = match parts.next() {
            None => None,
            Some("none") => Some(Vec::new()),
            Some(numbers) => Some(numbers.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?),
        };
        match parts.next() {
            None => Ok(Replay { seed, mode, faults }),
            Some(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Fault;
    use std::time::Duration;

    fn schedule(faults: &[u64]) -> Schedule {
        Schedule(faults.iter().map(|records| (Duration::from_secs(*records), Fault::Replay { records: *records })).collect())
    }

    #[test]
    fn a_printed_line_is_read_as_the_run_it_was_printed_for() {
        let own = schedule(&[1, 2, 3, 4]);
        for (faults, line) in [(&[1, 2, 3, 4][..], "7:safety"), (&[2, 4], "7:safety:1,3"), (&[], "7:safety:none")] {
            let replay = Replay::of(7, Mode::Safety, &own, &schedule(faults)).expect("they are among its own");
            assert_eq!(replay.to_string(), line);
            assert_eq!(line.parse(), Ok(replay.clone()));
            assert_eq!(replay.faults(own.clone()), schedule(faults));
        }
    }

    #[test]
    fn faults_that_are_not_the_seeds_have_no_line() {
        assert_eq!(Replay::of(7, Mode::Safety, &schedule(&[1, 2]), &schedule(&[1, 3])), None);
    }

    #[test]
    fn a_line_that_replays_nothing_is_refused_with_an_example() {
        for line in ["", "7", "x:safety", "7:always", "7:safety:a", "7:safety:1:2"] {
            let why = line.parse::<Replay>().expect_err(line);
            assert!(why.contains("17:liveness:2,5"), "{why}");
        }
    }
}
