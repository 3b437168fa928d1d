//! Where an output goes: an address that cannot leave the namespace of its input.
//!
//! Which partition it goes to, and whether the topic exists, is left to others.

use super::any_address::AnyAddress;
use super::check;
use super::error::{AddressError, TopicError, TopicFault};
use super::name::Topic;
use super::namespace::Namespace;

/// A topic without its namespace: the domain and event type of an output. It becomes a topic in
/// the namespace of the input that caused the output.
///
/// ```
/// use millstream_core::topic::{Address, Sibling, Topic};
/// const FILLED: Sibling = Sibling::new("orders", "filled");
/// let to = FILLED.resolve(&Topic::literal("paper.signals.validated"))?;
/// assert_eq!(to.as_str(), "paper.orders.filled");
/// # Ok::<(), millstream_core::topic::AddressError>(())
/// ```
///
/// ```compile_fail
/// use millstream_core::topic::Sibling;
/// const FILLED: Sibling = Sibling::new("paper.orders", "filled");
/// # let _ = FILLED;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sibling {
    domain: &'static str,
    event_type: &'static str,
}

impl Sibling {
    /// A sibling written in the code; bad parts are a compile error where the value is a `const`.
    ///
    /// # Panics
    ///
    /// When a part is empty, has a dot, or is no legal name.
    #[must_use]
    pub const fn new(domain: &'static str, event_type: &'static str) -> Self {
        let fault = match check::segment(domain.as_bytes()) {
            None => check::segment(event_type.as_bytes()),
            fault => fault,
        };
        match fault {
            None => {}
            Some(TopicFault::Dotted) => panic!("a sibling is a domain and an event type, without dots and without a namespace"),
            Some(fault) => panic!("{}", fault.remedy()),
        }
        Self { domain, event_type }
    }

    /// This sibling in a namespace the handler names: for inputs that are shared.
    #[must_use]
    pub fn of(self, namespace: impl Into<Namespace>) -> NamespacedSibling {
        NamespacedSibling { sibling: self, namespace: namespace.into() }
    }

    /// The domain.
    #[must_use]
    pub const fn domain(self) -> &'static str {
        self.domain
    }

    /// The event type.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        self.event_type
    }

    fn within(self, namespace: Option<&str>) -> Result<Topic, TopicError> {
        let Self { domain, event_type } = self;
        Topic::composed(match namespace {
            Some(namespace) => format!("{namespace}.{domain}.{event_type}"),
            None => format!("{domain}.{event_type}"),
        })
    }
}

/// A [`Sibling`] in a namespace that the handler names, made by [`Sibling::of`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamespacedSibling {
    sibling: Sibling,
    namespace: Namespace,
}

impl NamespacedSibling {
    /// The namespace it names.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

/// What an address says, borrowed and cheap to compare: two addresses with equal keys resolve to
/// equal topics from one input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct AddressKey<'a> {
    /// The domain of the output's topic.
    pub domain: &'static str,
    /// The event type of the output's topic.
    pub event_type: &'static str,
    /// The namespace the handler named, if any.
    pub namespace: Option<&'a str>,
}

/// Where a handler may send an output: a [`Sibling`] of its input, or one [`of`](Sibling::of) a
/// named namespace.
///
/// 1. From an input in a namespace, the output stays in that namespace.
/// 2. From a shared input, a sibling is shared (`market.bars` beside `market.ticks`), and a named namespace may be any. What
///    is meant for one broker must therefore name it: `FILLED.of(namespace)`.
/// 3. From a namespace there is no way into another, nor back to what is shared.
/// 4. From `dlq.{group}.{topic}`, whose namespace is not known, there is no way anywhere.
///
/// The trait is sealed: an implementation could answer any topic, and rule 1 is a promise.
#[diagnostic::on_unimplemented(
    message = "an output cannot be sent to a `{Self}`: outputs stay in the namespace of their \
               input",
    label = "not an address of an output",
    note = "write `const FILLED: Sibling = Sibling::new(\"orders\", \"filled\");` and send to it",
    note = "from a shared input the namespace is named: `FILLED.of(namespace)`"
)]
pub trait Address: sealed::Sealed {
    /// The topic of the output, for an input that came from `from`.
    ///
    /// # Errors
    ///
    /// When rules 1 to 4 forbid it, or the name would be too long.
    fn resolve(&self, from: &Topic) -> Result<Topic, AddressError>;

    /// What to compare when resolved topics are kept; allocates nothing.
    fn cache_key(&self) -> AddressKey<'_>;

    /// The same address in one type for all kinds, to be kept.
    fn erased(self) -> AnyAddress
    where
        Self: Sized;
}

impl Address for Sibling {
    fn resolve(&self, from: &Topic) -> Result<Topic, AddressError> {
        if from.is_group_dlq() {
            return Err(AddressError::Unknown { from: from.clone() });
        }
        Ok(self.within(from.namespace_name())?)
    }

    fn cache_key(&self) -> AddressKey<'_> {
        AddressKey { domain: self.domain, event_type: self.event_type, namespace: None }
    }

    fn erased(self) -> AnyAddress {
        self.into()
    }
}

impl Address for NamespacedSibling {
    fn resolve(&self, from: &Topic) -> Result<Topic, AddressError> {
        if from.is_group_dlq() {
            return Err(AddressError::Unknown { from: from.clone() });
        }
        match from.namespace_name() {
            Some(own) if own != self.namespace.as_str() => {
                Err(AddressError::CrossNamespace { from: from.clone(), to: self.namespace.clone() })
            }
            _ => Ok(self.sibling.within(Some(self.namespace.as_str()))?),
        }
    }

    fn cache_key(&self) -> AddressKey<'_> {
        AddressKey { namespace: Some(self.namespace.as_str()), ..self.sibling.cache_key() }
    }

    fn erased(self) -> AnyAddress {
        self.into()
    }
}

impl Topic {
    /// The topic of an output: `sibling` in this topic's namespace.
    ///
    /// # Errors
    ///
    /// When the name would be too long, or this is a `dlq.{group}.{topic}` topic, which has no
    /// siblings.
    pub fn sibling(&self, sibling: Sibling) -> Result<Topic, TopicError> {
        if self.is_group_dlq() {
            return Err(self.fault(TopicFault::NamespaceUnknown));
        }
        sibling.within(self.namespace_name())
    }
}

pub(super) mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Sibling {}
    impl Sealed for super::NamespacedSibling {}
}
