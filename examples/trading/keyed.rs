//! State per key, safe against the same event twice.
//!
//! Owns the map of states and the rule that makes a redelivery harmless: an event is applied if its sequence is
//! above its key's, answered with the remembered outcome if it is equal, and known as old if it is below.
//! Leaves the states to their services, and order within a key to the framework.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::ids::fingerprint;

/// Locks of one map. Partitions run on different threads; with more locks than cores they rarely meet.
const SHARDS: usize = 16;

/// States by key, created when first asked for.
#[derive(Debug)]
pub(crate) struct Keyed<S> {
    shards: [Mutex<HashMap<String, S>>; SHARDS],
}

impl<S> Default for Keyed<S> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl<S: Default> Keyed<S> {
    /// Runs `work` on the state of `key`. It must not wait: a lock is held meanwhile.
    pub(crate) fn with<R>(&self, key: &str, work: impl FnOnce(&mut S) -> R) -> R {
        let shard = usize::try_from(fingerprint(key.as_bytes()) % SHARDS as u128).unwrap_or(0);
        let mut states = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(key) {
            return work(state);
        }
        work(states.entry(key.to_owned()).or_default())
    }
}

/// A state, the sequence of the last event in it, and what that event led to.
#[derive(Debug, Clone)]
pub(crate) struct Sequenced<S, O> {
    state: S,
    last: u64,
    outcome: Option<O>,
}

impl<S: Default, O> Default for Sequenced<S, O> {
    fn default() -> Self {
        Self { state: S::default(), last: 0, outcome: None }
    }
}

impl<S, O: Clone> Sequenced<S, O> {
    /// Applies an event once. The same event again gives the same outcome and changes nothing; an older one
    /// gives `None`, for its outputs were confirmed before the later one started.
    pub(crate) fn apply(&mut self, sequence: u64, event: impl FnOnce(&mut S) -> O) -> Option<O> {
        if sequence > self.last {
            let outcome = event(&mut self.state);
            (self.last, self.outcome) = (sequence, Some(outcome));
        } else if sequence < self.last {
            return None;
        }
        self.outcome.clone()
    }

    /// The state as it is.
    #[cfg(test)]
    pub(crate) fn state(&self) -> &S {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_applied_once_and_answered_again() {
        let mut sum: Sequenced<u64, u64> = Sequenced::default();
        let mut add = |sequence, number| {
            sum.apply(sequence, |sum| {
                *sum += number;
                *sum
            })
        };
        assert_eq!(add(1, 5), Some(5));
        assert_eq!(add(1, 5), Some(5));
        assert_eq!(add(4, 2), Some(7));
        assert_eq!(add(1, 5), None);
        assert_eq!(add(4, 2), Some(7));
        assert_eq!(*sum.state(), 7);
    }

    #[test]
    fn keys_have_states_of_their_own() {
        let keyed: Keyed<u64> = Keyed::default();
        for key in ["a", "b", "a"] {
            keyed.with(key, |count| *count += 1);
        }
        assert_eq!((keyed.with("a", |count| *count), keyed.with("b", |count| *count)), (2, 1));
    }
}
