//! What the services did, noted where it was done.
//!
//! Owns the lists from which the audit learns what happened, independent of any log and of any counter of the
//! framework: ticks published, events handled to the end, signals spoken, orders executed. Leaves judging to
//! the audit. An entry is 16 bytes, so a long run stays small.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::fingerprint;
use crate::topics::{TICKS, Venue, legs};

/// How often a venue executed each client order id.
#[derive(Debug, Default)]
pub(crate) struct Executions(Mutex<HashMap<u128, u32>>);

impl Executions {
    /// The venue moved money for this order, now.
    pub(crate) fn note(&self, order_id: &str) {
        *lock(&self.0).entry(fingerprint(order_id.as_bytes())).or_default() += 1;
    }

    /// The same for a venue that executes a client order id once: a known one is left as it is.
    pub(crate) fn note_once(&self, order_id: &str) {
        lock(&self.0).entry(fingerprint(order_id.as_bytes())).or_insert(1);
    }

    /// Times executed, by fingerprint of the client order id.
    pub(crate) fn counts(&self) -> HashMap<u128, u32> {
        lock(&self.0).clone()
    }
}

type Tell = dyn Fn(Venue, &str) + Send + Sync;

/// Told of every execution, at once.
struct Told(Box<Tell>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// The effects of one run, shared by its services.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    told: Option<Told>,
    published: Mutex<Vec<u128>>,
    spoken: Mutex<Vec<u128>>,
    handled: BTreeMap<String, Mutex<Vec<u128>>>,
    repeats: Vec<String>,
    executions: BTreeMap<Venue, Executions>,
}

impl Effects {
    /// Room for the effects in these namespaces.
    pub(crate) fn new(venues: &[Venue]) -> Self {
        let consumed = legs(venues).into_iter().filter(|leg| leg.group.is_some());
        Self {
            handled: consumed.map(|leg| (leg.topic, Mutex::default())).collect(),
            executions: venues.iter().map(|venue| (*venue, Executions::default())).collect(),
            ..Self::default()
        }
    }

    /// The handler of these topics may reach its end again for an event: its service crashes, and an attempt before the crash
    /// leaves nothing behind. That nothing of it counts twice the logs tell.
    pub(crate) fn let_repeat(&mut self, topics: impl Iterator<Item = String>) {
        self.repeats.extend(topics);
    }

    /// The feed published a tick for the first time.
    pub(crate) fn published(&self, tick: u128) {
        lock(&self.published).push(tick);
    }

    /// A strategy spoke because of this tick; once per signal.
    pub(crate) fn spoken(&self, tick: u128) {
        lock(&self.spoken).push(tick);
    }

    /// A handler reached its end for this event of `topic`.
    pub(crate) fn handled(&self, topic: &str, event: u128) {
        if let Some(list) = self.handled.get(topic) {
            lock(list).push(event);
        }
    }

    /// Tells `told` of every execution too: the venue and the client order id, each time it is executed.
    pub(crate) fn telling(mut self, told: impl Fn(Venue, &str) + Send + Sync + 'static) -> Self {
        self.told = Some(Told(Box::new(told)));
        self
    }

    /// A venue executed this order. One that is `knowing` executes a client order id once, and leaves a known one as it is.
    pub(crate) fn executed(&self, venue: Venue, order_id: &str, knowing: bool) {
        if let Some(told) = &self.told {
            (told.0)(venue, order_id);
        }
        match self.executions.get(&venue) {
            Some(executions) if knowing => executions.note_once(order_id),
            Some(executions) => executions.note(order_id),
            None => {}
        }
    }

    /// The executions of a venue.
    pub(crate) fn executions(&self, venue: Venue) -> Option<&Executions> {
        self.executions.get(&venue)
    }

    /// Number of ticks handled so far: what a progress bar shows.
    pub(crate) fn ticks(&self) -> u64 {
        self.handled.get(TICKS.as_str()).map_or(0, |list| lock(list).len() as u64)
    }

    /// Number of events of all topics handled so far.
    pub(crate) fn events(&self) -> u64 {
        self.handled.values().map(|list| lock(list).len() as u64).sum()
    }

    /// Ids of the ticks published; taken, for lists are long.
    pub(crate) fn take_published(&self) -> Vec<u128> {
        std::mem::take(&mut *lock(&self.published))
    }

    /// Ids of the ticks that made a strategy speak, once per signal; taken.
    pub(crate) fn take_spoken(&self) -> Vec<u128> {
        std::mem::take(&mut *lock(&self.spoken))
    }

    /// Ids handled of one topic, once per end reached; taken.
    pub(crate) fn take_handled(&self, topic: &str) -> Vec<u128> {
        let mut handled = self.handled.get(topic).map(|list| std::mem::take(&mut *lock(list))).unwrap_or_default();
        if self.repeats.iter().any(|repeated| repeated == topic) {
            handled.sort_unstable();
            handled.dedup();
        }
        handled
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
