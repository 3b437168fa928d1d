//! What wraps a handler: users' layers, and the framework's own, in an order that is fixed.
//!
//! | file | noun |
//! | --- | --- |
//! | `layer` | what a user writes around a handler |
//! | `next` | what is inside a layer: the next one, or the handler |
//! | `delivery_info` | what a layer may know of a delivery |
//! | `layered` | a handler with its layers, as one attempt |
//! | `watcher` | who looks at all attempts of a simulated service |
//!
//! From the outside in. Nobody can reorder these, so nobody can catch a panic outside its metrics, or let a time-out run
//! while a record waits for its turn:
//!
//! 1. deduplication, filters, key order, the breaker: whether an attempt starts at all;
//! 2. retries and dead letters: what an attempt's `Err` means, each attempt going through everything below;
//! 3. counts, metrics and the attempt's span;
//! 4. the time-out of the attempt;
//! 5. panics, caught around each poll;
//! 6. the builder's layers, the first one named outermost;
//! 7. the handler's own layers, the first one named outermost;
//! 8. the making of the handler's arguments, and the handler.

mod delivery_info;
#[allow(clippy::module_inception, reason = "the room's noun is the layer")]
mod layer;
mod layered;
mod next;
mod watcher;

pub use delivery_info::DeliveryInfo;
pub use layer::Layer;
pub use next::Next;
#[doc(hidden)]
pub use watcher::{Emitted, Watcher, watching};

pub(crate) use layer::AnyLayer;
pub(crate) use layered::{Layered, layered};
pub(crate) use watcher::watcher;

pub(crate) use crate::handler::panics;
