//! Owns what follows a failed attempt: another one, and when, or the dead letter, and why. Leaves the waiting to the
//! worker and the classification of errors to the handler's room.
//!
//! Only failing records have an [`Attempts`]. What counts as time of failing is the attempts and the delays between them, and no
//! wait for anything else (a store that hangs, a note, a slot). Time that stands still for all attempts at once (breaker open,
//! store or sink down, draining; F110, B48) is kept in one [`Standstill`]: it tells *running time*, which stops while anything
//! holds it, so pausing a thousand records costs the same as pausing none.

use super::Backoff;
use crate::clock::MonoTime;
use crate::contract::DeadLetterReason;
use std::time::Duration;

/// How often, how fast and how long a failing record is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Retry {
    /// Handler calls per delivery, the first included; at least 1. 4 by default: with the default backoff a record holds
    /// its key for about a second before it becomes a dead letter.
    pub max_attempts: u32,
    /// The delays between them.
    pub backoff: Backoff,
    /// How long a record may fail from its first failure on: its attempts, in running time, and the delays between them.
    /// What else it waits for is not its failing and does not count. 5 minutes by default: handlers that fail by time-out
    /// must not hold their key for attempts × time-out without a bound.
    pub deadline: Option<Duration>,
    /// Whether a panic is tried again. Not by default: the same input mostly panics again (F24).
    pub retry_panics: bool,
}

impl Retry {
    /// Exponential delays with full jitter from `base` to `cap`, and otherwise the defaults.
    pub fn exponential(base: Duration, cap: Duration) -> Self {
        Retry { backoff: Backoff::new(base, cap), ..Retry::default() }
    }

    /// One attempt: whatever fails becomes a dead letter.
    pub fn none() -> Self {
        Retry::default().attempts(1)
    }

    /// The same with this many handler calls in all, the first included; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts.max(1);
        self
    }

    /// The same, giving up after this long a time of failing ([`deadline`](Self::deadline)).
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same without a deadline: only attempts are counted.
    #[must_use]
    pub fn without_deadline(mut self) -> Self {
        self.deadline = None;
        self
    }

    /// The same, trying again after panics.
    #[must_use]
    pub fn retrying_panics(mut self) -> Self {
        self.retry_panics = true;
        self
    }
}

impl Default for Retry {
    fn default() -> Self {
        Retry { max_attempts: 4, backoff: Backoff::default(), deadline: Some(Duration::from_secs(300)), retry_panics: false }
    }
}

/// How an attempt failed. An error of unknown kind counts as [`Transient`](Failure::Transient) (F28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// Trying again may help.
    Transient,
    /// Trying again will not help (B19).
    Permanent,
    /// It cannot be decoded or breaks a limit: the handler was not called (F33, B27).
    Poison,
    /// The handler panicked.
    Panic,
    /// The attempt took too long and was dropped (F25).
    TimedOut,
}

impl Failure {
    /// The word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Failure::Transient => "transient",
            Failure::Permanent => "permanent",
            Failure::Poison => "poison",
            Failure::Panic => "panic",
            Failure::TimedOut => "timed-out",
        }
    }
}

/// A failure, and the retries it is answered by if these are others than its partition's.
///
/// Errors of one record may differ from attempt to attempt. Each is answered by the policy of its own type; attempts and
/// the time of failing are counted over all of them, so a record never has more attempts than the largest policy it met
/// allows (I5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Judged<'p> {
    /// How the attempt failed.
    pub failure: Failure,
    /// The policy for this error; `None` is the partition's own.
    pub retry: Option<&'p Retry>,
    /// The least time until the next attempt: what the failure itself asks for, such as a server that is too busy. Zero
    /// asks for nothing.
    pub not_before: Duration,
}

impl<'p> Judged<'p> {
    /// A failure to be answered by `retry`, or by the partition's own policy.
    pub fn by(failure: Failure, retry: Option<&'p Retry>) -> Self {
        Judged { failure, retry, not_before: Duration::ZERO }
    }

    /// The same, with the next attempt not before so long.
    #[must_use]
    pub fn after(mut self, not_before: Duration) -> Self {
        self.not_before = not_before;
        self
    }
}

impl From<Failure> for Judged<'_> {
    fn from(failure: Failure) -> Self {
        Judged::by(failure, None)
    }
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Call the handler again at this point, if nothing stands still then.
    Retry {
        /// Not before this.
        at: MonoTime,
    },
    /// Hand it to the error sink.
    GiveUp(DeadLetterReason),
}

/// Something that stops the running time of all failing records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hold {
    /// The breaker is open.
    Breaker,
    /// The deduplicator does not answer (F43).
    Deduplicator,
    /// The error sink does not accept (F50).
    Sink,
    /// The worker drains.
    Draining,
    /// Ownership is in doubt after a pause.
    Suspicion,
}

