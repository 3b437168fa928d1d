//! Owns a handler's failure: an error that says whether trying again may help. Leaves what follows from it (attempts, dead
//! letters) to the engine.

use super::emit_error::EmitError;
use super::panics;
use crate::contract::BoxError;
use crate::engine::Failure;
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A handler's failure: any error, and whether trying again may help.
///
/// Every `std::error::Error` converts with `?` and counts as transient, because a wrong retry costs time and a wrong dead
/// letter costs a record's place in its key's order (F28); an [`EmitError`] says itself what it is. Say otherwise at the
/// place ([`OrFail::or_permanent`](super::OrFail::or_permanent)), or for all errors of a type
/// ([`ErrorHandling::classify`](crate::service::ErrorHandling::classify)).
pub struct HandlerError(Box<Inner>);

struct Inner {
    failure: Failure,
    /// Whether the failure was said by whoever made the error, and not merely assumed.
    said: bool,
    /// The least time until the next attempt.
    not_before: Duration,
    context: Option<Cow<'static, str>>,
    error_type: &'static str,
    source: Option<BoxError>,
}

impl HandlerError {
    /// A failure that will be the same next time: one attempt, then a dead letter.
    pub fn permanent(why: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Failure::Permanent, why.into())
    }

    /// A failure that may pass: tried again.
    pub fn transient(why: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Failure::Transient, why.into())
    }

    /// A failure that may pass, but not before so long: tried again no sooner, as for a server that answers "too many
    /// requests". A longer backoff stays longer. The record keeps its key meanwhile.
    ///
    /// The wait is part of the time in which the record may be tried ([`Retry::within`](crate::engine::Retry::within), 5
    /// minutes by default): one that leads beyond gives up at once. It is not the way to put a record off, which is
    /// [`Outcome::defer_for`](super::Outcome::defer_for) and no failure. While the breaker is open its probes ask sooner.
    pub fn after(wait: Duration, why: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::transient(why);
        error.0.not_before = wait;
        error
    }

    pub(crate) fn of(failure: Failure, why: Cow<'static, str>) -> Self {
        Self::made(failure, true, Some(why), "", None)
    }

    fn made(
        failure: Failure,
        said: bool,
        context: Option<Cow<'static, str>>,
        error_type: &'static str,
        source: Option<BoxError>,
    ) -> Self {
        HandlerError(Box::new(Inner { failure, said, not_before: Duration::ZERO, context, error_type, source }))
    }

    /// Whether trying again may help.
    pub fn failure(&self) -> Failure {
        self.0.failure
    }

    /// The least time until the next attempt; zero if it does not say.
    pub fn not_before(&self) -> Duration {
        self.0.not_before
    }

    /// The type of the error that caused it, or nothing if it was made of words.
    pub fn error_type(&self) -> &'static str {
        self.0.error_type
    }

    /// The error that caused it.
    pub fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }

    /// What it was said to be about, at the place.
    pub(crate) fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }

    /// Whether somebody has said already what it is: at the place, or the framework of what it found itself.
    pub(crate) fn is_said(&self) -> bool {
        self.0.said
    }

    /// The same, of which it is said from elsewhere what it is.
    pub(crate) fn classified(&mut self, failure: Failure) {
        (self.0.failure, self.0.said) = (failure, true);
    }

    /// The same, said to be this.
    pub(crate) fn with(mut self, failure: Failure, why: Cow<'static, str>) -> Self {
        (self.0.failure, self.0.said) = (failure, true);
        self.0.context = Some(match self.0.context.take() {
            Some(before) => format!("{why}: {before}").into(),
            None => why,
        });
        self
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let error_type = std::any::type_name::<E>();
        // Our own error knows better: an output that is too large will be so the next time.
        let emitted = (&error as &dyn Any).downcast_ref::<EmitError>().map(EmitError::failure);
        let failure = emitted.unwrap_or(Failure::Transient);
        Self::made(failure, emitted.is_some(), None, error_type, Some(error.into()))
    }
}

/// What stands for an error's text where making that panics.
const NO_TEXT: &str = "the error's own text panicked";

/// Causes that are looked at; more is a chain that bites its tail.
const MOST_CAUSES: usize = 32;

type Cause = dyn std::error::Error + 'static;

/// What caused an error. An I/O error hides what it was made of from `source`.
fn behind(cause: &Cause) -> Option<&Cause> {
    let made_of = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    made_of.map(|inner| inner as &Cause).or_else(|| cause.source())
}

impl HandlerError {
    /// The error that made it, and what caused that, the outermost first. Calls users' code, which may panic.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Cause> {
        std::iter::successors(self.source(), |&cause| behind(cause)).take(MOST_CAUSES)
    }

    /// The texts of its cause and what caused that. A user's code: it may panic.
    fn causes(&self) -> String {
        let mut text = String::new();
        let mut next = self.source();
        for _ in 0..MOST_CAUSES {
            let Some(cause) = next else { break };
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = match &self.0.source {
            Some(_) => panics::contained(|| self.causes()).unwrap_or_else(|_| NO_TEXT.to_owned()),
            None => String::new(),
        };
        match &self.0.context {
            Some(context) if causes.is_empty() => f.write_str(context),
            Some(context) => write!(f, "{context}: {causes}"),
            None => f.write_str(&causes),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A user's error may panic when it is dropped, wherever that is: the record has failed already, and that is all.
        if let Some(source) = self.source.take() {
            let _ = panics::contained(|| drop(source));
        }
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.0.failure)
    }
}

/// What may be the error of a handler: any `std::error::Error`, and [`HandlerError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler",
    note = "any `std::error::Error` can, and `HandlerError` (`HandlerError::permanent(\"why\")`, `.or_transient(\"why\")?`)",
    note = "texts, `Box<dyn Error>` and `anyhow::Error` are none: `.map_err(|error| HandlerError::transient(error.to_string()))?`"
)]
pub trait IntoFailure {
    /// As the handler's failure.
    fn into_failure(self) -> HandlerError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<HandlerError>> IntoFailure for E {
    fn into_failure(self) -> HandlerError {
        self.into()
    }
}
