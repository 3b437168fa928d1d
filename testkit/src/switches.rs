//! Owns what befalls the calls of a faulty part, switched at run time from outside. Leaves what a fate means to each part.
//!
//! Nothing here rolls dice: how many calls fail, and until when, is said by the test, so two runs are alike.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What befalls one call, or one record of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// Nothing.
    Passes,
    /// It fails without effect, and may be tried again.
    Fails,
    /// It takes effect, and its answer is lost.
    ReplyLost,
    /// It is refused for good.
    Refused,
}

#[derive(Debug, Default)]
struct State {
    down: bool,
    refusing: bool,
    hanging: bool,
    slow: Duration,
    fail: u64,
    lose: u64,
    calls: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

/// The switches of a faulty part. Clones switch the same part.
///
/// In this order: a call waits while the part hangs, then as long as it is slow; then it is refused, fails because the part
/// is down, fails or loses its reply because that many calls were to, or passes.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    shared: Arc<Shared>,
}

impl Switches {
    /// Everything passes.
    pub fn new() -> Self {
        Self::default()
    }

    /// While `yes`, every call fails without effect.
    pub fn down(&self, yes: bool) {
        self.state().down = yes;
    }

    /// While `yes`, every call is refused for good.
    pub fn refuse(&self, yes: bool) {
        self.state().refusing = yes;
    }

    /// While `yes`, no call gets an answer; those that wait go on when it ends.
    pub fn hang(&self, yes: bool) {
        self.state().hanging = yes;
        self.shared.changed.notify_waiters();
    }

    /// Each call takes this much longer.
    pub fn slow(&self, by: Duration) {
        self.state().slow = by;
    }

    /// The next `calls` calls fail without effect.
    pub fn fail_next(&self, calls: u64) {
        self.state().fail += calls;
    }

    /// The next `calls` calls take effect, and their answers are lost.
    pub fn lose_next(&self, calls: u64) {
        self.state().lose += calls;
    }

    /// How many calls (or records) have met their fate so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as the switches say.
    pub(crate) async fn wait(&self) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that an end in between is not missed.
            changed.as_mut().enable();
            if !self.state().hanging {
                break;
            }
            changed.await;
        }
        let slow = self.state().slow;
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
    }

    /// The next call's fate.
    pub(crate) fn next(&self) -> Fate {
        let mut state = self.state();
        state.calls += 1;
        if state.refusing {
            return Fate::Refused;
        }
        if state.down {
            return Fate::Fails;
        }
        if state.fail > 0 {
            state.fail -= 1;
            return Fate::Fails;
        }
        if state.lose > 0 {
            state.lose -= 1;
            return Fate::ReplyLost;
        }
        Fate::Passes
    }
}
