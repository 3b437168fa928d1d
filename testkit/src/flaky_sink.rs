//! Owns an error sink that keeps letters in memory and fails as a topic or a store does. Leaves their format to real sinks.

use crate::{Fate, Switches};
use millstream_core::contract::{DeadLetter, Durability, Error, ErrorKind, ErrorSink, Operation};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps letters, behind switches. Clones share everything, so it outlives the service that uses it: to a service it is
/// durable. The switches count letters, not calls.
#[derive(Clone, Debug, Default)]
pub struct FlakySink {
    switches: Switches,
    letters: Arc<Mutex<Vec<DeadLetter>>>,
}

impl FlakySink {
    /// An empty sink that accepts everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// What befalls a letter.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// All letters accepted, in order; one accepted twice (its first answer was lost) is there twice.
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.kept().clone()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<DeadLetter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, letter: &DeadLetter) -> Result<(), Error> {
        let error = |kind, text: &'static str| Err(Error::new(kind, Operation::DeadLetter, text));
        let fate = self.switches.next();
        if matches!(fate, Fate::Passes | Fate::ReplyLost) {
            self.kept().push(letter.clone());
        }
        match fate {
            Fate::Passes => Ok(()),
            Fate::Fails => error(ErrorKind::Unavailable, "the sink is away"),
            Fate::ReplyLost => error(ErrorKind::TimedOut, "the sink's reply was lost"),
            Fate::Refused => error(ErrorKind::Unauthorized, "the sink refuses"),
        }
    }
}

impl ErrorSink for FlakySink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        self.switches.wait().await;
        letters.iter().map(|letter| self.take(letter)).collect()
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
