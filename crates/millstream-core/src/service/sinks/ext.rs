//! Owns the verbs by which sinks are composed. Leaves what each means to the file of its noun.

use super::{And, BestEffort, Only, OrElse};
use crate::contract::{DeadLetterReason, ErrorSink};

/// Makes sinks of sinks.
///
/// ```
/// # use millstream_core::contract::*;
/// # use millstream_core::service::{ErrorHandling, ErrorSinkExt};
/// # #[derive(Clone)] struct Pager;
/// # impl ErrorSink for Pager {
/// #     async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> { letters.iter().map(|_| Ok(())).collect() }
/// #     fn durability(&self) -> Durability { Durability::Lossy }
/// # }
/// // The dead-letter topic must accept each; somebody is paged for crashes, if the pager works.
/// let errors = ErrorHandling::new()
///     .error_sink_with(|to_topic| to_topic.and(Pager.only([DeadLetterReason::Crash]).best_effort()));
/// ```
pub trait ErrorSinkExt: ErrorSink + Sized {
    /// Both must accept a letter, this one first. See [`And`].
    fn and<S: ErrorSink>(self, other: S) -> And<Self, S> {
        And { first: self, second: other }
    }

    /// Another one for letters that this one refuses, for whatever reason. See [`OrElse`].
    fn or_else<S: ErrorSink>(self, other: S) -> OrElse<Self, S> {
        OrElse { first: self, second: other }
    }

    /// This one for letters of these reasons only; the others are accepted and go nowhere, unless it is said where to. See
    /// [`Only`].
    fn only(self, reasons: impl IntoIterator<Item = DeadLetterReason>) -> Only<Self> {
        Only { sink: self, reasons: reasons.into_iter().collect() }
    }

    /// This one, if it works: a letter that it refuses is logged and accepted. See [`BestEffort`].
    fn best_effort(self) -> BestEffort<Self> {
        BestEffort { sink: self }
    }
}

impl<S: ErrorSink> ErrorSinkExt for S {}
