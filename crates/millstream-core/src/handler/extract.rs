//! Owns how a handler's arguments come about: by value from the record, `&T` from the state, `&mut Outputs` goes out.
//!
//! Extraction is synchronous and reads what is there; waiting belongs into the handler, under its retries and time-out.

use super::attempt::Attempt;
use super::delivery::Delivery;
use super::entry::TableOf;
use super::event::{Event, RawEvent};
use super::handler_error::HandlerError;
use super::outputs::Outputs;
use super::wants::Wants;
use crate::contract::{Headers, Position};
use crate::engine::Failure;
use crate::topic::{Namespace, Topic};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::sync::Arc;

/// Why an argument could not be made.
#[derive(Debug)]
pub struct Rejection(HandlerError);

impl Rejection {
    /// The record itself is at fault: a dead letter at once, with 0 attempts.
    pub fn poison(why: impl Into<Cow<'static, str>>) -> Self {
        Rejection(HandlerError::of(Failure::Poison, why.into()))
    }

    pub(crate) fn into_error(self) -> HandlerError {
        self.0
    }
}

impl From<HandlerError> for Rejection {
    /// Counts as a failed attempt.
    fn from(error: HandlerError) -> Self {
        Rejection(error)
    }
}

impl From<Rejection> for HandlerError {
    /// The same for a handler that decodes in its body: `let tick: Tick<'_> = raw.decode()?;`. Poison stays poison: a dead
    /// letter at once, and the call counts as no attempt.
    fn from(rejection: Rejection) -> Self {
        rejection.0
    }
}

/// An argument of a handler over the state `S`.
///
/// Users make their own: borrow from the delivery, fail with a [`Rejection`].
#[diagnostic::on_unimplemented(
    message = "a handler cannot take an argument of type `{Self}`",
    label = "the service's state is `{S}`",
    note = "by value, from the record: `Event<T>`, `Option<Event<T>>`, `RawEvent<'_>`, `Json<T>`, `Topic`, `Namespace`, `Position`, `Headers<'_>`, `Attempt`, or your own `impl Extract`",
    note = "by reference, from the state: `&{S}`, or `&T` where `{S}: Provide<T>`",
    note = "what goes out: `&mut Outputs`, and the key's entry of a table: `&mut V` or `&mut Option<V>` where `V: TableEntry`"
)]
pub trait Extract<S: 'static = ()> {
    /// The argument, as it borrows from the delivery.
    type Item<'d>;

    /// How many `Outputs` it takes; for `build()`, which refuses two.
    #[doc(hidden)]
    const OUTPUTS: usize = 0;

    /// The table whose entry it is; for `build()`.
    #[doc(hidden)]
    const TABLE: Option<TableOf> = None;
    /// What it wants of topics and records; for `build()`, which refuses what can never be had.
    #[doc(hidden)]
    const WANTS: Wants = Wants::NOTHING;

    /// Makes the argument.
    ///
    /// # Errors
    /// If the record or the state does not have what it needs.
    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Self::Item<'d>, Rejection>;
}

/// A state that has a `T`: every state has itself; parts by `impl Provide<Pool> for App`.
///
/// A part may be a trait, so that a test can put something else in its place. The handler's argument is then written
/// `&(dyn Broker + 'static)`, and so is what `provide` answers: a plain `&dyn Broker` has a shorter life, and is another
/// type.
///
/// ```
/// # use millstream_core::handler::{Event, Provide};
/// # struct Pool;
/// # trait Broker: Send + Sync {}
/// struct App {
///     pool: Pool,
///     broker: Box<dyn Broker>,
/// }
///
/// impl Provide<Pool> for App {
///     fn provide(&self) -> &Pool {
///         &self.pool
///     }
/// }
///
/// impl Provide<dyn Broker> for App {
///     fn provide(&self) -> &(dyn Broker + 'static) {
///         &*self.broker
///     }
/// }
///
/// async fn on_order(order: Event<serde_json::Value>, pool: &Pool, broker: &(dyn Broker + 'static)) {
///     // …
/// }
/// # fn takes<A>(_: impl millstream_core::handler::Handler<A, App>) {}
/// # takes(on_order);
/// ```
#[diagnostic::on_unimplemented(
    message = "the service's state `{Self}` does not provide a `{T}`",
    label = "a handler asks for `&{T}`",
    note = "give it to `with_state(...)` before the handler is added, or write `impl Provide<{T}> for {Self}`",
    note = "a reference is always to the state; what comes from the record is taken by value: `Event<T>`, `Topic`, `Namespace`"
)]
pub trait Provide<T: ?Sized> {
    /// The part.
    fn provide(&self) -> &T;
}

