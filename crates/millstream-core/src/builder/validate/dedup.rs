//! Owns the check of how long ids are remembered against how long a record may still come again.

use crate::contract::Deduplicator;
use crate::engine::Retry;
use crate::service::Problems;
use crate::service::{HandlerParts, Rules, ServiceParts};
use std::time::Duration;

/// A mark must outlive the retries of the records before it: until those are settled nothing behind them is committed, and
/// after a crash it comes again.
pub(super) fn retention(said: &ServiceParts<()>, handler: &HandlerParts, problems: &mut Problems) {
    let Some(kept) = said.deduplicator.as_ref().and_then(Deduplicator::retention) else { return };
    let settings = &handler.settings;
    let by_type = Rules::nearest(&settings.rules, settings.retry.is_some(), &said.errors.rules);
    let usual = settings.retry.as_ref().unwrap_or(&said.errors.retry);
    let span = by_type.retries().fold(longest(usual, settings.timeout), |span, own| span.max(longest(own, settings.timeout)));
    if kept > span {
        return;
    }
    let name = &handler.name;
    let tried = if span == Duration::MAX { "for ever".to_owned() } else { format!("for {span:?}") };
    let text = format!(
        "the deduplicator forgets after {kept:?}, but handler `{name}` may try a record {tried}: what was done behind it comes \
         again after a crash, and would be done twice"
    );
    let remedy = match span {
        Duration::MAX => "try within a bound: `Retry::default().within(Duration::from_secs(300))`".to_owned(),
        _ => format!(
            "remember longer: `Limits::new().with_ttl(Duration::from_secs({}))`; or try for less: \
             `HandlerSettings::new().retry(Retry::none())`",
            span.as_secs() * 2
        ),
    };
    problems.add(text, remedy);
}

/// How long a record may be tried, in running time: to the end of its last attempt. `Duration::MAX` for ever.
fn longest(retry: &Retry, attempt: Duration) -> Duration {
    // The delays stop growing long before the 64th.
    let grown = retry.max_attempts.saturating_sub(1).min(64);
    let rest = retry.max_attempts.saturating_sub(1) - grown;
    let delays = (1..=grown).map(|made| retry.backoff.ceiling(made)).fold(Duration::ZERO, Duration::saturating_add);
    let delays = delays.saturating_add(retry.backoff.ceiling(64).saturating_mul(rest));
    let by_count = delays.saturating_add(attempt.saturating_mul(retry.max_attempts));
    match retry.deadline {
        Some(deadline) => by_count.min(deadline.saturating_add(attempt)),
        None if retry.max_attempts == u32::MAX => Duration::MAX,
        None => by_count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_longest_time_of_a_record_ends_with_its_last_attempt() {
        let retry = Retry::exponential(SECOND, 4 * SECOND).attempts(5).without_deadline();
        // 1 + 2 + 4 + 4 seconds of waiting, and five attempts of 10.
        assert_eq!(longest(&retry, 10 * SECOND), 61 * SECOND);
        assert_eq!(longest(&Retry::none(), 10 * SECOND), 10 * SECOND);
        assert_eq!(longest(&retry.within(7 * SECOND), 10 * SECOND), 17 * SECOND);
        assert_eq!(longest(&retry.attempts(66).within(Duration::MAX), SECOND), (1 + 2 + 63 * 4 + 66) * SECOND);
        assert_eq!(longest(&retry.attempts(u32::MAX), SECOND), Duration::MAX);
    }
}
