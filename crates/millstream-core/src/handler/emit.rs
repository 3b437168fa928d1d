//! Owns an output that a handler returns instead of emitting it. Leaves writing it to `outputs`, and which shapes may be
//! returned to `into_outputs`.

use super::emit_error::EmitError;
use super::outputs::Outputs;
use crate::envelope::{EventData, EventDraft, EventId};
use crate::topic::{Address, AnyAddress};
use serde::Serialize;
use std::fmt;

/// An output that a handler returns: data, and where they go.
///
/// It goes the way of [`Outputs::emit`]: the same ids, limits and namespaces, and it goes out only if the attempt succeeds.
/// One that is refused ([`EmitError`]) fails the attempt. A handler may return one, an `Option`, `Vec`, array or tuple of
/// them, and a `Result` of any of these.
///
/// ```
/// # use millstream_core::envelope::{EventData, Key};
/// # use millstream_core::handler::{Emit, Event, HandlerError};
/// # use millstream_core::topic::Sibling;
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Signal { quantity: u32 }
/// # #[derive(serde::Serialize)] struct Filled { quantity: u32 }
/// # impl EventData for Filled { const TYPE: &'static str = "filled"; fn key(&self) -> Key<'_> { "k".into() } }
/// const FILLED: Sibling = Sibling::new("orders", "filled");
///
/// async fn on_signal(signal: Event<Signal>) -> Result<Option<Emit<Filled>>, HandlerError> {
///     if signal.quantity == 0 {
///         return Ok(None);
///     }
///     Ok(Some(Emit::to(FILLED, Filled { quantity: signal.quantity })))
/// }
/// # drop(on_signal);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an output goes out if the handler returns it"]
pub struct Emit<T> {
    to: AnyAddress,
    said: Said<T>,
}

/// The data alone cost no more than they are.
#[derive(Clone, Debug, PartialEq)]
enum Said<T> {
    Data(T),
    Draft(Box<EventDraft<T>>),
}

impl<T> Emit<T> {
    /// `data`, to go to a sibling of the input's topic.
    pub fn to(to: impl Address, data: T) -> Self {
        Emit { to: to.erased(), said: Said::Data(data) }
    }

    /// As [`to`](Self::to), with what the draft says of key, headers, correlation and the rest.
    pub fn envelope(to: impl Address, draft: EventDraft<T>) -> Self {
        Emit { to: to.erased(), said: Said::Draft(Box::new(draft)) }
    }

    /// The same with a name of your own in place of type, key and number, from which its id follows: for outputs equal in
    /// these whose number or order may vary between attempts ([`Outputs::emit_named`]).
    pub fn named(self, name: impl Into<String>) -> Self {
        let draft = match self.said {
            Said::Data(data) => EventDraft::new(data),
            Said::Draft(draft) => *draft,
        };
        Emit { to: self.to, said: Said::Draft(Box::new(draft.named(name))) }
    }

    /// The data.
    pub fn data(&self) -> &T {
        match &self.said {
            Said::Data(data) => data,
            Said::Draft(draft) => draft.data(),
        }
    }

    /// Where it goes.
    pub fn address(&self) -> &AnyAddress {
        &self.to
    }
}

impl<T: EventData + Serialize> Emit<T> {
    /// Emits it.
    pub(super) fn emit(self, out: &mut Outputs) -> Result<EventId, EmitError> {
        match self.said {
            Said::Data(data) => out.emit(self.to, &data),
            Said::Draft(draft) => out.emit_envelope(self.to, *draft),
        }
    }

    /// The same in one type for all data, so that a `Vec` holds outputs of several types.
    pub fn erased(self) -> AnyEmit
    where
        T: Send + 'static,
    {
        AnyEmit { event_type: T::TYPE, emit: Box::new(|out| self.emit(out)) }
    }
}

type Emitting = Box<dyn FnOnce(&mut Outputs) -> Result<EventId, EmitError> + Send>;

/// An [`Emit`] of any data: costs a box each.
#[must_use = "an output goes out if the handler returns it"]
pub struct AnyEmit {
    event_type: &'static str,
    emit: Emitting,
}

impl AnyEmit {
    /// The type of its event.
    pub fn event_type(&self) -> &'static str {
        self.event_type
    }

    pub(super) fn emit(self, out: &mut Outputs) -> Result<EventId, EmitError> {
        (self.emit)(out)
    }
}

impl<T: EventData + Serialize + Send + 'static> From<Emit<T>> for AnyEmit {
    fn from(emit: Emit<T>) -> Self {
        emit.erased()
    }
}

impl fmt::Debug for AnyEmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyEmit").field("event_type", &self.event_type).finish_non_exhaustive()
    }
}
