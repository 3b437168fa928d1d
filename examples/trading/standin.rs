//! Stand-in for `millstream::prelude`: the few types a handler of this example meets, in the same shape.
//!
//! Owns nothing that lasts: it lets handlers compile and be tested by themselves. Leaves everything that makes
//! a service (transport, settlement, retries, ids of outputs) to the framework.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;

/// A partition key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key<'a>(&'a str);

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

impl Key<'_> {
    pub(crate) fn as_str(&self) -> &str {
        self.0
    }
}

/// A payload that can be published.
pub(crate) trait EventData {
    const TYPE: &'static str;
    fn key(&self) -> Key<'_>;
}

/// A topic's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic(std::borrow::Cow<'static, str>);

impl Topic {
    pub(crate) const fn literal(name: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(name))
    }

    pub(crate) fn new(name: &str) -> Self {
        Self(std::borrow::Cow::Owned(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A topic's name without its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sibling(&'static str, &'static str);

impl Sibling {
    pub(crate) const fn new(domain: &'static str, event_type: &'static str) -> Self {
        Self(domain, event_type)
    }

    pub(crate) const fn domain(&self) -> &'static str {
        self.0
    }

    pub(crate) const fn event_type(&self) -> &'static str {
        self.1
    }

    pub(crate) fn of(self, namespace: &Namespace) -> Placed {
        Placed(namespace.clone(), self)
    }
}

/// A sibling in a named namespace.
pub(crate) struct Placed(Namespace, Sibling);

/// Where an output goes.
pub(crate) trait Address {
    fn topic(&self, from: Option<&Namespace>) -> Option<String>;
}

impl Address for Sibling {
    fn topic(&self, from: Option<&Namespace>) -> Option<String> {
        from.map(|namespace| format!("{}.{}.{}", namespace.as_str(), self.0, self.1))
    }
}

impl Address for Placed {
    fn topic(&self, _: Option<&Namespace>) -> Option<String> {
        self.1.topic(Some(&self.0))
    }
}

/// An event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventId(u128);

impl EventId {
    pub(crate) fn as_u128(self) -> u128 {
        self.0
    }
}

/// A decoded event.
#[derive(Debug, Clone)]
pub(crate) struct Event<T> {
    id: EventId,
    data: T,
}

impl<T> Event<T> {
    pub(crate) fn new(id: u128, data: T) -> Self {
        Self { id: EventId(id), data }
    }

    pub(crate) fn id(&self) -> EventId {
        self.id
    }
}

impl<T> Deref for Event<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// One output of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) name: Option<String>,
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) kind: &'static str,
    pub(crate) data: String,
}

/// What goes out if the attempt returns `Ok`.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    namespace: Option<Namespace>,
    list: Vec<Output>,
}

impl Outputs {
    pub(crate) fn from(namespace: Option<Namespace>) -> Self {
        Self { namespace, list: Vec::new() }
    }

    pub(crate) fn emit<T: EventData + Serialize>(&mut self, to: impl Address, data: &T) -> Result<(), HandlerError> {
        self.push(None, to, data)
    }

    pub(crate) fn emit_named<T: EventData + Serialize>(
        &mut self,
        name: &str,
        to: impl Address,
        data: &T,
    ) -> Result<(), HandlerError> {
        self.push(Some(name.to_owned()), to, data)
    }

    pub(crate) fn into_vec(self) -> Vec<Output> {
        self.list
    }

    fn push<T: EventData + Serialize>(&mut self, name: Option<String>, to: impl Address, data: &T) -> Result<(), HandlerError> {
        let topic = to.topic(self.namespace.as_ref()).or_permanent("no namespace to emit into")?;
        let key = data.key().as_str().to_owned();
        self.list.push(Output { name, topic, key, kind: T::TYPE, data: serde_json::to_string(data)? });
        Ok(())
    }
}

/// Why an attempt failed.
pub(crate) struct HandlerError {
    source: Box<dyn StdError + Send + Sync>,
    permanent: bool,
}

impl HandlerError {
    pub(crate) fn permanent(why: &str) -> Self {
        Self { source: why.into(), permanent: true }
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.permanent
    }

    pub(crate) fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self { source: Box::new(error), permanent: false }
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)
    }
}

/// Errors of a place where the outcome is known.
pub(crate) trait OrPermanent<T> {
    fn or_permanent(self, why: &'static str) -> Result<T, HandlerError>;
}

impl<T> OrPermanent<T> for Option<T> {
    fn or_permanent(self, why: &'static str) -> Result<T, HandlerError> {
        self.ok_or_else(|| HandlerError::permanent(why))
    }
}
