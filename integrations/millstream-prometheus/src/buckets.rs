//! Owns a histogram as counts by bucket: bounded, however many values come, and many equal ones at the price of one.

use metrics::HistogramFn;
use std::sync::atomic::{AtomicU64, Ordering};

/// The buckets' upper bounds, in seconds: OpenTelemetry's for durations, and four below them, since a handler that computes
/// takes microseconds.
pub const BOUNDS: [f64; 18] =
    [1e-6, 1e-5, 1e-4, 1e-3, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Counts by bucket, the last for what is above all bounds.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Buckets {
    /// How many values are at most each bound, how many there are, and their sum.
    pub(crate) fn read(&self) -> ([u64; BOUNDS.len()], u64, f64) {
        let mut all = 0;
        let mut up_to = [0; BOUNDS.len()];
        for (bucket, count) in self.counts.iter().enumerate() {
            all += count.load(Ordering::Relaxed);
            if let Some(up_to) = up_to.get_mut(bucket) {
                *up_to = all;
            }
        }
        (up_to, all, f64::from_bits(self.sum.load(Ordering::Relaxed)))
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        let bucket = BOUNDS.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(count as u64, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value * count as f64).to_bits());
        // The closure always answers, so the update cannot fail.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_is_within_it_and_one_above_all_is_only_in_the_count() {
        let buckets = Buckets::default();
        buckets.record(0.005);
        buckets.record_many(11.0, 3);
        let (up_to, all, sum) = buckets.read();
        let at = BOUNDS.iter().position(|bound| *bound == 0.005).expect("a bound");
        assert_eq!((up_to[at - 1], up_to[at], up_to[BOUNDS.len() - 1], all), (0, 1, 1, 4));
        assert!((sum - 33.005).abs() < 1e-9);
    }
}
