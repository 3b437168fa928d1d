//! Owns why an output is refused while the handler can still answer. Leaves refusals by the transport, which come after
//! the handler's `Ok`, to the service's tail.

use crate::contract::Error;
use crate::engine::Failure;
use crate::envelope::EnvelopeError;
use crate::topic::AddressError;
use std::fmt;

/// Why an output was refused while the handler could still answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// It cannot go there: outputs stay in the namespace of their input.
    Address(AddressError),
    /// Its key is empty; records without a key lose their order.
    EmptyKey,
    /// Its key is longer than this many bytes.
    KeyTooLong(usize),
    /// The whole record is larger than this many bytes.
    TooLarge(usize),
    /// The attempt has emitted this many outputs already.
    TooMany(usize),
    /// Its name was used for the same topic before, in this attempt: both would have one id.
    NamedTwice(String),
    /// Its record has more than this many headers.
    TooManyHeaders(usize),
    /// Its record's headers are larger than this many bytes together, names and values.
    HeadersTooLarge(usize),
    /// A header has a name that says how an event lies in its record: `content-type`, or one that begins with `ce_`.
    ReservedHeader(String),
    /// A draft that a `Publisher` is given has a name, and only outputs of a handler have.
    NamedRoot(String),
    /// It cannot be written as an envelope.
    Envelope(EnvelopeError),
    /// The service has no producer: `add_producer()` is missing.
    NoProducer,
    /// `publish_now` was not acknowledged.
    Publish(Error),
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmitError::Address(error) => error.fmt(f),
            EmitError::EmptyKey => {
                f.write_str("an output's key is empty: return what its order must follow from `EventData::key`")
            }
            EmitError::KeyTooLong(most) => write!(f, "an output's key is longer than {most} bytes"),
            EmitError::TooLarge(most) => write!(f, "an output is larger than {most} bytes"),
            EmitError::TooMany(most) => write!(f, "an attempt emits more than {most} outputs"),
            EmitError::NamedTwice(name) => write!(f, "two outputs to one topic are named `{name}`: give each a name of its own"),
            EmitError::TooManyHeaders(most) => write!(f, "an output's record has more than {most} headers"),
            EmitError::HeadersTooLarge(most) => write!(f, "the headers of an output's record are larger than {most} bytes"),
            EmitError::ReservedHeader(name) => {
                write!(f, "the header `{name}` says how an event lies in its record: choose another name")
            }
            EmitError::NamedRoot(name) => {
                write!(f, "a root event is named `{name}`: names tell the outputs of one input apart; use `derived_id`")
            }
            EmitError::Envelope(error) => error.fmt(f),
            EmitError::NoProducer => f.write_str("the service has no producer: add `.add_producer()` to its builder"),
            EmitError::Publish(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EmitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            EmitError::Address(error) => error.source(),
            EmitError::Envelope(error) => error.source(),
            EmitError::Publish(error) => error.source(),
            _ => None,
        }
    }
}

impl EmitError {
    /// Whether trying again may help: only what the transport has not acknowledged may go through the next time; an output
    /// that is too large stays so.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            EmitError::Publish(error) if error.is_retriable() => Failure::Transient,
            _ => Failure::Permanent,
        }
    }
}
