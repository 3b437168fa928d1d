//! Owns how much is remembered and the arithmetic of expiry in whole seconds. Leaves what happens at a limit to each
//! deduplicator.

use millstream_core::clock::MonoTime;
use std::time::Duration;

/// How many ids are remembered, and for how long.
///
/// ```
/// # use millstream_moka::Limits;
/// # use std::time::Duration;
/// let two_days = Limits::new().with_ids(200_000).with_ttl(Duration::from_hours(48));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    ids: usize,
    ttl: Duration,
}

impl Limits {
    /// The default number of ids: 917,504, ⅞ of 2²⁰, so that a full window fills its buckets and its filter as far as they
    /// are meant to be. That is 15 minutes of 1,000 events a second, and 39 MiB in a [`WindowDeduplicator`].
    ///
    /// [`WindowDeduplicator`]: crate::WindowDeduplicator
    pub const IDS: usize = 917_504;

    /// The default time to live: 7 days, Kafka's own default retention, so that no redelivery of what the log still
    /// holds outlives its mark.
    pub const TTL: Duration = Duration::from_hours(7 * 24);

    /// The defaults.
    pub const fn new() -> Self {
        Limits { ids: Self::IDS, ttl: Self::TTL }
    }

    /// At most `ids` ids, in each scope for a window and over all scopes for a cache. Fewer than 2 are taken as 2.
    #[must_use]
    pub const fn with_ids(mut self, ids: usize) -> Self {
        self.ids = if ids < 2 { 2 } else { ids };
        self
    }

    /// A mark lives for `ttl` at least and for less than two seconds more, because stamps count whole seconds. It should
    /// cover the longest span over which a record may come again: retries, redelivery after a crash, the log's retention.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How many ids.
    pub const fn ids(&self) -> usize {
        self.ids
    }

    /// For how long.
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        let whole = u32::try_from(self.ttl.as_secs()).unwrap_or(u32::MAX);
        Lifetime(whole.saturating_add(u32::from(self.ttl.subsec_nanos() > 0)))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// A time to live in whole seconds, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime(u32);

impl Lifetime {
    /// The last second in which a mark made in second `now` is alive.
    pub(crate) fn until(self, now: Second) -> Second {
        Second(now.0.saturating_add(self.0))
    }
}

/// A whole second of the clock, counted from 1; four bytes of it last for 136 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Second(u32);

impl Second {
    /// Before any second the clock shows: what ends here was never alive.
    pub(crate) const NEVER: Second = Second(0);

    pub(crate) fn of(time: MonoTime) -> Self {
        Second(u32::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(u32::MAX).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_lives_its_time_whatever_fractions_of_seconds_it_was_made_and_asked_in() {
        let at = |millis| Second::of(MonoTime::from_millis(millis));
        for ttl in [0, 1, 999, 1_000, 1_001, 2_500, 60_000] {
            let lifetime = Limits::new().with_ttl(Duration::from_millis(ttl)).lifetime();
            for made in [0, 1, 500, 999, 1_000, 1_999, 7_300] {
                let until = lifetime.until(at(made));
                assert!(until >= at(made + ttl), "made at {made} ms, it did not live for {ttl} ms");
                assert!(until < at(made + ttl + 2_000), "made at {made} ms for {ttl} ms, it lived for two seconds more");
            }
        }
    }

    #[test]
    fn an_endless_time_to_live_never_ends() {
        let lifetime = Limits::new().with_ttl(Duration::MAX).lifetime();
        assert!(lifetime.until(Second::of(MonoTime::ZERO)) >= Second::of(MonoTime::from_nanos(u64::MAX)));
    }
}
