//! Owns the near cache: marks that this process made itself, for a moment. Leaves the truth to the store.
//!
//! Positives only, and only those whose age is known here: an entry's life is counted from before its mark was sent, so it
//! ends before the store's does. What is not in it means nothing. Two generations, as in the in-process window: when the
//! younger is full the older one goes.

use millstream_core::clock::MonoTime;
use millstream_core::contract::{DedupScope, Mark, Seen};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Marks = BTreeMap<(u128, u128), (Mark, MonoTime)>;

/// Recent marks by scope and id.
pub(crate) struct Near {
    ids: usize,
    life: Duration,
    /// The younger and the older.
    marks: Mutex<(Marks, Marks)>,
}

impl Near {
    /// At most `ids`, each for `life`. None of either switches it off.
    pub(crate) fn new(ids: usize, life: Duration) -> Self {
        Near { ids, life, marks: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, (Marks, Marks)> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it knows of each key.
    pub(crate) fn look_up(&self, scope: &DedupScope, keys: &[u128], now: MonoTime) -> Vec<Option<Seen>> {
        if self.ids == 0 {
            return vec![None; keys.len()];
        }
        let marks = self.lock();
        let look = |key: &u128| {
            let place = (scope.digest(), *key);
            let (mark, until) = marks.0.get(&place).or_else(|| marks.1.get(&place))?;
            (now < *until).then_some(Seen::Done { at: mark.at, fingerprint: mark.fingerprint })
        };
        keys.iter().map(look).collect()
    }

    /// Takes in marks that the store has taken as the first of their ids; `sent` is before they were sent.
    pub(crate) fn add<'m>(&self, scope: &DedupScope, marks: impl Iterator<Item = &'m Mark>, sent: MonoTime) {
        if self.ids == 0 || self.life.is_zero() {
            return;
        }
        let mut all = self.lock();
        for mark in marks {
            if all.0.len() >= (self.ids / 2).max(1) {
                all.1 = std::mem::take(&mut all.0);
            }
            all.0.insert((scope.digest(), mark.key), (*mark, sent.after(self.life)));
        }
    }

    pub(crate) fn forget(&self, scope: &DedupScope, keys: &[u128]) {
        let mut marks = self.lock();
        for key in keys {
            let place = (scope.digest(), *key);
            marks.0.remove(&place);
            marks.1.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_core::contract::Fingerprint;

    fn scope() -> DedupScope {
        DedupScope::new("paper", "risk", 0, "check", "orders")
    }

    fn known(near: &Near, keys: impl IntoIterator<Item = u128>, at: u64) -> usize {
        let keys: Vec<u128> = keys.into_iter().collect();
        near.look_up(&scope(), &keys, MonoTime::from_millis(at)).iter().flatten().count()
    }

    fn marks(keys: std::ops::Range<u128>) -> Vec<Mark> {
        keys.map(|key| Mark::new(key, 0, 1, Fingerprint(2))).collect()
    }

    #[test]
    fn an_entry_ends_with_its_life_counted_from_before_it_was_sent() {
        let near = Near::new(8, Duration::from_millis(100));
        near.add(&scope(), marks(0..1).iter(), MonoTime::from_millis(50));
        assert_eq!((known(&near, [0], 149), known(&near, [0], 150)), (1, 0));
    }

    #[test]
    fn it_holds_the_newest_half_and_never_more_than_its_room() {
        let near = Near::new(8, Duration::from_secs(100));
        near.add(&scope(), marks(0..100).iter(), MonoTime::ZERO);
        assert_eq!(known(&near, 96..100, 1), 4);
        assert!(known(&near, 0..100, 1) <= 8);
        near.forget(&scope(), &[99]);
        assert_eq!(known(&near, [99], 1), 0);
        assert_eq!(known(&Near::new(0, Duration::from_secs(1)), [99], 1), 0);
    }
}
