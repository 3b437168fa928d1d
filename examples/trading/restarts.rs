//! When the portfolio manager is stopped in the middle, and how: the plan of its restarts.
//!
//! Owns the draws. Leaves stopping and starting to `pipeline`. Every other restart is a crash: the run is dropped where
//! it is, and what it had not written is gone.

use crate::ids::roll;

/// One restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Restart {
    /// Records of the feed published before.
    pub(crate) at: u64,
    /// Whether it is dropped, and not told to stop.
    pub(crate) crash: bool,
}

/// So many restarts while `records` records are published, in order.
pub(crate) fn plan(seed: u64, restarts: u64, records: u64) -> Vec<Restart> {
    let draw = |number: u64| roll(seed, "restart", &number.to_string()) % records.max(1);
    let mut plan: Vec<Restart> = (0..restarts).map(|number| Restart { at: draw(number), crash: number % 2 == 1 }).collect();
    plan.sort_unstable();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_restarts_are_crashes_and_a_seed_plans_them_all() {
        let plan_of = |seed| plan(seed, 20, 9_500);
        assert_eq!(plan_of(1), plan_of(1));
        assert_ne!(plan_of(1), plan_of(2));
        assert_eq!(plan_of(1).iter().filter(|restart| restart.crash).count(), 10);
        assert!(plan_of(1).is_sorted() && plan_of(1).iter().all(|restart| restart.at < 9_500));
    }
}
