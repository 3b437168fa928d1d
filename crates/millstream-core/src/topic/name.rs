//! A topic's parsed name and its parts.
//!
//! Names made from it are in `derived`; where outputs may go is in `sibling`.

use std::str::FromStr;

use super::check;
use super::error::{TopicError, TopicFault};
use super::namespace::Namespace;
use super::text::{Text, by_text};

/// The name of a topic, checked once: `{namespace}.{domain}.{event_type}`, or
/// `{domain}.{event_type}` for a topic that namespaces share.
///
/// Legal are Kafka's characters `[a-zA-Z0-9._-]`, 1 to 249 bytes, no empty segment, no wildcard.
/// The suffixes `.dlq` and `.retry.{n}` belong to the framework: the parts are those of the name
/// without them. With three segments or more the first one is the namespace, and what follows the
/// domain is the event type, dots included. A name of one segment has an empty domain.
///
/// `dlq.{group}.{topic}` is legal too, but its text does not say where the group ends: such a
/// topic has no namespace to ask for, and no output can be addressed from it.
///
/// Cloning is cheap: static text, or one reference count.
#[derive(Clone)]
pub struct Topic(Text);

by_text!(Topic);

impl Topic {
    /// A topic written in the code; a bad name is a compile error where the value is a `const`.
    ///
    /// ```
    /// use millstream_core::topic::Topic;
    /// const TICKS: Topic = Topic::literal("market.ticks");
    /// assert_eq!(TICKS.namespace(), None);
    /// ```
    ///
    /// ```compile_fail
    /// use millstream_core::topic::Topic;
    /// const ALL: Topic = Topic::literal("paper.signals.*");
    /// # let _ = ALL;
    /// ```
    ///
    /// # Panics
    ///
    /// On a name that [`str::parse`] would refuse.
    #[must_use]
    pub const fn literal(name: &'static str) -> Self {
        if let Some(fault) = check::topic(name.as_bytes()) {
            panic!("{}", fault.remedy());
        }
        Self(Text::Static(name))
    }

    /// A name made of checked parts; only its length is in doubt.
    pub(super) fn composed(name: String) -> Result<Self, TopicError> {
        match check::topic(name.as_bytes()) {
            None => Ok(Self(Text::shared(name))),
            Some(fault) => Err(TopicError::new("the topic", &name, fault)),
        }
    }

    /// The first `len` bytes, which are a topic too.
    pub(super) fn prefix(&self, len: usize) -> Self {
        Self(self.0.prefix(len))
    }

    pub(super) fn fault(&self, fault: TopicFault) -> TopicError {
        TopicError::new("the topic", self.as_str(), fault)
    }

    /// The namespace, or `None` for a shared topic. Costs what cloning the topic costs.
    #[must_use]
    pub fn namespace(&self) -> Option<Namespace> {
        let len = self.namespace_name()?.len();
        Some(Namespace::trusted(self.0.prefix(len)))
    }

    /// The namespace as text, or `None` for a shared topic.
    #[must_use]
    pub fn namespace_name(&self) -> Option<&str> {
        self.parts().0
    }

    /// The domain: `signals` of `paper.signals.validated`. Empty when the name is one segment.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.parts().1
    }

    /// The event type: `validated` of `paper.signals.validated.dlq`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.parts().2
    }

    /// Whether both topics are of one namespace, or both are shared. A `dlq.{group}.{topic}`
    /// topic, whose namespace is not known, is in the same as no other.
    #[must_use]
    pub fn same_namespace(&self, other: &Topic) -> bool {
        if self.is_group_dlq() || other.is_group_dlq() {
            return self == other;
        }
        self.namespace_name() == other.namespace_name()
    }

    /// Namespace, domain and event type. A group's dead-letter topic has an event type only.
    fn parts(&self) -> (Option<&str>, &str, &str) {
        let name = self.as_str();
        let bytes = name.as_bytes();
        if check::is_group_dead_letter(bytes) {
            return (None, "", name);
        }
        let base = check::base_len(bytes);
        let Some(first) = check::dot_from(bytes, 0, base) else {
            return (None, "", &name[..base]);
        };
        match check::dot_from(bytes, first + 1, base) {
            None => (None, &name[..first], &name[first + 1..base]),
            Some(second) => (Some(&name[..first]), &name[first + 1..second], &name[second + 1..base]),
        }
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(name: &str) -> Result<Self, TopicError> {
        Self::composed(name.to_owned())
    }
}
