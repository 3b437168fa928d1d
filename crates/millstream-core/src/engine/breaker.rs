//! Owns the decision to stop calling a handler whose dependency is down, instead of turning every record into a dead
//! letter. Leaves to the worker to hold starts back and to let the attempts' time stand still meanwhile
//! ([`Hold::Breaker`](super::Hold)).

use crate::clock::MonoTime;
use std::collections::VecDeque;
use std::time::Duration;

/// When a breaker opens, and how it looks for the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Breaker {
    /// Transient failures that open it; at least 1. 20 by default: five records that use up their four attempts, so one
    /// bad record never opens it.
    pub after: u32,
    /// The time in which they must come. 10 s by default, about what the default attempts of one record take at most.
    pub within: Duration,
    /// Time between probes while it is open. 5 s by default: soon enough for a restart, too slow to hurt what recovers.
    pub probe_every: Duration,
}

impl Breaker {
    /// Opens after `failures` transient failures (at least 1) within 10 s, and probes every 5 s.
    ///
    /// ```
    /// use millstream_core::engine::Breaker;
    /// use std::time::Duration;
    /// let breaker = Breaker::after(50).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5));
    /// assert_eq!(breaker.after, 50);
    /// ```
    pub const fn after(failures: u32) -> Self {
        let after = if failures == 0 { 1 } else { failures };
        Breaker { after, within: Duration::from_secs(10), probe_every: Duration::from_secs(5) }
    }

    /// The same, where the failures must come within `span`.
    #[must_use]
    pub const fn within(mut self, span: Duration) -> Self {
        self.within = span;
        self
    }

    /// The same, probing every `pause` while it is open.
    #[must_use]
    pub const fn probe_every(mut self, pause: Duration) -> Self {
        self.probe_every = pause;
        self
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker::after(20)
    }
}

/// What a breaker says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Attempts start.
    Closed,
    /// None starts before `until`; then one does, as a probe.
    Open {
        /// When the next probe may start.
        until: MonoTime,
    },
    /// One attempt is on its way to find out.
    Probing,
}

/// Whether an attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// It may.
    Yes,
    /// It may, as the one probe: its end must be told with a `probe_…` method.
    Probe,
    /// It may not.
    No,
}

/// Opens when transient failures are the rule and not the exception.
///
/// It opens at the `after`th failure within the policy's time, if since the first of these at least half of all attempts
/// failed: at 10,000 records a second twenty failures alone mean nothing. Memory is bounded by `after`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Circuit {
    policy: Breaker,
    state: BreakerState,
    /// Each recent failure and how many attempts had succeeded by then; at most `after`.
    failures: VecDeque<(MonoTime, u64)>,
    /// Counted only while a failure is remembered.
    successes: u64,
}

impl Circuit {
    /// A closed breaker.
    pub fn new(policy: Breaker) -> Self {
        Circuit { policy, state: BreakerState::Closed, failures: VecDeque::new(), successes: 0 }
    }

    /// Whether an attempt may start now. A [`Start::Probe`] is handed out once, until its end is told.
    #[inline]
    pub fn may_start(&mut self, now: MonoTime) -> Start {
        match self.state {
            BreakerState::Closed => Start::Yes,
            BreakerState::Open { until } if until <= now => {
                self.state = BreakerState::Probing;
                Start::Probe
            }
            BreakerState::Open { .. } | BreakerState::Probing => Start::No,
        }
    }

    /// Whether no attempt may start now, not even as the probe. Unlike [`may_start`](Self::may_start) it hands none out.
    pub fn holds_back(&self, now: MonoTime) -> bool {
        match self.state {
            BreakerState::Closed => false,
            BreakerState::Open { until } => until > now,
            BreakerState::Probing => true,
        }
    }

    /// Takes note of a transient failure or a time-out of an ordinary attempt; answers whether the breaker opened at it.
    /// Attempts that started before it opened and fail later change nothing.
    pub fn failed(&mut self, now: MonoTime) -> bool {
        if self.state != BreakerState::Closed {
            return false;
        }
        let after = self.policy.after as usize;
        while self.failures.front().is_some_and(|(at, _)| now.since(*at) > self.policy.within) || self.failures.len() >= after {
            self.failures.pop_front();
        }
        if self.failures.is_empty() {
            self.successes = 0;
        }
        self.failures.push_back((now, self.successes));
        let first = self.failures.front().map_or(0, |(_, successes)| *successes);
        let opens = self.failures.len() >= after && self.successes - first <= u64::from(self.policy.after);
        if opens {
            self.open(now);
        }
        opens
    }

    /// Takes note of an ordinary attempt that succeeded, or failed in a way that says nothing of a dependency.
    #[inline]
    pub fn succeeded(&mut self) {
        self.succeeded_many(1);
    }

    /// Takes note of many ordinary attempts that succeeded.
    #[inline]
    pub fn succeeded_many(&mut self, attempts: u64) {
        if !self.failures.is_empty() {
            self.successes = self.successes.saturating_add(attempts);
        }
    }

    /// The probe failed: the next one may start after `probe_every`.
    pub fn probe_failed(&mut self, now: MonoTime) {
        if self.state == BreakerState::Probing {
            self.open(now);
        }
    }

    /// The probe succeeded, or failed in a way that says nothing of a dependency: the breaker closes.
    pub fn probe_succeeded(&mut self) {
        if self.state == BreakerState::Probing {
            self.state = BreakerState::Closed;
        }
    }

    /// The probe ended without an answer (deferred, or its epoch ended): another may start at once.
    pub fn probe_abandoned(&mut self, now: MonoTime) {
        if self.state == BreakerState::Probing {
            self.state = BreakerState::Open { until: now };
        }
    }

    /// What it says of itself. An open breaker whose `until` has come waits for somebody to ask for the probe.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether attempts start freely.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.state == BreakerState::Closed
    }

    fn open(&mut self, now: MonoTime) {
        self.state = BreakerState::Open { until: now.after(self.policy.probe_every) };
        self.failures.clear();
        self.successes = 0;
    }
}

#[cfg(test)]
mod tests;
