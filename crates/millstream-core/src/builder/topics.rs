//! Owns what may be given as the topics of a handler: one or many, parsed or not.

use crate::topic::{Topic, TopicError};

/// One topic or many. Wrong names are kept and reported by `build()`, with all other problems.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of topics",
    note = "give a name, a `Topic`, or an array, slice or `Vec` of them: `\"market.ticks\"`, `[\"paper.signals.raw\", \"zerodha.signals.raw\"]`"
)]
pub trait IntoTopics {
    /// Each topic, or why it is none.
    fn into_topics(self) -> Vec<Result<Topic, TopicError>>;
}

impl IntoTopics for Topic {
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        vec![Ok(self)]
    }
}

impl IntoTopics for &Topic {
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        vec![Ok(self.clone())]
    }
}

impl IntoTopics for &str {
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        vec![self.parse()]
    }
}

impl IntoTopics for &String {
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        self.as_str().into_topics()
    }
}

impl<T: IntoTopics> IntoTopics for Vec<T> {
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        self.into_iter().flat_map(IntoTopics::into_topics).collect()
    }
}

impl<T: IntoTopics, const N: usize> IntoTopics for [T; N] {
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        self.into_iter().flat_map(IntoTopics::into_topics).collect()
    }
}

impl<'a, T> IntoTopics for &'a [T]
where
    &'a T: IntoTopics,
{
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        self.iter().flat_map(IntoTopics::into_topics).collect()
    }
}

impl<'a, T> IntoTopics for &'a Vec<T>
where
    &'a T: IntoTopics,
{
    fn into_topics(self) -> Vec<Result<Topic, TopicError>> {
        self.as_slice().into_topics()
    }
}
