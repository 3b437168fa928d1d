//! What is told while a run goes on, on standard error: the progress bar, where that is a terminal, and lines for people.
//!
//! Owns both. Leaves the counting to `effects`. It has no colours, so `NO_COLOR` changes nothing.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over a number of ticks.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar of `total`; it stays hidden where standard error is no terminal.
    pub(crate) fn new(total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} [{bar:40}] {pos}/{len} ticks, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// `ticks` ticks are through.
    pub(crate) fn at(&self, ticks: u64) {
        self.0.set_position(ticks);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A line for people.
#[cfg(feature = "kafka")]
pub(crate) fn say(line: &str) {
    use std::io::Write;

    // Nobody reads it: that is no error.
    let _ = writeln!(std::io::stderr(), "{line}");
}
