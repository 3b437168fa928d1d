//! Owns the sink that is two: both must accept.

use super::{answers, chosen};
use crate::contract::{DeadLetter, Durability, Error, ErrorSink};

/// A letter is accepted when both sinks have accepted it. The second is only asked about letters that the first has taken,
/// so put the durable one first: nobody is paged about a letter that is not written yet. A letter that the second refuses
/// is handed to both again, which is harmless to each (clause E3).
///
/// Durable if either is: both have every letter that was accepted.
#[derive(Clone, Debug)]
pub struct And<A, B> {
    pub(super) first: A,
    pub(super) second: B,
}

impl<A: ErrorSink, B: ErrorSink> ErrorSink for And<A, B> {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let mut first = answers(&self.first, letters).await;
        let (places, taken) = chosen(letters, |index| first[index].is_ok());
        for (place, answer) in places.into_iter().zip(answers(&self.second, &taken).await) {
            first[place] = answer;
        }
        first
    }

    fn durability(&self) -> Durability {
        match (self.first.durability(), self.second.durability()) {
            (Durability::Durable, _) | (_, Durability::Durable) => Durability::Durable,
            _ => Durability::Lossy,
        }
    }
}
