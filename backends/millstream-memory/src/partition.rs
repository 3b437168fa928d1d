//! Owns one partition: its log behind one lock, the two offsets that are read without it, and who is woken by a change.

use crate::config::TopicConfig;
use crate::log::{Fetched, Log};
use crate::signal::Signal;
use millstream_core::contract::Offset;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One partition of one incarnation of a topic.
#[derive(Debug)]
pub(crate) struct Partition {
    start: AtomicU64,
    end: AtomicU64,
    gone: AtomicBool,
    cuts: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Log,
    readers: Arc<[Arc<Signal>]>,
}

impl Partition {
    pub(crate) fn new(config: &TopicConfig) -> Self {
        Partition {
            start: AtomicU64::new(0),
            end: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
            state: Mutex::new(State { log: Log::new(config), readers: Arc::new([]) }),
        }
    }

    /// The first offset that can be read, as of a moment ago.
    pub(crate) fn start(&self) -> Offset {
        self.start.load(Ordering::Acquire)
    }

    /// The offset of the next record to come, as of a moment ago.
    pub(crate) fn end(&self) -> Offset {
        self.end.load(Ordering::Acquire)
    }

    /// Whether its topic was deleted.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Its topic was deleted: readers are told.
    pub(crate) fn retire(&self) {
        let readers = {
            let state = self.lock();
            self.gone.store(true, Ordering::Release);
            state.readers.clone()
        };
        readers.iter().for_each(|reader| reader.wake());
    }

    /// Changes the log and wakes who reads it, after the lock is free.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let (answer, readers) = {
            let mut state = self.lock();
            let answer = change(&mut state.log);
            self.start.store(state.log.start(), Ordering::Release);
            self.end.store(state.log.end(), Ordering::Release);
            self.cuts.store(state.log.cuts(), Ordering::Release);
            (answer, state.readers.clone())
        };
        readers.iter().for_each(|reader| reader.wake());
        answer
    }

    /// How often the log was cut, as of a moment ago.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Acquire)
    }

    /// The lowest cut after the first `seen`.
    pub(crate) fn cut_since(&self, seen: usize) -> Option<Offset> {
        self.lock().log.cut_since(seen)
    }

    /// Reads; see [`Log::fetch`].
    pub(crate) fn fetch(&self, at: Offset, records: usize, bytes: u64) -> Fetched {
        self.lock().log.fetch(at, records, bytes)
    }

    /// `reader` is woken by changes from now on.
    pub(crate) fn subscribe(&self, reader: &Arc<Signal>) {
        let mut state = self.lock();
        state.readers = state.readers.iter().chain([reader]).cloned().collect();
    }

    /// `reader` is not woken any more.
    pub(crate) fn unsubscribe(&self, reader: &Arc<Signal>) {
        let mut state = self.lock();
        // One subscription less, not all: under a restart the old one ends after the new one began.
        let index = state.readers.iter().position(|other| Arc::ptr_eq(other, reader));
        state.readers = state.readers.iter().enumerate().filter(|(i, _)| Some(*i) != index).map(|(_, r)| r.clone()).collect();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside the lock is a bug of the log; the state is still the one before or after a record.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
