//! Owns what a handler answers: done, or skipped. Leaves its failures to `handler_error`, and what follows to the engine.

use super::handler_error::{HandlerError, IntoFailure};
use std::borrow::Cow;

/// What a handler decided about its record. Exhaustive: the engine answers each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done; outputs go out, then the record settles.
    Done,
    /// There was nothing to do, and why; counted apart. Outputs emitted before go out all the same.
    Skip(Cow<'static, str>),
}

impl Outcome {
    /// Nothing to do, because of `why`.
    pub fn skip(why: impl Into<Cow<'static, str>>) -> Self {
        Outcome::Skip(why.into())
    }
}

/// What a handler may return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "return `()`, `Outcome`, or a `Result` of one of them whose error is any `std::error::Error` or `HandlerError`"
)]
pub trait IntoOutcome {
    /// As the handler's outcome.
    ///
    /// # Errors
    /// If the handler failed.
    fn into_outcome(self) -> Result<Outcome, HandlerError>;
}

impl IntoOutcome for () {
    #[inline]
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(Outcome::Done)
    }
}

impl IntoOutcome for Outcome {
    #[inline]
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        Ok(self)
    }
}

impl<O: IntoOutcome, E: IntoFailure> IntoOutcome for Result<O, E> {
    #[inline]
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        match self {
            Ok(value) => value.into_outcome(),
            Err(error) => Err(error.into_failure()),
        }
    }
}
