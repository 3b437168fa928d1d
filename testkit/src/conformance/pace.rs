//! Owns how time passes for a suite's cases: paused for backends inside this process, real for all others.

use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How time passes, and how long a case waits.
///
/// Each case has a runtime of its own, of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// Whether time stands still while anything can be done, and leaps when nothing can.
    pub paused: bool,
    /// How long a case waits for something before it gives up. Default 30 s: far above what a rebalance takes.
    pub patience: Duration,
    /// The session of members that fall silent. Default 6 s, the least Kafka's brokers take by default.
    pub session: Duration,
    /// How long a case may take at most. Default 3 min: several patiences, so that a case says itself what it waited for.
    pub deadline: Duration,
}

impl Pace {
    /// For a backend all of which is in this process: nothing takes real time.
    pub fn paused() -> Self {
        Pace {
            paused: true,
            patience: Duration::from_secs(30),
            session: Duration::from_secs(6),
            deadline: Duration::from_secs(180),
        }
    }

    /// For a backend that talks to something outside of this process.
    pub fn real() -> Self {
        Pace { paused: false, ..Pace::paused() }
    }

    /// Sets how long a case waits for something.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the session of members that fall silent.
    #[must_use]
    pub fn session(mut self, session: Duration) -> Self {
        self.session = session;
        self
    }

    /// Sets how long a case may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(super) fn runtime(&self) -> Runtime {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(self.paused);
        builder.build().expect("the system has room for a runtime")
    }
}
