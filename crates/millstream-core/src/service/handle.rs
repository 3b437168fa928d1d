//! Owns the view of a service from outside: how it is, what it has done, and how to stop it.

use super::account::{Account, AccountLine, Tally};
use super::health::{Board, Health, Life};
use super::publisher::Publisher;
use super::shutdown::Stopper;
use crate::contract::{Error, ErrorKind, Operation};
use std::sync::Arc;

/// A view of a service from outside. Cheap to clone; stays valid after the service has ended.
#[derive(Clone)]
pub struct ServiceHandle {
    pub(crate) board: Board,
    pub(crate) stopper: Stopper,
    pub(crate) tallies: Arc<Vec<Tally>>,
    pub(crate) publisher: Option<Publisher>,
}

impl std::fmt::Debug for ServiceHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceHandle").field("health", &self.health()).finish_non_exhaustive()
    }
}

impl ServiceHandle {
    /// How the service is now. Never waits.
    pub fn health(&self) -> Health {
        self.board.now()
    }

    /// Waits until the service runs, its consumers are assigned and their state is restored, or until it has ended. Cancel
    /// safe.
    pub async fn ready(&self) {
        self.until(|health| health.is_up() || health.life == Life::Ended).await;
    }

    /// Waits until its health is as asked. Cancel safe.
    pub async fn until(&self, is: impl FnMut(&Health) -> bool) {
        self.board.listen().until(is).await;
    }

    /// Waits until the service has ended. Cancel safe.
    pub async fn ended(&self) {
        self.until(|health| health.life == Life::Ended).await;
    }

    /// Tells it to stop: the first call in order, the second at once. Returns at once; wait with [`ended`](Self::ended).
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Publishes root events under the service's name, before, while and after it runs. See [`Publisher`]; it is not for
    /// handlers.
    ///
    /// # Errors
    /// If the service has no producer: add `.add_producer()` to its builder.
    pub fn publisher(&self) -> Result<Publisher, Error> {
        let none = "the service has no producer: add `.add_producer()` to its builder";
        self.publisher.clone().ok_or_else(|| Error::new(ErrorKind::Configuration, Operation::Build, none))
    }

    /// What became of its records so far. Counted a batch at a time.
    pub fn account(&self) -> Account {
        Account { lines: self.tallies.iter().map(AccountLine::new).collect() }
    }
}
