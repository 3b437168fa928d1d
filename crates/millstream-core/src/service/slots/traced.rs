//! Owns attempts inside their spans, where somebody records spans. Leaves making the spans to `spans`.

use super::{Attempted, Seat, Sink, Slots};
use crate::service::spans::Attempt;
use std::sync::Arc;
use std::task::{Poll, Waker};

impl<H, S, Mk, F> Slots<H, S, Mk, F>
where
    H: Send + Sync + 'static,
    S: Send + Sync + 'static,
    Mk: Fn(Box<Seat<Arc<H>, Arc<S>>>) -> F + Send + 'static,
    F: Future<Output = Box<Seat<Arc<H>, Arc<S>>>> + Send + 'static,
{
    #[cold]
    pub(super) fn keep_span(&mut self, slot: usize, attempt: &Attempt) {
        if self.spans.len() <= slot {
            self.spans.resize(self.futures.len().max(slot + 1), None);
        }
        self.spans[slot] = Some(attempt.clone());
    }

    /// Polls an attempt inside its span, so that its own lines and spans are there too.
    #[cold]
    pub(super) fn advance_traced(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
        let Some(attempt) = self.spans[slot].take() else { return self.advance_in_place(slot, waker, sink) };
        let polled = attempt.span.in_scope(|| self.advance_in_place(slot, waker, sink));
        match &polled {
            Poll::Pending => self.spans[slot] = Some(attempt),
            Poll::Ready(Attempted::Failed(error)) => attempt.failed(error),
            Poll::Ready(_) => {}
        }
        polled
    }
}
