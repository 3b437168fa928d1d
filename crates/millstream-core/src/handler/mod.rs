//! Handlers: what the user writes, and what it is given.
//!
//! **By value, it comes from the record; `&T`, it is the service's state; `&mut Outputs`, it is what goes out.**
//!
//! | file | noun |
//! | --- | --- |
//! | `handler` | the shape and meaning of a handler |
//! | `extract` | how arguments come about |
//! | `wants` | what arguments want of topics and records, for `build()` |
//! | `delivery` | one record handed over for one attempt |
//! | `attempt` | which handler call it is |
//! | `event` | `Event<T>` and `RawEvent<'_>` |
//! | `json` | `Json<T>`, a payload without an envelope |
//! | `outcome` | what a handler answers |
//! | `handler_error` | why it failed |
//! | `or_fail` | what is said of a failure at its place |
//! | `emit`, `into_outputs` | outputs that a handler returns |
//! | `batch` | handlers of many records at once |
//! | `until` | how long a record is deferred |
//! | `outputs`, `output` | what goes out, and how tests look at it |
//! | `entry` | the entry of a table, lent to an attempt |
//! | `lineage` | what outputs take over from their cause |
//! | `said`, `writing` | how an event becomes a record |
//! | `emit_error` | why an output is refused |
//! | `origin` | where a record lay before it went to a retry topic |
//! | `panics` | a panic becomes a failure of one record |
//! | `seat` | what an attempt's future owns |

mod attempt;
mod batch;
mod delivery;
mod emit;
mod emit_error;
mod entry;
mod event;
mod extract;
#[allow(clippy::module_inception, reason = "the room's noun is the handler")]
mod handler;
mod handler_error;
mod into_outputs;
mod json;
mod lineage;
mod or_fail;
mod origin;
mod outcome;
mod output;
mod outputs;
pub(crate) mod panics;
mod said;
mod seat;
mod until;
mod wants;
mod writing;

pub use attempt::Attempt;
pub use batch::{Batch, BatchDelivery, BatchHandler, BatchOutputs, BatchSeat, ExtractBatch, InBatch, IntoOutcomes, Outcomes};
pub use batch::{RunsBatch, Slot};
pub use delivery::Delivery;
pub use emit::{AnyEmit, Emit};
pub use emit_error::EmitError;
pub use entry::{FreshEntry, TableEntry, TableOf};
pub use event::{Event, RawEvent};
pub use extract::{Extract, Provide, Rejection};
pub use handler::{Awaited, Handler, HandlerFn, Runs};
pub use handler_error::{HandlerError, IntoFailure};
pub use into_outputs::IntoOutputs;
pub use json::Json;
pub use or_fail::{OrFail, OrFailIf};
pub use outcome::{IntoOutcome, Outcome};
pub use output::Output;
pub use outputs::Outputs;
pub use seat::Seat;
pub use until::Until;
#[doc(hidden)]
pub use wants::Wants;

pub(crate) use batch::{BatchRecord, CallInput};
pub(crate) use delivery::Input;
pub(crate) use entry::{Changed, Lent, POSITION_HEADER};
pub(crate) use origin::{Origin, RETRY_HEADERS, RETRY_HEADERS_ADD, position_of};
pub(crate) use outputs::{OutputContext, PublishNow};
pub(crate) use writing::{Writing, check_key};
