//! Owns which parked attempts were woken. Leaves the attempts themselves to `slots`.

use super::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};

/// Which parked attempts were woken: a bit a slot, and the worker's own waker.
pub(crate) struct Ready {
    words: Box<[AtomicU64]>,
    any: AtomicBool,
    cell: Arc<Cell>,
}

impl Ready {
    pub(crate) fn new(slots: usize, cell: Arc<Cell>) -> Arc<Self> {
        let words = (0..slots.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Ready { words, any: AtomicBool::new(false), cell })
    }

    /// A waker for `slot`.
    pub(crate) fn waker(self: &Arc<Self>, slot: usize) -> Waker {
        Arc::new(SlotWake { slot, ready: self.clone() }).into()
    }

    /// Whether any slot was woken since the last call. Acquires what the wakers wrote: a plain store would not.
    pub(crate) fn take_any(&self) -> bool {
        self.any.load(Ordering::Acquire) && self.any.swap(false, Ordering::AcqRel)
    }

    /// Takes the woken slots of the `word`th group of 64.
    pub(crate) fn take(&self, word: usize) -> u64 {
        if self.words[word].load(Ordering::Acquire) == 0 { 0 } else { self.words[word].swap(0, Ordering::AcqRel) }
    }

    /// Puts back woken slots that were not polled.
    pub(crate) fn put_back(&self, word: usize, bits: u64) {
        self.words[word].fetch_or(bits, Ordering::AcqRel);
        self.any.store(true, Ordering::Release);
    }

    /// How many groups of 64 there are.
    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }
}

struct SlotWake {
    slot: usize,
    ready: Arc<Ready>,
}

impl Wake for SlotWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let ready = &self.ready;
        ready.words[self.slot / 64].fetch_or(1 << (self.slot % 64), Ordering::AcqRel);
        if !ready.any.swap(true, Ordering::AcqRel) {
            ready.cell.worker.wake();
        }
    }
}
