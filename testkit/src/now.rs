//! Owns the testkit's look at tokio's clock, which is paused in a simulation. What it answers is compared with another one;
//! written down by itself, it would make two runs differ.

use tokio::time::Instant;

/// Now, on tokio's clock.
#[expect(clippy::disallowed_methods, reason = "the testkit's reader of time")]
pub(crate) fn instant_now() -> Instant {
    Instant::now()
}
