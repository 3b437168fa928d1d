//! Owns the sink with a fallback.

use super::{answers, chosen};
use crate::contract::{DeadLetter, Durability, Error, ErrorSink};
use std::time::Duration;

/// How long the first sink has before the second is asked. 15 s: a broker's leader election is over by then, and the second
/// has twice as long before the worker gives both up.
const FIRST_HAS: Duration = Duration::from_secs(15);

/// What the first sink refuses, or does not answer within 15 s, goes to the second. A letter may then be in both: what the
/// first did not confirm it may still have.
///
/// Three are nested to the right, `a.or_else(b.or_else(c))`: to the left, the time of `a` is all that `a` and `b` have, and `b` is never
/// asked if `a` hangs.
///
/// Durable only if both are: nobody knows beforehand which of them takes a letter.
#[derive(Clone, Debug)]
pub struct OrElse<A, B> {
    pub(super) first: A,
    pub(super) second: B,
}

impl<A: ErrorSink, B: ErrorSink> ErrorSink for OrElse<A, B> {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let Ok(mut first) = tokio::time::timeout(FIRST_HAS, answers(&self.first, letters)).await else {
            return answers(&self.second, letters).await;
        };
        let (places, refused) = chosen(letters, |index| first[index].is_err());
        for (place, answer) in places.into_iter().zip(answers(&self.second, &refused).await) {
            first[place] = answer;
        }
        first
    }

    fn durability(&self) -> Durability {
        match (self.first.durability(), self.second.durability()) {
            (Durability::Durable, Durability::Durable) => Durability::Durable,
            _ => Durability::Lossy,
        }
    }
}
