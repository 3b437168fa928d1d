//! Owns how long a handler defers a record: for a time, or until a time.

use crate::envelope::Timestamp;
use std::time::Duration;

/// Until when a record is deferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// So long from the end of the attempt.
    After(Duration),
    /// Until this time by the wall clock.
    At(Timestamp),
}

impl Until {
    /// How long that is, where the wall clock shows `wall` milliseconds since the Unix epoch: at least a millisecond, so
    /// that a time that is over does not run the handler without a pause.
    pub(crate) fn counted_from(self, wall: u64) -> Duration {
        let wait = match self {
            Until::After(wait) => wait,
            Until::At(at) => {
                let micros = i128::from(at.as_micros()) - i128::from(wall) * 1_000;
                Duration::from_micros(u64::try_from(micros.max(0)).unwrap_or(u64::MAX))
            }
        };
        wait.max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_by_the_wall_clock_is_as_far_as_it_is_from_now() {
        let at = Until::At(Timestamp::from_micros(1_700_000_000_000_500));
        assert_eq!(at.counted_from(1_699_999_999_998), Duration::from_micros(2_500));
        assert_eq!(Until::After(Duration::from_secs(7)).counted_from(0), Duration::from_secs(7));
    }

    #[test]
    fn a_time_that_is_over_is_a_millisecond_away() {
        let over = [Until::At(Timestamp::from_millis(5)), Until::At(Timestamp::UNIX_EPOCH), Until::After(Duration::ZERO)];
        assert_eq!(over.map(|until| until.counted_from(u64::MAX)), [Duration::from_millis(1); 3]);
    }
}
