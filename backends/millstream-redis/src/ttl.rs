//! Owns how long what is cached lives: the strategy, as a value. Leaves counting to the server.

use crate::keys::MOST_MILLIS;
use std::time::Duration;

/// How long an entry lives: from when it was put, or from when it was last read, and how evenly ends are spread.
///
/// ```
/// use millstream_redis::Ttl;
/// use std::time::Duration;
/// let prices = Ttl::after(Duration::from_secs(60));                 // a minute after it was put
/// let session = Ttl::sliding(Duration::from_secs(900));             // a quarter of an hour after it was last read
/// let candles = Ttl::after(Duration::from_secs(3600)).spread(10);   // an hour, or up to six minutes less
/// # let _ = (prices, session, candles);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    life: Duration,
    slides: bool,
    spread: u8,
}

impl Ttl {
    /// Ends so long after it was put.
    pub const fn after(life: Duration) -> Self {
        Ttl { life, slides: false, spread: 0 }
    }

    /// Ends so long after it was last read or put (needs Redis 6.2).
    pub const fn sliding(life: Duration) -> Self {
        Ttl { life, slides: true, spread: 0 }
    }

    /// Ends up to so many percent earlier, by its key: what is put together does not end together, and is not all fetched anew
    /// at once. 100 at most.
    #[must_use]
    pub const fn spread(mut self, percent: u8) -> Self {
        self.spread = if percent > 100 { 100 } else { percent };
        self
    }

    /// Whether reading prolongs it.
    pub(crate) fn slides(&self) -> bool {
        self.slides
    }

    /// The milliseconds of an entry, 1 at least.
    pub(crate) fn millis(&self, key: &str) -> u64 {
        let whole = u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX).clamp(1, MOST_MILLIS);
        let most = whole / 100 * u64::from(self.spread) + whole % 100 * u64::from(self.spread) / 100;
        // FNV-1a: the same for a key in every process.
        let hash =
            key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (whole - hash % (most + 1)).max(1)
    }
}

/// An hour after it was put: a value that nobody renews is not trusted longer.
impl Default for Ttl {
    fn default() -> Self {
        Ttl::after(Duration::from_secs(3600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_ends_earlier_by_no_more_than_its_percent_and_evenly() {
        let ttl = Ttl::after(Duration::from_secs(100)).spread(10);
        let lives: Vec<u64> = (0..1_000).map(|n| ttl.millis(&format!("key-{n}"))).collect();
        assert!(lives.iter().all(|life| (90_000..=100_000).contains(life)));
        let early = lives.iter().filter(|life| **life < 95_000).count();
        assert!((350..650).contains(&early), "{early} of 1,000 end in the first half");
        assert_eq!((Ttl::after(Duration::ZERO).millis("k"), Ttl::after(Duration::MAX).millis("k") > 1 << 40), (1, true));
    }
}
