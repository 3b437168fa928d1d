//! Owns the checks of how failing records are tried again, of a service and of a handler, and of the breaker.

use crate::engine::{Breaker, Retry};
use crate::service::Problems;

/// The retries of `whose`: that of error handling, or a handler's own.
pub(super) fn retry(whose: &str, retry: &Retry, problems: &mut Problems) {
    if retry.max_attempts == 0 {
        let remedy = "one is the least: `Retry::none()`; four are the default: `Retry::default()`";
        problems.add(format!("{whose} makes no attempt"), remedy);
    }
    let first = retry.backoff.delay(1, 0);
    if let Some(deadline) = retry.deadline
        && retry.max_attempts > 1
        && first > deadline
    {
        let attempts = retry.max_attempts;
        let text = format!(
            "{whose} makes {attempts} attempts within {deadline:?}, but the second comes after {first:?} at the earliest"
        );
        let remedy = "give them time: `Retry::default().within(Duration::from_secs(300))`; or try once: `Retry::none()`";
        problems.add(text, remedy);
    }
}

pub(super) fn breaker(breaker: &Breaker, problems: &mut Problems) {
    let remedy = "`Breaker::after(20).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5))`, the default";
    if breaker.after == 0 {
        problems.add("the breaker opens after no failure at all", format!("let it take some: {remedy}"));
    }
    if breaker.within.is_zero() {
        let text = "the breaker counts failures that come within no time, so it would never open";
        problems.add(text, format!("give them some: {remedy}"));
    }
    if breaker.probe_every.is_zero() {
        let text = "the breaker waits no time before it probes, so it would never hold anything back";
        problems.add(text, format!("give it some: {remedy}"));
    }
}
