//! What is wrong with a name or an address, and the remedy.
//!
//! The texts are part of the API: the same ones appear as compile errors of literals.

use std::fmt;

use super::{Namespace, Topic};

/// A name that cannot be used, with the reason and the remedy in its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicError {
    what: &'static str,
    text: Box<str>,
    fault: TopicFault,
    more: Vec<TopicError>,
}

/// Why a name cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopicFault {
    /// It has no characters.
    Empty,
    /// It is longer than Kafka allows.
    TooLong,
    /// It is `.` or `..`, which Kafka refuses.
    Dots,
    /// It has two dots in a row, or one at an end.
    EmptySegment,
    /// It is a pattern.
    Wildcard,
    /// It has a character Kafka does not allow.
    Character,
    /// Its namespace has a character other than `[a-z0-9_-]`.
    NamespaceCharacter,
    /// Its namespace is longer than [`MAX_NAMESPACE_BYTES`](super::MAX_NAMESPACE_BYTES).
    NamespaceTooLong,
    /// It has a dot where one segment is meant.
    Dotted,
    /// It is a word the framework uses itself: `dlq` or `retry`.
    Reserved,
    /// A dead-letter topic was asked for its own dead-letter topic.
    AlreadyDeadLetter,
    /// It is `dlq.{group}.{topic}`, whose text does not say the namespace.
    NamespaceUnknown,
    /// It stands twice in a list.
    Repeated,
    /// The list in the environment is missing.
    Unset,
    /// Several entries of a list are bad; see [`TopicError::causes`].
    List,
}

impl TopicFault {
    /// The reason and the remedy, as one lower-case clause.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Empty => "it is empty: give it a name",
            Self::TooLong => "it is longer than 249 bytes, Kafka's limit: shorten it",
            Self::Dots => "`.` and `..` are no names: write {domain}.{event_type}",
            Self::EmptySegment => "it has an empty segment: no dot at an end, no two dots in a row",
            Self::Wildcard => "topics are named one by one: wildcard subscriptions are not supported",
            Self::Character => "only the characters a-z, A-Z, 0-9, `.`, `_` and `-` are allowed",
            Self::NamespaceCharacter => "the namespace, its first segment, may only have a-z, 0-9, `_` and `-`",
            Self::NamespaceTooLong => "the namespace is longer than 64 bytes: shorten it",
            Self::Dotted => "it has a dot: name one segment only",
            Self::Reserved => "`dlq` and `retry` are suffixes of the framework: choose another word",
            Self::AlreadyDeadLetter => {
                "it already holds dead letters, and those never get dead letters of their own: \
                 give its consumer another error sink"
            }
            Self::NamespaceUnknown => "its name does not say its namespace: start from the dead letter's original topic",
            Self::Repeated => "it is named twice: name it once",
            Self::Unset => "it is not set: set it to a list such as `paper,zerodha`",
            Self::List => "some of its entries cannot be used",
        }
    }
}

impl TopicError {
    pub(super) fn new(what: &'static str, text: &str, fault: TopicFault) -> Self {
        Self { what, text: excerpt(text), fault, more: Vec::new() }
    }

    pub(super) fn list(what: &'static str, text: &str, more: Vec<TopicError>) -> Self {
        Self { what, text: excerpt(text), fault: TopicFault::List, more }
    }

    /// Why the name cannot be used.
    #[must_use]
    pub fn fault(&self) -> TopicFault {
        self.fault
    }

    /// The name as it was given, escaped and cut to 256 bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The error of each bad entry, when a list was parsed; else nothing.
    #[must_use]
    pub fn causes(&self) -> &[TopicError] {
        &self.more
    }
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` cannot be used: {}", self.what, self.text, self.fault.remedy())?;
        for (n, cause) in self.more.iter().enumerate() {
            let lead = if n == 0 { ": " } else { "; " };
            write!(f, "{lead}`{}`: {}", cause.text, cause.fault.remedy())?;
        }
        Ok(())
    }
}

impl std::error::Error for TopicError {}

/// An output that may not, or cannot, go where it was addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// An input of one namespace may not have outputs in another.
    CrossNamespace {
        /// The topic of the input.
        from: Topic,
        /// The namespace the output was addressed to.
        to: Namespace,
    },
    /// The input's topic is `dlq.{group}.{topic}`, whose text does not say the namespace.
    Unknown {
        /// The topic of the input.
        from: Topic,
    },
    /// The resulting name is no topic (it is too long).
    Name(TopicError),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrossNamespace { from, to } => write!(
                f,
                "an output of `{from}` cannot go to namespace `{to}`: outputs stay in the \
                 namespace of their input; only a shared input may name one"
            ),
            Self::Unknown { from } => write!(
                f,
                "an output of `{from}` has no address: the name does not say its namespace; \
                 replay the dead letter to its original topic instead"
            ),
            Self::Name(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AddressError {}

impl From<TopicError> for AddressError {
    fn from(error: TopicError) -> Self {
        Self::Name(error)
    }
}

/// Text of unknown origin, fit for a log: escaped and cut to 256 bytes.
fn excerpt(text: &str) -> Box<str> {
    let mut out = String::new();
    for c in text.chars() {
        let escaped = c.escape_debug();
        if out.len() + escaped.clone().map(char::len_utf8).sum::<usize>() > 253 {
            out.push('…');
            break;
        }
        out.extend(escaped);
    }
    out.into_boxed_str()
}
