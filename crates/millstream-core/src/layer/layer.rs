//! Owns the layer: what a user writes once and puts around many handlers. Leaves what is inside to `next`.

use super::delivery_info::DeliveryInfo;
use super::next::Next;
use crate::handler::{HandlerError, Outcome};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// What an attempt answers.
pub(super) type Answer = Result<Outcome, HandlerError>;

/// Code around each attempt of a handler: an audit, trading hours, a tenant's quota.
///
/// Given to one handler by [`HandlerSettings::layer`](crate::service::HandlerSettings::layer), to all that follow by
/// [`StreamServiceBuilder::layer`](crate::builder::StreamServiceBuilder::layer). The first one named is the outermost, and
/// the builder's are outside the handler's own.
///
/// ```
/// use millstream_core::handler::{HandlerError, Outcome};
/// use millstream_core::layer::{DeliveryInfo, Layer, Next};
///
/// struct NoTests;
///
/// impl Layer for NoTests {
///     async fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
///         if delivery.headers().text("test").is_some() {
///             return Ok(Outcome::skip("a test's record"));
///         }
///         next.run().await
///     }
/// }
/// # fn takes(_: impl Layer) {}
/// # takes(NoTests);
/// ```
///
/// 1. **One attempt, one call.** A record that is tried again goes through its layers again.
/// 2. **Not running `next` answers in the handler's place**: a skip or a failure, and [`Outcome::Done`] settles the record
///    as if the handler had done it. The handler's arguments are not made then, so its data is not decoded.
/// 3. **The answer is what counts.** It decides about outputs, retries and dead letters; the handler's own answer is known
///    to the layers only.
/// 4. **Outputs belong to the attempt.** Turning the handler's `Ok` into an `Err` stops them; turning its `Err` into an `Ok`
///    sends out what it had emitted before it failed. Outputs of a handler that was dropped before it returned never go out.
/// 5. **A rejected argument passes through layers as an `Err`.** A poison one stays a dead letter with 0 attempts as long as
///    the layers hand that error on. A record that is poison by itself (no envelope, over a limit) reaches no layer.
/// 6. **Time-out and panics lie outside**: the attempt's time-out covers its layers, and a layer that panics fails the
///    attempt as a handler does.
///
/// # Cancel safety
/// An attempt that takes too long, or whose epoch ends, drops the future of `around` where it waits.
///
/// # Errors
/// What `around` fails with is the attempt's failure, classified like a handler's.
///
/// # Costs
/// Handlers without layers pay nothing. With layers, each costs one allocation an attempt; the handler's own future needs
/// none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    note = "a layer is a struct with `impl Layer`: `async fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError>`, which calls `next.run().await`",
    note = "it is not a function or a closure: what it needs are its fields"
)]
pub trait Layer: Send + Sync + 'static {
    /// Runs around one attempt: what it does before and after [`Next::run`], and the attempt's answer.
    ///
    /// # Errors
    /// If the attempt failed.
    fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> impl Future<Output = Result<Outcome, HandlerError>> + Send;
}

/// A layer that others hold too, to look at what it has seen.
impl<L: Layer> Layer for Arc<L> {
    fn around(&self, delivery: &DeliveryInfo<'_>, next: Next<'_>) -> impl Future<Output = Answer> + Send {
        L::around(self, delivery, next)
    }
}

/// Any layer.
#[derive(Clone)]
pub(crate) struct AnyLayer(Arc<dyn DynLayer>);

impl AnyLayer {
    pub(crate) fn new(layer: impl Layer) -> Self {
        AnyLayer(Arc::new(layer))
    }

    pub(super) fn around<'a>(&'a self, delivery: &'a DeliveryInfo<'a>, next: Next<'a>) -> Boxed<'a> {
        self.0.boxed(delivery, next)
    }
}

impl fmt::Debug for AnyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.type_name())
    }
}

type Boxed<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// A layer with its type erased: one box a call.
trait DynLayer: Send + Sync {
    fn boxed<'a>(&'a self, delivery: &'a DeliveryInfo<'a>, next: Next<'a>) -> Boxed<'a>;
    fn type_name(&self) -> &'static str;
}

impl<L: Layer> DynLayer for L {
    fn boxed<'a>(&'a self, delivery: &'a DeliveryInfo<'a>, next: Next<'a>) -> Boxed<'a> {
        Box::pin(self.around(delivery, next))
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<L>()
    }
}
