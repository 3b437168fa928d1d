//! Owns what can be set for error handling, each default with its reason.

use super::classify::Rules;
use super::dead_letters::DeadLetterTopic;
use super::sinks::ToTopic;
use crate::contract::{AnyErrorSink, ErrorSink};
use crate::engine::{Breaker, Failure, Followers, Retry};
use std::sync::Arc;
use std::time::Duration;

type Compose = Arc<dyn Fn(ToTopic) -> AnyErrorSink + Send + Sync>;

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
    /// What becomes of those behind a dead letter of their key.
    pub followers: Followers,
    /// The delays of retry topics, if there are any.
    pub retry_topics: Vec<Duration>,
    /// Why a sink that may lose letters is good enough; `None` refuses one.
    pub loss_allowed: Option<String>,
    /// What errors of a type mean.
    pub(crate) rules: Rules,
    compose: Option<Compose>,
    /// The dead-letter topic as a part of `sink`.
    pub(crate) to_topic: Option<ToTopic>,
}

impl std::fmt::Debug for ErrorHandling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let own_sink = self.sink.is_some() || self.compose.is_some();
        f.debug_struct("ErrorHandling")
            .field("retry", &self.retry)
            .field("rules", &self.rules)
            .field("dead_letters", &self.dead_letters)
            .field("own_sink", &own_sink)
            .field("breaker", &self.breaker)
            .field("followers", &self.followers)
            .field("retry_topics", &self.retry_topics)
            .finish_non_exhaustive()
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

    /// The same, where an error is what `class` says if an `E` is it or is among its causes. Said several times; the first
    /// whose type is found decides.
    ///
    /// Only for errors of which nobody has said what they are: what was said at the place wins (`or_permanent`,
    /// [`HandlerError::transient`](crate::handler::HandlerError::transient)), and what no rule knows is transient. Say
    /// [`Failure::Permanent`] or [`Failure::Transient`]; `TimedOut` counts as transient, and what only the framework finds
    /// out (`Poison`, `Panic`) as permanent. An error whose `class` panics is permanent, and its dead letter says so.
    ///
    /// ```
    /// # use millstream_core::engine::Failure;
    /// # use millstream_core::service::ErrorHandling;
    /// let errors = ErrorHandling::new()
    ///     .classify(|error: &std::io::Error| match error.kind() {
    ///         std::io::ErrorKind::PermissionDenied => Failure::Permanent,
    ///         _ => Failure::Transient,
    ///     })
    ///     .classify(|_: &serde_json::Error| Failure::Permanent);
    /// ```
    #[must_use]
    pub fn classify<E: std::error::Error + 'static>(mut self, class: impl Fn(&E) -> Failure + Send + Sync + 'static) -> Self {
        self.rules.classify(class);
        self
    }

    /// The same with other retries for errors that are an `E` or have one among their causes. Said several times; the
    /// first whose type is found counts, and errors without one are tried again by [`retry`](Self::retry).
    ///
    /// If a record's errors differ, each is answered by the policy of its own type: attempts and time are counted over all
    /// of them, so that a record that failed five times gives up at once on an error with a policy of four.
    #[must_use]
    pub fn retry_for<E: std::error::Error + 'static>(mut self, retry: Retry) -> Self {
        self.rules.retry_for::<E>(retry);
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
    pub fn error_sink(mut self, sink: impl ErrorSink) -> Self {
        (self.sink, self.compose) = (Some(AnyErrorSink::new(sink)), None);
        self
    }

    /// The same with a sink made of the dead-letter topic and others; see [`ErrorSinkExt`](super::ErrorSinkExt). `compose`
    /// is called once for each service that is built.
    #[must_use]
    pub fn error_sink_with<S: ErrorSink>(mut self, compose: impl Fn(ToTopic) -> S + Send + Sync + 'static) -> Self {
        self.sink = None;
        self.compose = Some(Arc::new(move |to_topic| AnyErrorSink::new(compose(to_topic))));
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

    /// The same with another fate for those behind a dead letter of their key: they go on by default, since most events
    /// stand for themselves.
    #[must_use]
    pub fn followers(mut self, followers: Followers) -> Self {
        self.followers = followers;
        self
    }

    /// The same with retry topics: a record whose attempts are used up goes to `{topic}.retry.1`, waits there for the first
    /// delay, and has as many attempts again; then to `{topic}.retry.2`, and so on. After the last it becomes a dead letter,
    /// that of the original record with all its attempts.
    ///
    /// **This gives up the order of keys**: those behind the record with its key go on at once. For failures that last
    /// longer than a key should be held, in handlers that bear to see an earlier event after a later one. What is permanent,
    /// poison or panics becomes a dead letter at once, as without.
    ///
    /// The service reads the retry topics itself, as the same group; they must exist when it runs, and keep records longer
    /// than their delay. A copy has the record's bytes, key, timestamp and headers, and headers `millstream-retry-*` beside
    /// them; handlers see it under its original topic and position, and it keeps its id, so that outputs keep theirs.
    /// Copies that other groups have made for themselves are counted `filtered`.
    ///
    /// `build()` refuses more than 16, a delay of 0, a transport without headers, handlers that read dead letters or retry
    /// topics by name, and what needs order: a table, [`Followers::Park`],
    /// [`LanePolicy::ByPartition`](crate::engine::LanePolicy::ByPartition).
    #[must_use]
    pub fn retry_topics(mut self, delays: impl IntoIterator<Item = Duration>) -> Self {
        self.retry_topics = delays.into_iter().collect();
        self
    }

    /// Makes this service's own sink, if one is composed.
    pub(crate) fn compose(&mut self) {
        if let Some(compose) = &self.compose {
            let to_topic = ToTopic::default();
            self.sink = Some(compose(to_topic.clone()));
            self.to_topic = Some(to_topic).filter(ToTopic::is_used);
        }
    }

    /// Whether letters are written to dead-letter topics, by themselves or among other sinks.
    pub(crate) fn writes_topics(&self) -> bool {
        self.sink.is_none() || self.to_topic.is_some()
    }
}
