//! Owns what a handler answers: done, skipped, or deferred. Leaves its failures to `handler_error`, outputs that are returned
//! to `into_outputs`, and what follows to the engine.

use super::handler_error::{HandlerError, IntoFailure};
use super::outputs::Outputs;
use super::until::Until;
use crate::envelope::Timestamp;
use std::borrow::Cow;
use std::time::Duration;

/// What a handler decided about its record. Exhaustive: the engine answers each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done; outputs go out, then the record settles.
    Done,
    /// There was nothing to do, and why; counted apart. Outputs emitted before go out all the same.
    Skip(Cow<'static, str>),
    /// Not now but then, and why. Not a failure: it counts no attempt and uses up no time of those that failed. Outputs
    /// emitted before do not go out.
    ///
    /// The record keeps its key, so those behind it with the same key wait, and its place in the window; records with
    /// other keys go on. Nothing behind it is committed meanwhile: what waits for hours belongs into a store, or a topic
    /// of its own. When the service stops or the partition moves the record is abandoned, and comes again.
    Defer(Until, Cow<'static, str>),
}

impl Outcome {
    /// Nothing to do, because of `why`.
    pub fn skip(why: impl Into<Cow<'static, str>>) -> Self {
        Outcome::Skip(why.into())
    }

    /// Not now, because of `why`: again after this time, at least a millisecond. See [`Outcome::Defer`].
    pub fn defer_for(wait: Duration, why: impl Into<Cow<'static, str>>) -> Self {
        Outcome::Defer(Until::After(wait), why.into())
    }

    /// Not now, because of `why`: again at this time by the wall clock, or a millisecond from now if it is over. Looked at
    /// once: if the wall clock is set meanwhile, the handler runs too early or too late, and may defer again. See
    /// [`Outcome::Defer`].
    pub fn defer_until(at: Timestamp, why: impl Into<Cow<'static, str>>) -> Self {
        Outcome::Defer(Until::At(at), why.into())
    }
}

/// What a handler may return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "return `()`, `Outcome` (`Outcome::skip(\"why\")`), or outputs: `Emit<T>`, and an `Option`, `Vec` or tuple of them",
    note = "or a `Result` of one of these whose error is any `std::error::Error` or `HandlerError`"
)]
pub trait IntoOutcome {
    /// Whether it may hold outputs; for `build()`, which then asks for a producer.
    #[doc(hidden)]
    const EMITS: bool = false;

    /// As the handler's outcome; outputs it holds are put into `out`.
    ///
    /// # Errors
    /// If the handler failed, or an output is refused.
    fn into_outcome(self, out: &mut Outputs) -> Result<Outcome, HandlerError>;
}

impl IntoOutcome for () {
    #[inline]
    fn into_outcome(self, _: &mut Outputs) -> Result<Outcome, HandlerError> {
        Ok(Outcome::Done)
    }
}

impl IntoOutcome for Outcome {
    #[inline]
    fn into_outcome(self, _: &mut Outputs) -> Result<Outcome, HandlerError> {
        Ok(self)
    }
}

impl<O: IntoOutcome, E: IntoFailure> IntoOutcome for Result<O, E> {
    const EMITS: bool = O::EMITS;

    #[inline]
    fn into_outcome(self, out: &mut Outputs) -> Result<Outcome, HandlerError> {
        match self {
            Ok(value) => value.into_outcome(out),
            Err(error) => Err(error.into_failure()),
        }
    }
}
