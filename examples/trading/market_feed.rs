//! The market feed: publishes ticks, duplicates and poison in the planned order.
//!
//! Owns pace and order of publishing. Leaves content to `feed` and the transport to an [`Outlet`], so that the
//! same feed runs against a service's publisher and against a test's list.

use std::fmt;

use crate::csv::DataError;
use crate::effects::Effects;
use crate::events::Tick;
use crate::feed::{Feed, Item};
use crate::poison::Poison;

/// Where the feed publishes.
pub(crate) trait Outlet {
    /// Why publishing failed.
    type Error;

    /// Publishes a tick as a root event under exactly this id; done when it is acknowledged or will be by the
    /// next [`Outlet::settled`].
    fn tick(&mut self, id: u128, tick: &Tick) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Publishes bytes as they are.
    fn raw(&mut self, poison: &Poison) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits until everything published so far is acknowledged, and until consumers are near enough for more.
    fn settled(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Records between two waits: large enough for batches, small enough that laps stay bounded.
const STRIDE: u64 = 1024;

/// Why the feed stopped early.
#[derive(Debug)]
pub(crate) enum FeedError<E> {
    /// The file became unreadable after it was checked.
    Data(DataError),
    /// The outlet failed.
    Outlet(E),
}

impl<E: fmt::Display> fmt::Display for FeedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::Outlet(error) => write!(f, "the market feed cannot publish: {error}"),
        }
    }
}

/// Publishes the whole feed and notes each tick that was published for the first time.
pub(crate) async fn publish<O: Outlet>(feed: &Feed, effects: &Effects, outlet: &mut O) -> Result<(), FeedError<O::Error>> {
    let mut records = 0_u64;
    for item in feed.items() {
        match item.map_err(FeedError::Data)? {
            Item::Tick { id, tick, again } => {
                outlet.tick(id, &tick).await.map_err(FeedError::Outlet)?;
                if !again {
                    effects.published(id);
                }
            }
            Item::Poison(poison) => outlet.raw(&poison).await.map_err(FeedError::Outlet)?,
        }
        records += 1;
        if records.is_multiple_of(STRIDE) {
            outlet.settled().await.map_err(FeedError::Outlet)?;
        }
    }
    outlet.settled().await.map_err(FeedError::Outlet)
}
