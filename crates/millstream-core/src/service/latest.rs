//! Owns a value of which only the latest counts, and who waits for it to change. Those who wait are woken in the order in
//! which they began to listen: tokio's `watch` draws lots, and two runs of one seed would differ (I14).

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

struct State<T> {
    value: T,
    /// Rises with every change.
    version: u64,
    last_listener: u64,
    waiting: BTreeMap<u64, Waker>,
}

struct Shared<T>(Mutex<State<T>>);

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes the value.
pub(crate) struct Latest<T>(Arc<Shared<T>>);

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Latest(self.0.clone())
    }
}

impl<T: Clone> Latest<T> {
    pub(crate) fn new(value: T) -> Self {
        let state = State { value, version: 0, last_listener: 0, waiting: BTreeMap::new() };
        Latest(Arc::new(Shared(Mutex::new(state))))
    }

    pub(crate) fn get(&self) -> T {
        self.0.state().value.clone()
    }

    /// Changes the value in one step; `change` answers whether it did.
    pub(crate) fn change(&self, change: impl FnOnce(&mut T) -> bool) {
        let waiting = {
            let state = &mut *self.0.state();
            if !change(&mut state.value) {
                return;
            }
            state.version += 1;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    /// Makes the value this one, if it is higher.
    pub(crate) fn raise(&self, to: T)
    where
        T: Ord,
    {
        self.change(|value| {
            let higher = *value < to;
            if higher {
                *value = to;
            }
            higher
        });
    }

    /// Hears of the value as it is, and of every change from now on.
    pub(crate) fn listen(&self) -> Listener<T> {
        Listener::new(self.0.clone())
    }
}

/// Hears of changes. What changes twice before it looks it hears of once.
pub(crate) struct Listener<T> {
    shared: Arc<Shared<T>>,
    number: u64,
    /// The version that it has seen; none at first.
    seen: Option<u64>,
}

impl<T: Clone> Listener<T> {
    fn new(shared: Arc<Shared<T>>) -> Self {
        let number = {
            let state = &mut *shared.state();
            state.last_listener += 1;
            state.last_listener
        };
        Listener { shared, number, seen: None }
    }

    /// The value, not looked at as far as [`changed`](Self::changed) is concerned.
    pub(crate) fn get(&self) -> T {
        self.shared.state().value.clone()
    }

    /// The value, seen.
    pub(crate) fn look(&mut self) -> T {
        let state = self.shared.state();
        self.seen = Some(state.version);
        state.value.clone()
    }

    /// Waits until the value is one that was not seen. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        let seen = poll_fn(|cx| {
            let state = &mut *self.shared.state();
            if self.seen != Some(state.version) {
                return Poll::Ready(state.version);
            }
            state.waiting.insert(self.number, cx.waker().clone());
            Poll::Pending
        });
        self.seen = Some(seen.await);
    }

    /// Waits until the value is as asked. `is` looks at a copy, so it may ask for the value again. Cancel safe.
    pub(crate) async fn until(&mut self, mut is: impl FnMut(&T) -> bool) {
        while !is(&self.look()) {
            self.changed().await;
        }
    }
}

impl<T: Clone> Clone for Listener<T> {
    fn clone(&self) -> Self {
        let mut clone = Listener::new(self.shared.clone());
        clone.seen = self.seen;
        clone
    }
}

impl<T> Drop for Listener<T> {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_woken_in_the_order_in_which_they_began_to_listen() {
        for _ in 0..50 {
            let latest = Latest::new(0);
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..6 {
                let (mut listener, order) = (latest.listen(), order.clone());
                tasks.spawn(async move {
                    listener.until(|value| *value == 1).await;
                    order.lock().expect("no panic under the lock").push(number);
                });
            }
            tokio::task::yield_now().await;
            latest.change(|value| std::mem::replace(value, 1) != 1);
            tasks.join_all().await;
            assert_eq!(*order.lock().expect("no panic under the lock"), [0, 1, 2, 3, 4, 5]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_hears_of_what_was_there_before_it_and_then_of_changes_only() {
        let latest = Latest::new(7);
        let mut listener = latest.listen();
        listener.changed().await;
        assert_eq!(listener.look(), 7);
        latest.change(|_| false);
        let nothing = tokio::time::timeout(std::time::Duration::from_secs(1), listener.changed()).await;
        assert!(nothing.is_err(), "a change that is none is not heard of");
    }
}
