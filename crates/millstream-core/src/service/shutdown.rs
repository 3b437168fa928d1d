//! Owns how a service is told to stop: once in order, twice at once, and with which exit code a process ends.

use super::latest::{Latest, Listener};
use crate::clock::{Clock, MonoTime};
use crate::contract::{Error, ErrorKind, Operation};
use std::process::ExitCode;
use std::time::Duration;

/// How long a service may take to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shutdown {
    /// The whole time, shared out: 0.6 for handlers, 0.2 for outputs, 0.15 for marks and the last commit, the rest to
    /// leave. 25 s by default: Kubernetes kills after 30.
    pub within: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { within: Duration::from_secs(25) }
    }
}

impl Shutdown {
    /// Ends within this time.
    pub fn within(within: Duration) -> Self {
        Shutdown { within }
    }
}

/// What a service is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Told {
    /// Go on.
    #[default]
    Run,
    /// End in order by this point.
    Stop(MonoTime),
    /// Drop what runs, commit what is settled, end within a second.
    Abandon(MonoTime),
}

/// Drops what runs, within a second and not later than it was to end.
fn at_once(now: MonoTime, by: MonoTime) -> Told {
    Told::Abandon(by.min(now.after(Duration::from_secs(1))))
}

/// Tells a service to stop.
#[derive(Clone)]
pub(crate) struct Stopper {
    told: Latest<Told>,
    clock: Clock,
    shutdown: Shutdown,
}

impl Stopper {
    pub(crate) fn new(clock: Clock, shutdown: Shutdown) -> Self {
        Stopper { told: Latest::new(Told::Run), clock, shutdown }
    }

    /// The first call stops in order, the second at once, a third changes nothing (F76).
    pub(crate) fn stop(&self) {
        let now = self.clock.now();
        self.tell(|told| match told {
            Told::Run => Told::Stop(now.after(self.shutdown.within)),
            Told::Stop(by) => at_once(now, by),
            Told::Abandon(by) => Told::Abandon(by),
        });
    }

    /// Stops in order, unless it stops already.
    pub(crate) fn stop_once(&self) {
        self.stop_within(self.shutdown.within);
    }

    /// Stops in order, with no more time than this, unless it stops already.
    pub(crate) fn stop_within(&self, within: Duration) {
        let by = self.clock.now().after(within.min(self.shutdown.within));
        self.tell(|told| if told == Told::Run { Told::Stop(by) } else { told });
    }

    /// Stops at once, whether it was told to stop before or not.
    pub(crate) fn abandon(&self) {
        let now = self.clock.now();
        self.tell(|told| match told {
            Told::Run => at_once(now, now.after(self.shutdown.within)),
            Told::Stop(by) => at_once(now, by),
            Told::Abandon(by) => Told::Abandon(by),
        });
    }

    /// Tells it what follows from what it was told before, in one step: a signal, an error and a user may tell it together.
    fn tell(&self, what: impl FnOnce(Told) -> Told) {
        self.told.change(|told| {
            let before = *told;
            *told = what(before);
            *told != before
        });
    }

    /// What it is told from now on, beginning with what it was told before: a stop during the start counts (F76).
    pub(crate) fn told(&self) -> Listener<Told> {
        self.told.listen()
    }

    /// When it must have ended; now, if it was not told to.
    pub(crate) fn deadline(&self) -> MonoTime {
        match self.told.get() {
            Told::Run => self.clock.now(),
            Told::Stop(by) | Told::Abandon(by) => by,
        }
    }

    pub(crate) fn within(&self) -> Duration {
        self.shutdown.within
    }
}

/// The exit code of a service's result, or of several: 0 clean, 69 a dependency is unavailable, 70 a part panicked, 75 a
/// deadline to end passed, 78 configuration, 130 interrupted by a second signal, else 1. Prints the error to standard error.
pub fn exit_code(result: Result<(), Error>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    #[expect(clippy::print_stderr, reason = "this is the last thing a process says")]
    {
        eprintln!("error: {error:?}");
    }
    ExitCode::from(match error.kind() {
        ErrorKind::Unavailable | ErrorKind::UnknownTopic | ErrorKind::Unauthorized => 69,
        // A deadline of the run itself is one to end by; any other is that of a call to something it depends on.
        ErrorKind::TimedOut if error.operation() == Operation::Run => 75,
        ErrorKind::TimedOut => 69,
        ErrorKind::Interrupted => 130,
        ErrorKind::Configuration => 78,
        ErrorKind::Internal => 70,
        _ => 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[tokio::test]
    async fn two_that_raise_a_stop_at_once_drop_nothing() {
        let stoppers: Vec<_> = (0..20_000).map(|_| Stopper::new(Clock::new(), Shutdown::default())).collect();
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    stoppers.iter().for_each(Stopper::stop_once);
                });
            }
        });
        assert!(stoppers.iter().all(|stopper| matches!(stopper.told.get(), Told::Stop(_))));
    }
}