impl Hold {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Tells running time: time less all spans during which at least one [`Hold`] was on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standstill {
    holds: u8,
    since: MonoTime,
    stood: Duration,
}

impl Standstill {
    /// Time runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a hold on; putting it on twice changes nothing.
    pub fn pause(&mut self, hold: Hold, now: MonoTime) {
        planted!(B48: if hold == Hold::Breaker { return });
        if self.holds == 0 {
            self.since = now;
        }
        self.holds |= hold.bit();
    }

    /// Takes a hold off. Time runs again when none is left.
    pub fn resume(&mut self, hold: Hold, now: MonoTime) {
        let stood_still = self.stands();
        self.holds &= !hold.bit();
        if stood_still && !self.stands() {
            self.stood += now.since(self.since);
            // Equal histories should be equal values.
            self.since = MonoTime::ZERO;
        }
    }

    /// Whether time stands still.
    pub fn stands(&self) -> bool {
        self.holds != 0
    }

    /// Whether this hold is on.
    pub fn holds(&self, hold: Hold) -> bool {
        self.holds & hold.bit() != 0
    }

    /// The running time at `now`. Comparable only with running times of the same standstill.
    pub fn running(&self, now: MonoTime) -> MonoTime {
        let now = if self.stands() { self.since } else { now };
        MonoTime::ZERO.after(now.since(MonoTime::ZERO).saturating_sub(self.stood))
    }
}

/// Measures running time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stopwatch(MonoTime);

impl Stopwatch {
    /// Starts measuring now.
    pub fn start(now: MonoTime, standstill: &Standstill) -> Self {
        Stopwatch(standstill.running(now))
    }

    /// How much time ran since the start.
    pub fn elapsed(&self, now: MonoTime, standstill: &Standstill) -> Duration {
        standstill.running(now).since(self.0)
    }
}

/// The handler calls one failing record has had, and for how long it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempts {
    made: u32,
    /// The time of failing before the watch was started.
    spent: Duration,
    /// What of the watch's time may count before the next attempt starts: its delay.
    delay: Duration,
    /// Of the attempt that runs, or of the wait for the next one.
    watch: Stopwatch,
}

impl Attempts {
    /// Of a record that fails for the first time now. Its deadline is measured from here: a healthy record costs no clock.
    pub fn new(now: MonoTime, standstill: &Standstill) -> Self {
        Attempts { made: 0, spent: Duration::ZERO, delay: Duration::ZERO, watch: Stopwatch::start(now, standstill) }
    }

    /// Handler calls made.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Its next attempt starts, or would if nothing kept it. Of the wait until now its delay was its failing, as far as
    /// time ran, and what it waited for beyond that was not.
    pub fn starts(&mut self, now: MonoTime, standstill: &Standstill) {
        planted!(B48: return);
        let waited = self.watch.elapsed(now, standstill).min(self.delay);
        self.restart(self.spent.saturating_add(waited), Duration::ZERO, now, standstill);
    }

    /// Its record is put off: no attempt, and no time of failing until it [`starts`](Self::starts) again.
    pub fn deferred(&mut self, now: MonoTime, standstill: &Standstill) {
        self.restart(self.elapsed(now, standstill), Duration::ZERO, now, standstill);
    }

    fn restart(&mut self, spent: Duration, delay: Duration, now: MonoTime, standstill: &Standstill) {
        (self.spent, self.delay, self.watch) = (spent, delay, Stopwatch::start(now, standstill));
    }

    fn elapsed(&self, now: MonoTime, standstill: &Standstill) -> Duration {
        self.spent.saturating_add(self.watch.elapsed(now, standstill))
    }

    /// Counts a failed attempt and says what follows (I5, F27, B13). A poison record counts none, and gives up. Gives up
    /// at once, rather than wait in vain, if the next attempt would start after the deadline.
    ///
    /// A wait that the failure asks for counts as a delay: longer than the backoff's, never shorter, and one that leads
    /// past the deadline gives up.
    pub fn failed<'p>(
        &mut self,
        failed: impl Into<Judged<'p>>,
        policy: &Retry,
        standstill: &Standstill,
        now: MonoTime,
        entropy: u64,
    ) -> Verdict {
        let Judged { failure, retry, not_before } = failed.into();
        let policy = retry.unwrap_or(policy);
        if failure == Failure::Poison && !planted!(B27) {
            return Verdict::GiveUp(DeadLetterReason::Poison);
        }
        self.made = self.made.saturating_add(1);
        match failure {
            Failure::Permanent if !planted!(B19) => return Verdict::GiveUp(DeadLetterReason::Permanent),
            Failure::Panic if !policy.retry_panics => return Verdict::GiveUp(DeadLetterReason::Panic),
            _ => {}
        }
        let delay = policy.backoff.delay(self.made, entropy).max(not_before);
        let elapsed = self.elapsed(now, standstill);
        let next = elapsed.saturating_add(delay);
        let most = policy.max_attempts + u32::from(planted!(B13));
        if self.made >= most || policy.deadline.is_some_and(|deadline| next > deadline) {
            return Verdict::GiveUp(DeadLetterReason::Exhausted);
        }
        self.restart(elapsed, delay, now, standstill);
        Verdict::Retry { at: now.after(delay) }
    }
}

#[cfg(test)]
mod tests;
