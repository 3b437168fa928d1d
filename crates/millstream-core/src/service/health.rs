//! Owns what a service says of itself: starting, ready, degraded and why, stopping, ended. Latest wins; never waits.

use super::latest::{Latest, Listener};
use super::quote;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// Not run yet, or connecting.
    #[default]
    Starting,
    /// Running.
    Running,
    /// Draining.
    Stopping,
    /// Ended.
    Ended,
}

/// What a service says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Where it is in its life.
    pub life: Life,
    /// Whether every consumer has been given its first assignment (which may be empty).
    pub assigned: bool,
    /// Partitions whose state is read back, by place: they are not started before it is.
    pub restoring: BTreeSet<String>,
    /// What is wrong, by place; empty if nothing is. Ordered, so that equal troubles read equal.
    pub troubles: BTreeMap<String, String>,
}

impl Health {
    /// Whether it is running, assigned, through with restoring, and able to make progress.
    pub fn is_ready(&self) -> bool {
        self.is_up() && self.troubles.is_empty()
    }

    /// Whether its start is over, however it fares: what waits for it may start.
    pub(crate) fn is_up(&self) -> bool {
        self.life == Life::Running && self.assigned && self.restoring.is_empty()
    }

    /// Whether something is wrong that it waits out.
    pub fn is_degraded(&self) -> bool {
        !self.troubles.is_empty()
    }
}

/// Where the parts of a service say how they are.
#[derive(Clone)]
pub(crate) struct Board {
    health: Latest<Health>,
    waiting: Arc<Mutex<usize>>,
}

impl Board {
    pub(crate) fn new(consumers: usize) -> Self {
        Board { health: Latest::new(Health::default()), waiting: Arc::new(Mutex::new(consumers)) }
    }

    /// Says where the service is.
    pub(crate) fn life(&self, life: Life) {
        self.health.change(|health| std::mem::replace(&mut health.life, life) != life);
    }

    /// Says that one more consumer has its first assignment.
    pub(crate) fn assigned(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0 {
            self.health.change(|health| !std::mem::replace(&mut health.assigned, true));
        }
    }

    /// Says that something is wrong at `place`, or (`None`) that it is right again. Logs the change, once.
    pub(crate) fn trouble(&self, place: &str, trouble: Option<String>) {
        self.health.change(|health| match &trouble {
            Some(text) if health.troubles.get(place) == Some(text) => false,
            Some(text) => {
                if !health.troubles.contains_key(place) {
                    tracing::warn!(place, trouble = quote(text), "degraded");
                }
                health.troubles.insert(place.to_owned(), text.clone());
                true
            }
            None => {
                let was = health.troubles.remove(place).is_some();
                if was {
                    tracing::info!(place, "recovered");
                }
                was
            }
        });
    }

    /// Says that the state of `place` is read back, or that it no longer is.
    pub(crate) fn restoring(&self, place: &str, restoring: bool) {
        self.health.change(|health| match restoring {
            true => health.restoring.insert(place.to_owned()),
            false => health.restoring.remove(place),
        });
    }

    /// What the service says of itself now.
    pub(crate) fn now(&self) -> Health {
        self.health.get()
    }

    /// A view that can be waited on.
    pub(crate) fn listen(&self) -> Listener<Health> {
        self.health.listen()
    }
}
