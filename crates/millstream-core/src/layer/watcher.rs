//! Owns the layer that is put around every handler of the services described within a call, outside all others: how a
//! simulation sees attempts of a service that knows nothing of it. Nobody else has one.

use super::layer::{AnyLayer, Layer};
use std::cell::RefCell;

thread_local! {
    static WATCHER: RefCell<Option<AnyLayer>> = const { RefCell::new(None) };
}

/// Puts `layer` around the handlers, but not batch handlers, of all builders that `describe` makes.
pub fn watching<T>(layer: impl Layer, describe: impl FnOnce() -> T) -> T {
    struct Restore(Option<AnyLayer>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHER.set(self.0.take());
        }
    }
    let _restore = Restore(WATCHER.replace(Some(AnyLayer::new(layer))));
    describe()
}

/// The layer of the call that this thread is in.
pub(crate) fn watcher() -> Option<AnyLayer> {
    WATCHER.with_borrow(Option::clone)
}
