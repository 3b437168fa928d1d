//! Owns one attempt of a handler with layers, in its seat. Handlers without layers never come here: theirs is
//! `Handler::seated`.

use super::delivery_info::DeliveryInfo;
use super::layer::AnyLayer;
use super::next::Next;
use super::watcher::{Watched, Watcher};
use crate::handler::{Handler, OutputContext, Seat};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

/// A handler with its layers, made once for each worker.
pub(crate) struct Layered<H> {
    pub(crate) handler: Arc<H>,
    /// The outermost first.
    pub(crate) layers: Arc<[AnyLayer]>,
    /// Who looks at its attempts.
    pub(crate) watcher: Option<Arc<dyn Watcher>>,
    pub(crate) context: Arc<OutputContext>,
}

/// Runs one attempt through the layers, in a seat that owns all it lends, and gives the seat back.
#[expect(clippy::manual_async_fn, reason = "an `async fn` here would not promise `Send` for all lifetimes")]
pub(crate) fn layered<Args, S, H, St>(
    mut seat: Box<Seat<Arc<Layered<H>>, St>>,
) -> impl Future<Output = Box<Seat<Arc<Layered<H>>, St>>> + Send
where
    S: Sync + 'static,
    H: Handler<Args, S>,
    St: Deref<Target = S> + Send + Sync,
{
    async move {
        let s = &mut *seat;
        let mut returned = false;
        let watched;
        let answer = {
            let layered = &*s.handler;
            let info = DeliveryInfo::new(&s.input, &layered.context);
            watched = Watched::started(layered.watcher.as_ref(), &info);
            let handler = pin!(async {
                let answer = layered.handler.lent(&*s.state, &s.input, &mut s.outputs, s.entry.as_deref_mut()).await;
                returned = true;
                answer
            });
            Next::new(&layered.layers, &info, handler).run().await
        };
        if !returned {
            // It was not called, or dropped half-way: what it emitted until then is nobody's answer.
            s.outputs.clear();
            s.entry = None;
        }
        watched.ended(&answer, s.outputs.emitted());
        s.answer(answer);
        seat
    }
}
