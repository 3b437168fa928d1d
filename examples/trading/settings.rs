//! What the four services have in common: how failures are tried again, and how long a silent member is waited for.
//!
//! Owns the numbers. Leaves what is a service's own, such as the engine's breaker, to it.

use std::time::Duration;

use millstream::prelude::*;

/// The services' settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How long a group waits for a member that is silent. 45 s, Kafka's default.
    pub(crate) session: Duration,
    /// How long a member has to finish what is taken from it.
    pub(crate) revoke: Duration,
    /// How long a service has to end when it is told to stop.
    pub(crate) shutdown: Duration,
    /// Which run it is: a store that outlives a run knows its ids apart from those of the next one.
    pub(crate) run: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let [session, revoke, shutdown] = [45, 30, 25].map(Duration::from_secs);
        Self { session, revoke, shutdown, run: 0 }
    }
}

impl Settings {
    /// For services that crash and come back at once.
    pub(crate) fn crashing() -> Self {
        let session = Duration::from_millis(400);
        Self { session, revoke: session, ..Self::default() }
    }

    /// A planned failure passes at once, so retries come quickly; the venue's outage takes four attempts.
    pub(crate) fn retry() -> Retry {
        Retry::exponential(Duration::from_millis(1), Duration::from_millis(20)).attempts(ATTEMPTS)
    }
}

/// Attempts that an event has.
pub(crate) const ATTEMPTS: u32 = 5;
