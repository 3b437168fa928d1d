//! Owns the sink whose refusal stops nothing.

use super::answers;
use crate::contract::{DeadLetter, Durability, Error, ErrorSink};
use crate::service::quote;
use std::time::Duration;

/// How long it has. 5 s: records wait for it, and a pager that is slower than this is not working.
const HAS: Duration = Duration::from_secs(5);

/// Accepts every letter, whatever its sink says: what that refuses, or does not answer within 5 s, is logged and not
/// offered again. Lossy, so put it beside a durable one: `to_topic.and(pager.best_effort())`.
#[derive(Clone, Debug)]
pub struct BestEffort<S> {
    pub(super) sink: S,
}

impl<S: ErrorSink> ErrorSink for BestEffort<S> {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let why = match tokio::time::timeout(HAS, answers(&self.sink, letters)).await {
            Ok(answers) => answers.into_iter().find_map(Result::err).map(|error| error.to_string()),
            Err(_) => Some(format!("no answer within {HAS:?}")),
        };
        if let Some(why) = why {
            tracing::warn!(letters = letters.len(), error = quote(&why), "an error sink refused letters and is not asked again");
        }
        letters.iter().map(|_| Ok(())).collect()
    }

    fn durability(&self) -> Durability {
        Durability::Lossy
    }
}
