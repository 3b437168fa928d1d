//! Owns the sink for letters of some reasons, and the pair of which one takes these and the other the rest.

use super::{answers, chosen};
use crate::contract::{DeadLetter, DeadLetterReason, Durability, Error, ErrorSink};
use std::collections::BTreeSet;

/// A sink for letters of some reasons. Those of others are accepted and go nowhere, so by itself it is lossy: put it
/// beside a durable one (`to_topic.and(pager.only([…]))`), or say where the others go ([`otherwise`](Self::otherwise)).
#[derive(Clone, Debug)]
pub struct Only<S> {
    pub(super) sink: S,
    pub(super) reasons: BTreeSet<DeadLetterReason>,
}

impl<S> Only<S> {
    /// The same, and the letters of other reasons to `other`. Durable if both are.
    pub fn otherwise<O: ErrorSink>(self, other: O) -> Routed<S, O> {
        Routed { these: self.sink, others: other, reasons: self.reasons }
    }
}

impl<S: ErrorSink> ErrorSink for Only<S> {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let mut all: Vec<Result<(), Error>> = letters.iter().map(|_| Ok(())).collect();
        let (places, wanted) = chosen(letters, |index| self.reasons.contains(&letters[index].reason));
        for (place, answer) in places.into_iter().zip(answers(&self.sink, &wanted).await) {
            all[place] = answer;
        }
        all
    }

    fn durability(&self) -> Durability {
        Durability::Lossy
    }
}

/// One sink for letters of some reasons, and another for all others. Durable if both are.
#[derive(Clone, Debug)]
pub struct Routed<S, O> {
    these: S,
    others: O,
    reasons: BTreeSet<DeadLetterReason>,
}

impl<S: ErrorSink, O: ErrorSink> ErrorSink for Routed<S, O> {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let is = |index: usize| self.reasons.contains(&letters[index].reason);
        let ((here, these), (there, others)) = (chosen(letters, is), chosen(letters, |index| !is(index)));
        // Side by side: one that is down does not keep the other's letters.
        let (taken, rest) = tokio::join!(answers(&self.these, &these), answers(&self.others, &others));
        let mut all: Vec<Result<(), Error>> = letters.iter().map(|_| Ok(())).collect();
        for (place, answer) in here.into_iter().zip(taken).chain(there.into_iter().zip(rest)) {
            all[place] = answer;
        }
        all
    }

    fn durability(&self) -> Durability {
        match (self.these.durability(), self.others.durability()) {
            (Durability::Durable, Durability::Durable) => Durability::Durable,
            _ => Durability::Lossy,
        }
    }
}