impl<S> Provide<S> for S {
    fn provide(&self) -> &S {
        self
    }
}

/// A state in an `Arc` provides what is in it: handlers ask for `&Engine`, whoever else holds it.
#[diagnostic::do_not_recommend]
impl<T: ?Sized> Provide<T> for Arc<T> {
    fn provide(&self) -> &T {
        self
    }
}

impl<S: Provide<T> + 'static, T: ?Sized + 'static> Extract<S> for &T {
    type Item<'d> = &'d T;

    #[inline(always)]
    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<&'d T, Rejection> {
        Ok(delivery.state().provide())
    }
}

impl<S: 'static> Extract<S> for &mut Outputs {
    type Item<'d> = &'d mut Outputs;
    const OUTPUTS: usize = 1;

    #[inline(always)]
    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<&'d mut Outputs, Rejection> {
        delivery.take_outputs().ok_or_else(|| HandlerError::permanent("`&mut Outputs` is taken twice").into())
    }
}

impl<S: 'static, T: DeserializeOwned + Send + 'static> Extract<S> for Event<T> {
    type Item<'d> = Event<T>;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Event<T>, Rejection> {
        Event::decode(delivery)
    }
}

/// `None` is a tombstone: a record without a value, which says that its key is gone. It is known by its position, since it
/// has no id. A value that is no event is poison all the same.
impl<S: 'static, T: DeserializeOwned + Send + 'static> Extract<S> for Option<Event<T>> {
    type Item<'d> = Option<Event<T>>;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Option<Event<T>>, Rejection> {
        match delivery.record().value() {
            Some(_) => Event::decode(delivery).map(Some),
            None => Ok(None),
        }
    }
}

impl<S: 'static> Extract<S> for RawEvent<'_> {
    type Item<'d> = RawEvent<'d>;

    #[inline(always)]
    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<RawEvent<'d>, Rejection> {
        Ok(RawEvent::of(delivery))
    }
}

impl<S: 'static> Extract<S> for Topic {
    type Item<'d> = Topic;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Topic, Rejection> {
        Ok(delivery.topic().clone())
    }
}

/// The namespace of the record's topic. `build()` refuses it of a shared topic, which has none; take `Option<Namespace>` where
/// topics of both kinds are read.
impl<S: 'static> Extract<S> for Namespace {
    type Item<'d> = Namespace;
    const WANTS: Wants = Wants::NAMESPACE;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Namespace, Rejection> {
        let topic = delivery.topic();
        delivery.namespace().cloned().ok_or_else(|| {
            HandlerError::permanent(format!("the handler takes a `Namespace`, but `{topic}` is a shared topic and has none"))
                .into()
        })
    }
}

/// `None` of a shared topic.
impl<S: 'static> Extract<S> for Option<Namespace> {
    type Item<'d> = Option<Namespace>;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Option<Namespace>, Rejection> {
        Ok(delivery.namespace().cloned())
    }
}

impl<S: 'static> Extract<S> for Position {
    type Item<'d> = Position;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Position, Rejection> {
        Ok(delivery.position())
    }
}

impl<S: 'static> Extract<S> for Headers<'_> {
    type Item<'d> = Headers<'d>;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Headers<'d>, Rejection> {
        Ok(delivery.record().headers())
    }
}

impl<S: 'static> Extract<S> for Attempt {
    type Item<'d> = Attempt;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Attempt, Rejection> {
        Ok(Attempt::new(delivery.attempt()))
    }
}
