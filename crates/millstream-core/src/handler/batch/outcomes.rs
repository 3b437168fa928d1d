//! Owns what a batch handler answers, record by record. Leaves what follows to the engine, as for single handlers.

use super::Slot;
use crate::handler::handler_error::{HandlerError, IntoFailure};
use crate::handler::outcome::Outcome;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What a batch handler decided about each of its records.
///
/// A record without an answer has *failed*: it is tried again. So a handler that forgets one loses nothing. Of several
/// answers for one slot the last counts.
#[derive(Default)]
#[must_use = "records without an answer have failed: return it"]
pub struct Outcomes {
    answers: Vec<Option<Result<Outcome, HandlerError>>>,
    rest_done: bool,
}

impl Outcomes {
    /// No answers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All records are done, but those that are answered otherwise later: said on purpose.
    pub fn all_done() -> Self {
        Outcomes { answers: Vec::new(), rest_done: true }
    }

    /// The record is done; its outputs go out, then it settles.
    pub fn done(&mut self, slot: Slot) {
        self.answer(slot, Ok(Outcome::Done));
    }

    /// There was nothing to do for the record, and why; counted apart. Its outputs go out all the same.
    pub fn skip(&mut self, slot: Slot, why: impl Into<Cow<'static, str>>) {
        self.answer(slot, Ok(Outcome::skip(why)));
    }

    /// The record failed: it alone is tried again, or becomes a dead letter, as the error says. Its outputs are dropped.
    pub fn fail(&mut self, slot: Slot, error: impl IntoFailure) {
        self.answer(slot, Err(error.into_failure()));
    }

    /// The record comes again after this time, and why; no attempt is counted. See [`Outcome::Defer`].
    pub fn defer_for(&mut self, slot: Slot, wait: Duration, why: impl Into<Cow<'static, str>>) {
        self.answer(slot, Ok(Outcome::defer_for(wait, why)));
    }

    /// Any answer, as a single handler would give it: for code that is shared with one.
    pub fn answer(&mut self, slot: Slot, answer: Result<Outcome, HandlerError>) {
        let index = slot.index();
        if self.answers.len() <= index {
            self.answers.resize_with(index + 1, || None);
        }
        self.answers[index] = Some(answer);
    }

    /// The answer for a record, if it has one of its own.
    pub fn get(&self, slot: Slot) -> Option<&Result<Outcome, HandlerError>> {
        self.answers.get(slot.index()).and_then(Option::as_ref)
    }

    /// Whether the record is done.
    pub fn is_done(&self, slot: Slot) -> bool {
        self.get(slot).map_or(self.rest_done, |answer| matches!(answer, Ok(Outcome::Done)))
    }

    /// How many records were answered with [`done`](Self::done).
    pub fn done_count(&self) -> usize {
        self.answers.iter().flatten().filter(|answer| matches!(answer, Ok(Outcome::Done))).count()
    }

    /// How many slots it speaks of.
    pub(crate) fn reach(&self) -> usize {
        self.answers.len()
    }

    /// Takes the answer for the record at `index`.
    pub(crate) fn take(&mut self, index: usize) -> Result<Outcome, HandlerError> {
        match self.answers.get_mut(index).and_then(Option::take) {
            Some(answer) => answer,
            None if self.rest_done => Ok(Outcome::Done),
            None => Err(HandlerError::transient("the batch handler gave no answer for it")),
        }
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.answers.iter().enumerate().filter_map(|(slot, answer)| answer.as_ref().map(|answer| (slot, answer)));
        let mut map = f.debug_map();
        map.entries(answered);
        if self.rest_done {
            map.entry(&format_args!("the rest"), &format_args!("Done"));
        }
        map.finish()
    }
}

/// What a batch handler may return.
#[diagnostic::on_unimplemented(
    message = "a batch handler cannot return `{Self}`",
    note = "return `Outcomes`, which answers record by record: `answers.done(slot)`, `answers.fail(slot, error)`",
    note = "or a `Result` of `Outcomes` or `()` (all are done), whose error is any `std::error::Error` or `HandlerError`: with `Err` the call failed as a whole, and its records are tried again one by one"
)]
pub trait IntoOutcomes {
    /// As answers.
    ///
    /// # Errors
    /// If the call failed as a whole.
    fn into_outcomes(self) -> Result<Outcomes, HandlerError>;
}

impl IntoOutcomes for Outcomes {
    fn into_outcomes(self) -> Result<Outcomes, HandlerError> {
        Ok(self)
    }
}

impl<E: IntoFailure> IntoOutcomes for Result<Outcomes, E> {
    fn into_outcomes(self) -> Result<Outcomes, HandlerError> {
        self.map_err(IntoFailure::into_failure)
    }
}

/// `Ok` is [`Outcomes::all_done`].
impl<E: IntoFailure> IntoOutcomes for Result<(), E> {
    fn into_outcomes(self) -> Result<Outcomes, HandlerError> {
        self.map(|()| Outcomes::all_done()).map_err(IntoFailure::into_failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_answer_has_failed_unless_all_are_done() {
        let mut answers = Outcomes::new();
        answers.done(Slot(1));
        assert!(answers.take(0).is_err() && answers.take(1).is_ok() && answers.take(2).is_err());
        let mut answers = Outcomes::all_done();
        answers.fail(Slot(1), HandlerError::transient("no"));
        assert!(answers.take(0).is_ok() && answers.take(1).is_err() && answers.take(2).is_ok());
    }

    #[test]
    fn of_two_answers_for_a_record_the_last_counts() {
        let mut answers = Outcomes::new();
        answers.done(Slot(0));
        answers.fail(Slot(0), HandlerError::permanent("no"));
        assert!(!answers.is_done(Slot(0)) && answers.take(0).is_err());
    }
}
