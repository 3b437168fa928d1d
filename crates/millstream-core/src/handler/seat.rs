//! Owns the seat: everything one attempt needs, in one box that travels into the attempt's future and comes back as its
//! output.
//!
//! A future that borrows the batch or the state cannot be kept in a slot in safe Rust, but one that *owns what it lends*
//! can: it is `'static`. So references in a handler's arguments cost no allocation and no reference count per record.

use super::delivery::Input;
use super::entry::Lent;
use super::handler_error::HandlerError;
use super::outcome::Outcome;
use super::outputs::Outputs;
use crate::envelope::{Head, Timestamp, TraceContext};

/// What one attempt needs, and its answer afterwards.
#[doc(hidden)]
pub struct Seat<H, St> {
    pub(crate) handler: H,
    pub(crate) state: St,
    pub(crate) input: Input,
    pub(crate) outputs: Outputs,
    /// The entry that the attempt is lent, if its handler keeps a table.
    pub(crate) entry: Option<Box<Lent>>,
    /// Whether the attempt ended with [`Outcome::Done`]: the rule, and one byte to write.
    pub(crate) done: bool,
    /// Its answer if that was another one.
    pub(crate) other: Option<Result<Outcome, HandlerError>>,
}

impl<H, St> Seat<H, St> {
    /// Begins the outputs of an attempt at the record that is seated.
    // Of its own, so that the loop over records holds nothing for those that have no outputs.
    #[inline(never)]
    pub(crate) fn begin_outputs(&mut self, head: Option<&Head>, stamp: Timestamp, trace: Option<TraceContext>) {
        let record = self.input.record.view();
        self.outputs.begin(head, self.input.key, record, stamp);
        let headers = record.headers();
        // All three headers of a trace begin with one of these.
        if trace.is_some() || headers.any_may_begin_with(b't') || headers.any_may_begin_with(b'b') {
            self.outputs.carry(headers, self.input.attempt, trace);
        }
    }

    /// Writes the attempt's answer.
    #[inline(always)]
    pub(crate) fn answer(&mut self, answer: Result<Outcome, HandlerError>) {
        self.done = matches!(answer, Ok(Outcome::Done));
        if !self.done {
            self.other = Some(answer);
        }
    }

    /// Takes the attempt's answer.
    #[inline]
    pub(crate) fn take_answer(&mut self) -> Result<Outcome, HandlerError> {
        if std::mem::take(&mut self.done) {
            return Ok(Outcome::Done);
        }
        self.other.take().unwrap_or_else(|| Err(HandlerError::permanent("the attempt ended without an answer")))
    }
}
