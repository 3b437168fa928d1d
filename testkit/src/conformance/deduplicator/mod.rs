//! Owns what a deduplicator's backend gives so that it is examined. Leaves the cases to `cases`, how a store is made, broken
//! and aged to the harness.

mod cases;

pub(super) use cases::cases;

use super::{Excuse, Pace};
use millstream_core::contract::Deduplicator;
use std::time::Duration;

/// How much a deduplicator is to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most ids it holds in one scope.
    pub ids: usize,
    /// How long a mark lives, at least.
    pub ttl: Duration,
}

impl Limits {
    /// Room and time enough for any case that is not about limits.
    pub const WIDE: Limits = Limits { ids: 10_000, ttl: Duration::from_hours(1) };
}

/// Makes, breaks and ages the deduplicator under test.
pub trait Harness: Send + Sync + 'static {
    /// What is tested.
    type Deduplicator: Deduplicator;

    /// An empty one, of which no other case knows.
    fn create(&self, limits: Limits) -> impl Future<Output = Self::Deduplicator>;

    /// How many ids its cap has pushed out so far, whatever it does behind the scenes being done.
    fn evicted(&self, of: &Self::Deduplicator) -> impl Future<Output = u64>;

    /// Why its memory has no cap that [`Limits::ids`] could set; the case about the cap is then ignored. Default: it has one.
    ///
    /// # Errors
    /// The reason.
    fn capped(&self) -> Result<(), Excuse> {
        Ok(())
    }

    /// Two clients of one empty store that claim for `lease`, or why there can be none: the cases about claims are then
    /// ignored. Default: it does not claim.
    fn claiming(&self, lease: Duration) -> impl Future<Output = Result<(Self::Deduplicator, Self::Deduplicator), Excuse>> {
        let _ = lease;
        async { Err("it does not claim ids".into()) }
    }

    /// One whose store cannot tell, or why there can be none: the case is then ignored. Default: the store is in this
    /// process, where it is always there.
    fn unreachable(&self) -> impl Future<Output = Result<Self::Deduplicator, Excuse>> {
        async { Err("its store is this process's memory, which is always there".into()) }
    }

    /// Lets `by` pass on the store's clock. Default: on tokio's, which stands still ([`Pace::paused`]) but for this.
    fn advance(&self, by: Duration) -> impl Future<Output = ()> {
        tokio::time::advance(by)
    }

    /// How time passes. Default: it stands still.
    fn pace(&self) -> Pace {
        Pace::paused()
    }
}
