//! Owns what can be set for error handling, each default with its reason.

use crate::contract::AnyErrorSink;
use crate::engine::{Breaker, Retry};

/// Where dead letters go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadLetterTopic {
    /// `{topic}.dlq`: one a topic, shared by its groups. The default, as the seeds have it.
    #[default]
    PerTopic,
    /// `dlq.{group}.{topic}`: one a group and topic, Apache's newer default.
    GroupPrefixed,
}

/// What follows failures.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ErrorHandling {
    /// How often failing records are tried.
    pub retry: Retry,
    /// How dead-letter topics are named.
    pub dead_letters: DeadLetterTopic,
    /// A sink of your own in place of the dead-letter topic.
    pub sink: Option<AnyErrorSink>,
    /// When to stop calling at all.
    pub breaker: Breaker,
    /// Why a sink that may lose letters is good enough; `None` refuses one.
    pub loss_allowed: Option<String>,
}

impl std::fmt::Debug for ErrorHandling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let own_sink = self.sink.is_some();
        f.debug_struct("ErrorHandling")
            .field("retry", &self.retry)
            .field("dead_letters", &self.dead_letters)
            .field("own_sink", &own_sink)
            .field("breaker", &self.breaker)
            .finish()
    }
}

impl ErrorHandling {
    /// The defaults: four attempts, then `{topic}.dlq`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other retries.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same with other names of dead-letter topics.
    #[must_use]
    pub fn dead_letters(mut self, topic: DeadLetterTopic) -> Self {
        self.dead_letters = topic;
        self
    }

    /// The same with a sink in place of the dead-letter topic.
    #[must_use]
    pub fn error_sink(mut self, sink: impl crate::contract::ErrorSink) -> Self {
        self.sink = Some(AnyErrorSink::new(sink));
        self
    }

    /// The same, settling on a sink that may lose what it accepted, because of `why`.
    #[must_use]
    pub fn allow_loss(mut self, why: impl Into<String>) -> Self {
        self.loss_allowed = Some(why.into());
        self
    }

    /// The same with another breaker.
    #[must_use]
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }
}
