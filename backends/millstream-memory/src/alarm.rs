//! Owns the one timer of a consumer: kept between polls, since making one costs more than a poll. Leaves when it is due to
//! `consumer`.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that may go off early, never late.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<(Id, Pin<Box<Sleep>>)>);

impl Alarm {
    /// Ready if it went off; then whoever asked looks again. Else the task is woken at `at`, or before.
    pub(crate) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        // A consumer may move to another runtime, and the timer of a runtime ends with it.
        let runtime = Handle::current().id();
        let (_, sleep) = match &mut self.0 {
            Some(kept) if kept.0 == runtime => kept,
            other => other.insert((runtime, Box::pin(sleep_until(at)))),
        };
        // Deadlines mostly move away, and an early look is harmless, so the timer is touched once a session's third.
        if sleep.is_elapsed() || sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}
