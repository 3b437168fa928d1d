//! Stand-in for `millstream::prelude`: the few types a handler of this example meets, under the same names.
//!
//! Owns nothing that lasts: it lets handlers compile and be tested by themselves. Leaves everything that makes
//! a service (transport, settlement, retries, ids of outputs) to the framework.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::Serialize;
#[cfg(test)]
use serde::de::DeserializeOwned;

/// A partition key.
pub(crate) struct Key<'a>(&'a str);

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

impl Key<'_> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A payload that can be published.
pub(crate) trait EventData {
    const TYPE: &'static str;
    fn key(&self) -> Key<'_>;
}

/// A topic's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic(Cow<'static, str>);

/// A namespace's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespace(Cow<'static, str>);

/// A name the stand-in does not read.
#[derive(Debug)]
pub(crate) struct TopicError;

impl Topic {
    pub(crate) const fn literal(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn namespace(&self) -> Option<Namespace> {
        let (namespace, rest) = self.0.split_once('.')?;
        rest.contains('.').then(|| Namespace(Cow::Owned(namespace.to_owned())))
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(name: &str) -> Result<Self, TopicError> {
        if name.contains('.') { Ok(Self(Cow::Owned(name.to_owned()))) } else { Err(TopicError) }
    }
}

impl Namespace {
    pub(crate) const fn literal(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
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

    pub(crate) const fn domain(self) -> &'static str {
        self.0
    }

    pub(crate) const fn event_type(self) -> &'static str {
        self.1
    }

    pub(crate) fn of(self, namespace: impl Into<Namespace>) -> NamespacedSibling {
        NamespacedSibling(namespace.into(), self)
    }
}

/// A sibling in a named namespace.
pub(crate) struct NamespacedSibling(Namespace, Sibling);

/// Where an output goes.
pub(crate) trait Address {
    fn resolve(&self, from: Option<&Namespace>) -> Option<String>;
}

impl Address for Sibling {
    fn resolve(&self, from: Option<&Namespace>) -> Option<String> {
        from.map(|namespace| format!("{}.{}.{}", namespace.as_str(), self.0, self.1))
    }
}

impl Address for NamespacedSibling {
    fn resolve(&self, _: Option<&Namespace>) -> Option<String> {
        self.1.resolve(Some(&self.0))
    }
}

/// An event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventId(u128);

impl EventId {
    pub(crate) const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    pub(crate) const fn as_u128(self) -> u128 {
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
    pub(crate) fn example_with_id(id: EventId, data: T) -> Self {
        Self { id, data }
    }

    /// What the framework deduplicates by: the id's bits.
    pub(crate) fn key(&self) -> EventId {
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
    topic: Topic,
    event_type: &'static str,
    key: Vec<u8>,
    envelope: Vec<u8>,
}

impl Output {
    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    pub(crate) fn event_type(&self) -> &str {
        self.event_type
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    #[cfg(test)]
    pub(crate) fn data<T: DeserializeOwned>(&self) -> T {
        let mut envelope: serde_json::Value = serde_json::from_slice(&self.envelope).expect("it was written as JSON");
        serde_json::from_value(envelope["data"].take()).expect("the output is of this type")
    }
}

/// What goes out if the attempt returns `Ok`.
#[derive(Debug)]
pub(crate) struct Outputs {
    from: Topic,
    list: Vec<Output>,
}

impl Outputs {
    pub(crate) fn of(from: &Topic) -> Self {
        Self { from: from.clone(), list: Vec::new() }
    }

    pub(crate) fn emit<T: EventData + Serialize>(&mut self, to: impl Address, data: &T) -> Result<EventId, HandlerError> {
        let topic = to.resolve(self.from.namespace().as_ref()).or_permanent("no namespace to emit into")?;
        let envelope = format!(r#"{{"id":"of the framework","data":{}}}"#, serde_json::to_string(data)?);
        self.list.push(Output {
            topic: Topic(Cow::Owned(topic)),
            event_type: T::TYPE,
            key: data.key().as_bytes().to_vec(),
            envelope: envelope.into_bytes(),
        });
        Ok(EventId(0))
    }

    pub(crate) fn emit_named<T: EventData + Serialize>(
        &mut self,
        to: impl Address,
        _: &str,
        data: &T,
    ) -> Result<EventId, HandlerError> {
        self.emit(to, data)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Output> {
        self.list.iter()
    }
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Transient,
    Permanent,
}

/// Why an attempt failed.
pub(crate) struct HandlerError {
    source: Box<dyn StdError + Send + Sync>,
    failure: Failure,
}

impl HandlerError {
    pub(crate) fn permanent(why: &'static str) -> Self {
        Self { source: why.into(), failure: Failure::Permanent }
    }

    pub(crate) fn failure(&self) -> Failure {
        self.failure
    }

    pub(crate) fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self { source: Box::new(error), failure: Failure::Transient }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.failure)
    }
}

/// Says at the place whether a failure will pass.
pub(crate) trait OrFail<T> {
    fn or_permanent(self, why: &'static str) -> Result<T, HandlerError>;
}

impl<T> OrFail<T> for Option<T> {
    fn or_permanent(self, why: &'static str) -> Result<T, HandlerError> {
        self.ok_or_else(|| HandlerError::permanent(why))
    }
}
