//! Owns how the time for leaving is shared out. Leaves what is done in each phase to the worker and the service.

use crate::clock::MonoTime;
use std::time::Duration;

/// What is being finished. In this order: outputs before marks, marks before the commit, the commit before leaving (I12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Handlers that run may end; retries are abandoned (B55).
    Handlers,
    /// Outputs are confirmed.
    Outputs,
    /// Marks are kept, and the last commit's outcome is awaited.
    Marks,
    /// Partitions are given up and the group is left.
    Leave,
    /// Time is up, or all is done.
    Over,
}

/// How much of the whole is gone, in percent, when each phase must end: 60 for handlers, because they are what users wait
/// for, 20 for outputs, 15 for marks and commit, and 5 to leave.
const SHARES: [u32; 4] = [60, 80, 95, 100];

/// How long commit and leaving may take after a second signal.
const ABANDON: Duration = Duration::from_secs(1);

/// One drain: of an epoch that is revoked, or of the whole service.
///
/// Deadlines are points in time, so what a phase does not use is its successor's (F75).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drain {
    deadlines: [MonoTime; 4],
    /// The first phase not yet finished.
    current: Phase,
}

impl Drain {
    /// Begins a drain that must be over `within` this time.
    pub fn begin(now: MonoTime, within: Duration) -> Self {
        Drain { deadlines: SHARES.map(|share| now.after(part(within, share))), current: Phase::Handlers }
    }

    /// The phase at `now`: the first that is neither finished nor out of time.
    pub fn phase(&self, now: MonoTime) -> Phase {
        let phases = [Phase::Handlers, Phase::Outputs, Phase::Marks, Phase::Leave];
        let open = |phase: &Phase| *phase >= self.current && now < self.deadline_of(*phase);
        phases.into_iter().find(open).unwrap_or(Phase::Over)
    }

    /// Takes note that a phase and all before it are finished; answers the phase at `now`.
    pub fn finished(&mut self, phase: Phase, now: MonoTime) -> Phase {
        let next = match phase {
            Phase::Handlers => Phase::Outputs,
            Phase::Outputs => Phase::Marks,
            Phase::Marks => Phase::Leave,
            Phase::Leave | Phase::Over => Phase::Over,
        };
        self.current = self.current.max(next);
        self.phase(now)
    }

    /// When a phase must end; for [`Phase::Over`] the end of all.
    pub fn deadline_of(&self, phase: Phase) -> MonoTime {
        self.deadlines[(phase as usize).min(SHARES.len() - 1)]
    }

    /// The end of all.
    pub fn deadline(&self) -> MonoTime {
        self.deadline_of(Phase::Over)
    }

    /// A second signal: handlers and outputs are dropped at once, and within a second the present watermark is committed
    /// and the group left. Never later than before; a third signal changes nothing (F76).
    pub fn abandon(&mut self, now: MonoTime) {
        self.current = self.current.max(Phase::Marks);
        let ends = [now, now, now.after(part(ABANDON, SHARES[2])), now.after(ABANDON)];
        for (deadline, end) in self.deadlines.iter_mut().zip(ends) {
            *deadline = end.min(*deadline);
        }
    }
}

fn part(of: Duration, percent: u32) -> Duration {
    // Divided first: a span of centuries must not overflow.
    of / 100 * percent
}

#[cfg(test)]
mod tests;
