//! Owns how a consumer is woken and seen alive: one cell shared by the consumer, its group and its partitions. Leaves what
//! there is to see to whoever woke it.

use atomic_waker::AtomicWaker;
use millstream_core::clock::MonoTime;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;

/// A consumer's side of everything that may happen to it. The order is always: change the state, then wake; register,
/// then look at the state. So no change is missed, on any number of threads.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    waker: AtomicWaker,
    changed: AtomicBool,
    last_poll: AtomicU64,
    stalls: AtomicU32,
}

impl Signal {
    /// Whoever polls next looks at its partitions.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Whoever polls next looks at its group first.
    pub(crate) fn wake_changed(&self) {
        self.changed.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether the group has changed since this was asked last.
    pub(crate) fn take_changed(&self) -> bool {
        // The load keeps the path of a batch free of a locked instruction.
        self.changed.load(Ordering::Relaxed) && self.changed.swap(false, Ordering::AcqRel)
    }

    /// Remembers whom to wake.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Notes that the member polled at `now`.
    pub(crate) fn beat(&self, now: MonoTime) {
        self.last_poll.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// When the member polled last.
    pub(crate) fn last_poll(&self) -> MonoTime {
        MonoTime::from_nanos(self.last_poll.load(Ordering::Relaxed))
    }

    /// Whether a fault keeps the member from polling.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalls.load(Ordering::Acquire) > 0
    }

    /// Keeps the member from polling until [`go`](Self::go) was called as often.
    pub(crate) fn stall(&self) {
        self.stalls.fetch_add(1, Ordering::AcqRel);
    }

    /// Ends one stall.
    pub(crate) fn go(&self) {
        self.stalls.fetch_sub(1, Ordering::AcqRel);
        self.waker.wake();
    }
}
