//! Sinks made of sinks: both, the first that takes it, only some reasons, and at best.
//!
//! | file | noun |
//! | --- | --- |
//! | `ext` | the verbs |
//! | `and` | both must accept |
//! | `or_else` | another where the first refuses |
//! | `only` | letters of some reasons, and where the others go |
//! | `best_effort` | one whose refusal is logged and no more |
//! | `to_topic` | the dead-letter topic, as a part |
//!
//! What a composition accepts is as durable as those that must have accepted it.

mod and;
mod best_effort;
mod ext;
mod only;
mod or_else;
mod to_topic;

pub use and::And;
pub use best_effort::BestEffort;
pub use ext::ErrorSinkExt;
pub use only::{Only, Routed};
pub use or_else::OrElse;
pub use to_topic::ToTopic;

use crate::contract::{DeadLetter, Error, ErrorKind, ErrorSink, Operation};
use crate::handler::panics;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Hands letters to a sink; an answer for each, also for those it left out.
///
/// A sink is a user's: one that panics has taken nothing, and stops only what waits for it (I20).
pub(crate) async fn answers(sink: &impl ErrorSink, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
    if letters.is_empty() {
        return Vec::new();
    }
    // The call itself is inside too: it may panic before there is a future.
    let mut call = pin!(async { sink.accept(letters).await });
    let answered = poll_fn(|cx| match panics::contained(|| call.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(words) => Poll::Ready(Err(words)),
    });
    let (mut answers, missing) = match answered.await {
        Ok(answers) => (answers, String::from("the sink left answers out")),
        Err(words) => (Vec::new(), format!("the sink panicked: {words}")),
    };
    let missing = || Err(Error::new(ErrorKind::Internal, Operation::DeadLetter, missing.clone()));
    answers.resize_with(letters.len(), missing);
    answers
}

/// The letters of which `is` says `true`, and their places.
fn chosen(letters: &[DeadLetter], is: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<DeadLetter>) {
    let places: Vec<usize> = (0..letters.len()).filter(|&index| is(index)).collect();
    let chosen = places.iter().map(|&index| letters[index].clone()).collect();
    (places, chosen)
}

#[cfg(test)]
mod tests;
