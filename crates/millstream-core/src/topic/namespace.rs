//! A namespace: the trading broker or tenant that prefixes a topic, and the list of active ones.

use std::str::FromStr;

use super::check;
use super::error::{TopicError, TopicFault};
use super::text::{Text, by_text};

/// The environment variable that lists the active namespaces, such as `paper,zerodha`.
pub const ACTIVE_BROKERS: &str = "ACTIVE_BROKERS";

/// A namespace, `[a-z0-9_-]+` and at most 64 bytes: the trading broker (`paper`, `zerodha`) or any
/// tenant that prefixes a topic. What is of one namespace never touches another's.
///
/// `dlq` is no namespace, since `dlq.{group}.{topic}` names dead letters. Cloning is cheap.
#[derive(Clone)]
pub struct Namespace(Text);

by_text!(Namespace);

impl Namespace {
    /// A namespace written in the code; a bad name is a compile error where the value is a
    /// `const`.
    ///
    /// # Panics
    ///
    /// On a name that [`str::parse`] would refuse.
    #[must_use]
    pub const fn literal(name: &'static str) -> Self {
        if let Some(fault) = check::namespace(name.as_bytes()) {
            panic!("{}", fault.remedy());
        }
        Self(Text::Static(name))
    }

    pub(super) const fn trusted(text: Text) -> Self {
        Self(text)
    }

    /// The namespaces that [`ACTIVE_BROKERS`] lists, in its order.
    ///
    /// # Errors
    ///
    /// When the variable is missing, or as [`parse_list`](Self::parse_list).
    pub fn active_from_env() -> Result<Vec<Self>, TopicError> {
        match std::env::var(ACTIVE_BROKERS) {
            Ok(list) => Self::parse_list(&list),
            Err(std::env::VarError::NotPresent) => Err(TopicError::new("the variable", ACTIVE_BROKERS, TopicFault::Unset)),
            Err(std::env::VarError::NotUnicode(_)) => Err(TopicError::new("the variable", ACTIVE_BROKERS, TopicFault::Character)),
        }
    }

    /// The namespaces of a list with commas, in its order; spaces around an entry are dropped.
    ///
    /// # Errors
    ///
    /// When it names none, or with every entry that is bad or stands twice
    /// ([`TopicError::causes`]).
    pub fn parse_list(list: &str) -> Result<Vec<Self>, TopicError> {
        const WHAT: &str = "the list of namespaces";
        if list.trim().is_empty() {
            return Err(TopicError::new(WHAT, list, TopicFault::Unset));
        }
        let mut names: Vec<Self> = Vec::new();
        let mut bad = Vec::new();
        for entry in list.split(',').map(str::trim) {
            match entry.parse::<Self>() {
                Ok(name) if names.contains(&name) => {
                    bad.push(TopicError::new("the namespace", entry, TopicFault::Repeated));
                }
                Ok(name) => names.push(name),
                Err(error) => bad.push(error),
            }
        }
        if bad.is_empty() { Ok(names) } else { Err(TopicError::list(WHAT, list, bad)) }
    }
}

impl FromStr for Namespace {
    type Err = TopicError;

    fn from_str(name: &str) -> Result<Self, TopicError> {
        match check::namespace(name.as_bytes()) {
            None => Ok(Self(Text::shared(name.to_owned()))),
            Some(fault) => Err(TopicError::new("the namespace", name, fault)),
        }
    }
}
