//! Owns the dead-letter topic as a part of a composed sink: a value before there is a connection. Leaves writing to
//! `dead_letters`.

use crate::contract::{DeadLetter, Durability, Error, ErrorKind, ErrorSink, Operation};
use crate::service::dead_letters::TopicSink;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The dead-letter topic, to be composed with other sinks; given by
/// [`ErrorHandling::error_sink_with`](crate::service::ErrorHandling::error_sink_with). It writes once its service runs, and
/// refuses letters before.
#[derive(Clone, Default)]
pub struct ToTopic(Arc<OnceLock<TopicSink>>);

impl fmt::Debug for ToTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToTopic")
    }
}

impl ToTopic {
    /// Whether somebody else holds it too.
    pub(crate) fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Says through what it writes. A service runs once, so this is said once.
    pub(crate) fn bind(&self, sink: TopicSink) {
        let _ = self.0.set(sink);
    }
}

impl ErrorSink for ToTopic {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        match self.0.get() {
            Some(sink) => sink.accept(letters).await,
            None => {
                let early = || Error::new(ErrorKind::Ended, Operation::DeadLetter, "the service of this sink does not run");
                letters.iter().map(|_| Err(early())).collect()
            }
        }
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
