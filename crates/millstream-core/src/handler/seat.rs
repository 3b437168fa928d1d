//! Owns the seat: everything one attempt needs, in one box that travels into the attempt's future and comes back as its
//! output.
//!
//! A future that borrows the batch or the state cannot be kept in a slot in safe Rust, but one that *owns what it lends*
//! can: it is `'static`. So references in a handler's arguments cost no allocation and no reference count per record.

use super::delivery::Input;
use super::outcome::{HandlerError, Outcome};
use super::outputs::Outputs;

/// What one attempt needs, and its answer afterwards.
#[doc(hidden)]
pub struct Seat<H, St> {
    pub(crate) handler: H,
    pub(crate) state: St,
    pub(crate) input: Input,
    pub(crate) outputs: Outputs,
    pub(crate) answer: Option<Result<Outcome, HandlerError>>,
}
