//! Owns what is inside a layer. The handler's future lies on the stack of the attempt and is only lent here, so it needs no
//! box; `run` takes `self`, so it runs at most once, by type.

use super::delivery_info::DeliveryInfo;
use super::layer::{Answer, AnyLayer};
use crate::handler::{HandlerError, Outcome};
use std::fmt;
use std::pin::Pin;

/// What is inside a [`Layer`](super::Layer): the layers further in, and then the handler.
///
/// Runs once at most. Dropped without [`run`](Self::run), the handler is not called, and the layer's answer is the attempt's.
pub struct Next<'n> {
    layers: &'n [AnyLayer],
    delivery: &'n DeliveryInfo<'n>,
    handler: Pin<&'n mut (dyn Future<Output = Answer> + Send + 'n)>,
}

impl<'n> Next<'n> {
    pub(super) fn new(
        layers: &'n [AnyLayer],
        delivery: &'n DeliveryInfo<'n>,
        handler: Pin<&'n mut (dyn Future<Output = Answer> + Send + 'n)>,
    ) -> Self {
        Next { layers, delivery, handler }
    }

    /// Runs the layers further in and the handler, and answers what they answer.
    ///
    /// # Errors
    /// If the attempt failed further in: the handler, an argument that could not be made, or a layer.
    ///
    /// # Cancel safety
    /// Dropping the future ends the handler where it waits; it cannot be run again in this attempt, and what it has emitted
    /// does not go out.
    pub async fn run(self) -> Result<Outcome, HandlerError> {
        match self.layers.split_first() {
            Some((layer, layers)) => layer.around(self.delivery, Next { layers, ..self }).await,
            None => self.handler.await,
        }
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("layers", &self.layers).finish_non_exhaustive()
    }
}
