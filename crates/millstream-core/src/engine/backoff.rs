//! Owns how long to wait before trying again. Leaves whether to try again to `attempts`, and the dice to the caller.

use std::time::Duration;

/// Exponential delays with a cap, jittered by default.
///
/// The `n`th delay has the ceiling `base × factorⁿ⁻¹`, at most `cap`. With jitter it lies evenly between half the base and
/// its ceiling, so that many that failed together do not come back together; never below half the base, because a retry
/// without a pause is a hot loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    factor: u32,
    jitter: bool,
}

/// No delay has a smaller base: timers tick in milliseconds.
const LEAST: Duration = Duration::from_millis(1);

impl Backoff {
    /// Delays that begin at `base` (at least a millisecond) and double up to `cap` (at least `base`), with full jitter.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        let base = if base.as_nanos() < LEAST.as_nanos() { LEAST } else { base };
        let cap = if cap.as_nanos() < base.as_nanos() { base } else { cap };
        Backoff { base, cap, factor: 2, jitter: true }
    }

    /// The same, each ceiling `factor` times the one before; 1 is a constant delay, 0 counts as 1.
    #[must_use]
    pub const fn factor(mut self, factor: u32) -> Self {
        self.factor = if factor == 0 { 1 } else { factor };
        self
    }

    /// The same without jitter: every delay is its ceiling.
    #[must_use]
    pub const fn without_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }

    /// The longest the delay after `attempt` attempts (1 and up; 0 counts as 1) can be.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let grown = self.factor.checked_pow(attempt.saturating_sub(1)).and_then(|times| self.base.checked_mul(times));
        grown.map_or(self.cap, |ceiling| ceiling.min(self.cap))
    }

    /// How long to wait after `attempt` attempts. `entropy` is 64 evenly distributed bits.
    pub fn delay(&self, attempt: u32, entropy: u64) -> Duration {
        let ceiling = self.ceiling(attempt);
        if !self.jitter {
            return ceiling;
        }
        let floor = self.base / 2;
        let width = ceiling.saturating_sub(floor).as_nanos();
        // The high half of a 128-bit product: even, without a division. The cap keeps the width below 2⁶⁴.
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        let part = (u128::from(entropy) * (u128::from(width) + 1)) >> 64;
        floor + Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
    }
}

impl Default for Backoff {
    /// 100 ms doubling to 10 s: the first retry rides out a blip, the last ones a leader election or a restart.
    fn default() -> Self {
        Backoff::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}

#[cfg(test)]
mod tests;
