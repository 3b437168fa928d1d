//! Owns what the contract's side of a consumer and its threads share: one state behind one lock, and how each wakes the other.

use super::state::State;
use atomic_waker::AtomicWaker;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes who waits in `poll`.
    pub(super) waker: AtomicWaker,
    /// Wakes the member's thread.
    pub(super) signal: Signal,
    born: Instant,
    polling: AtomicBool,
    /// Milliseconds since `born`.
    last_poll: AtomicU64,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Shared {
            state: Mutex::new(state),
            waker: AtomicWaker::new(),
            signal: Signal::default(),
            born: Instant::now(),
            polling: AtomicBool::new(false),
            last_poll: AtomicU64::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks that somebody waits for events, for as long as the answer lives.
    pub(super) fn polling(&self) -> Polling<'_> {
        self.polling.store(true, Ordering::Release);
        Polling(self)
    }

    /// How long nobody has waited for events.
    pub(super) fn silence(&self) -> Duration {
        if self.polling.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        self.born.elapsed().saturating_sub(Duration::from_millis(self.last_poll.load(Ordering::Acquire)))
    }
}

/// Somebody waits for events.
pub(super) struct Polling<'a>(&'a Shared);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_poll.store(now, Ordering::Release);
        self.0.polling.store(false, Ordering::Release);
    }
}

/// A bell that is not missed: it rings on until it is heard.
#[derive(Default)]
pub(crate) struct Signal {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Waits for the bell, at most `most`.
    pub(super) fn wait(&self, most: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) = self.changed.wait_timeout_while(rung, most, |rung| !*rung).unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}
