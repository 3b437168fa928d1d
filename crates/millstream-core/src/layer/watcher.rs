//! Owns who looks at all attempts of the services described within a call: how a simulation sees attempts of a service that
//! knows nothing of it. Nobody else has one.

use super::delivery_info::DeliveryInfo;
use crate::handler::{HandlerError, Outcome};
use crate::topic::Topic;
use std::cell::RefCell;
use std::sync::Arc;

/// An output as it was emitted: where to, key and value.
pub type Emitted<'o> = (&'o Topic, Option<&'o [u8]>, Option<&'o [u8]>);

/// Looks at attempts of handlers, outside all layers; not at calls of batch handlers.
pub trait Watcher: Send + Sync + 'static {
    /// An attempt starts; answers a name for it.
    fn started(&self, delivery: &DeliveryInfo<'_>) -> u64;

    /// An attempt has ended with an answer and these outputs, or was dropped where it waited.
    fn ended(&self, attempt: u64, answer: Option<&Result<Outcome, HandlerError>>, outputs: &mut dyn Iterator<Item = Emitted<'_>>);
}

thread_local! {
    static WATCHER: RefCell<Option<Arc<dyn Watcher>>> = const { RefCell::new(None) };
}

/// Lets `watcher` look at the handlers of all builders that `describe` makes.
pub fn watching<T>(watcher: Arc<dyn Watcher>, describe: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn Watcher>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHER.set(self.0.take());
        }
    }
    let _restore = Restore(WATCHER.replace(Some(watcher)));
    describe()
}

/// The watcher of the call that this thread is in.
pub(crate) fn watcher() -> Option<Arc<dyn Watcher>> {
    WATCHER.with_borrow(Option::clone)
}

/// An attempt that is looked at.
pub(super) struct Watched<'w> {
    watcher: Option<&'w Arc<dyn Watcher>>,
    attempt: u64,
}

impl<'w> Watched<'w> {
    pub(super) fn started(watcher: Option<&'w Arc<dyn Watcher>>, delivery: &DeliveryInfo<'_>) -> Self {
        let attempt = watcher.map_or(0, |watcher| watcher.started(delivery));
        Watched { watcher, attempt }
    }

    pub(super) fn ended<'o>(mut self, answer: &Result<Outcome, HandlerError>, mut outputs: impl Iterator<Item = Emitted<'o>>) {
        if let Some(watcher) = self.watcher.take() {
            watcher.ended(self.attempt, Some(answer), &mut outputs);
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.ended(self.attempt, None, &mut std::iter::empty());
        }
    }
}
