//! Owns the calls of batch handlers that are under way, and the erasure of the handler's type: what `slots` is for single
//! attempts. A call costs two allocations, which its records share.

use super::spans::Attempt;
use crate::contract::RecordBatch;
use crate::engine::Failure;
use crate::envelope::Timestamp;
use crate::handler::{BatchHandler, BatchOutputs, BatchRecord, BatchSeat, CallInput, HandlerError, Outcomes, OutputContext};
use crate::layer::panics;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What a call was answered, record by record.
pub(crate) struct Called {
    /// Records that were not in the batch, and why, in their order.
    pub(crate) rejected: Vec<(usize, HandlerError)>,
    pub(crate) answers: Outcomes,
    /// What goes out, by record. To be given back.
    pub(crate) outputs: BatchOutputs,
}

/// How one call ended; `Err` if it failed as a whole.
pub(crate) type CallEnd = Result<Called, HandlerError>;

/// What starts a call.
pub(crate) struct StartCall {
    /// In the order of their offsets.
    pub(crate) records: Arc<[BatchRecord]>,
    pub(crate) stamp: Timestamp,
    /// Its span, if somebody records spans.
    pub(crate) traced: Option<Attempt>,
}

/// Runs calls of one batch handler for one worker.
pub(crate) trait BatchRunner: Send {
    /// Starts a call in a free slot and polls it once.
    fn start(&mut self, slot: usize, call: StartCall, waker: &Waker) -> Poll<CallEnd>;
    /// Polls a call that is pending.
    fn poll(&mut self, slot: usize, waker: &Waker) -> Poll<CallEnd>;
    /// Drops a call that is pending, and says why in its span.
    fn clear(&mut self, slot: usize, why: &'static str);
    /// Takes outputs back, to be used again.
    fn rest(&mut self, outputs: BatchOutputs);
}

/// Makes runners, one for each worker.
pub(crate) type MakeBatchRunner = Arc<dyn Fn(&RecordBatch, Arc<OutputContext>) -> Box<dyn BatchRunner> + Send + Sync>;

/// A maker of runners for `handler` over `state`.
pub(crate) fn make_batch_runner<Args, S, H>(handler: H, state: Arc<S>) -> MakeBatchRunner
where
    Args: 'static,
    S: Send + Sync + 'static,
    H: BatchHandler<Args, S>,
{
    let handler = Arc::new(handler);
    Arc::new(move |first, context| {
        Box::new(Calls {
            make: H::seated,
            handler: handler.clone(),
            state: state.clone(),
            input: CallInput::new(first, context.copied),
            context,
            calls: Vec::new(),
            spare: Vec::new(),
        })
    })
}

/// A call that is pending, and its span.
type Pending<F> = (Pin<Box<F>>, Option<Attempt>);

struct Calls<H, S, Mk, F> {
    make: Mk,
    handler: Arc<H>,
    state: Arc<S>,
    /// Without records: each call has its own.
    input: CallInput,
    context: Arc<OutputContext>,
    calls: Vec<Option<Pending<F>>>,
    spare: Vec<BatchOutputs>,
}

impl<H, S, Mk, F> BatchRunner for Calls<H, S, Mk, F>
where
    H: Send + Sync + 'static,
    S: Send + Sync + 'static,
    Mk: Fn(Box<BatchSeat<Arc<H>, Arc<S>>>) -> F + Send + 'static,
    F: Future<Output = Box<BatchSeat<Arc<H>, Arc<S>>>> + Send + 'static,
{
    fn start(&mut self, slot: usize, call: StartCall, waker: &Waker) -> Poll<CallEnd> {
        let StartCall { records, stamp, traced } = call;
        let new = || BatchOutputs::new(self.context.clone(), self.input.topic.clone());
        let mut outputs = self.spare.pop().unwrap_or_else(new);
        outputs.begin(records.clone(), stamp, traced.as_ref().and_then(|traced| traced.context));
        let input = CallInput { records, ..self.input.clone() };
        let (handler, state) = (self.handler.clone(), self.state.clone());
        let seat = BatchSeat { handler, state, input, outputs, rejected: Vec::new(), answer: None };
        if self.calls.len() <= slot {
            self.calls.resize_with(slot + 1, || None);
        }
        // Decoding and the handler's own call happen inside the first poll, so a panic there is caught too.
        self.calls[slot] = Some((Box::pin((self.make)(Box::new(seat))), traced));
        self.poll(slot, waker)
    }

    fn poll(&mut self, slot: usize, waker: &Waker) -> Poll<CallEnd> {
        let Some((future, traced)) = self.calls.get_mut(slot).and_then(Option::as_mut) else { return Poll::Pending };
        let mut context = Context::from_waker(waker);
        let mut poll = || panics::caught(|| future.as_mut().poll(&mut context));
        let polled = match traced {
            Some(traced) => traced.span.in_scope(poll),
            None => poll(),
        };
        let end = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(seat)) => self.finish(*seat),
            Err(panic) => Err(HandlerError::of(Failure::Panic, panic.into())),
        };
        let traced = self.take(slot);
        if let (Some(traced), Err(error)) = (traced, &end) {
            traced.failed(error);
        }
        Poll::Ready(end)
    }

    fn clear(&mut self, slot: usize, why: &'static str) {
        if let Some(traced) = self.take(slot) {
            traced.ended(why);
        }
    }

    fn rest(&mut self, mut outputs: BatchOutputs) {
        outputs.end();
        self.spare.push(outputs);
    }
}

impl<H, S, Mk, F> Calls<H, S, Mk, F>
where
    F: Future + Send + 'static,
{
    fn finish(&mut self, seat: BatchSeat<Arc<H>, Arc<S>>) -> CallEnd {
        let BatchSeat { rejected, mut outputs, answer, .. } = seat;
        match answer.unwrap_or_else(|| Err(HandlerError::permanent("the call ended without an answer"))) {
            Ok(answers) => Ok(Called { rejected, answers, outputs }),
            Err(error) => {
                outputs.end();
                self.spare.push(outputs);
                Err(error)
            }
        }
    }

    /// Drops a call's future inside its span; answers the span.
    fn take(&mut self, slot: usize) -> Option<Attempt> {
        let (future, traced) = self.calls.get_mut(slot)?.take()?;
        // A half-run call may panic when it is dropped: it has ended all the same.
        let drop = || panics::caught(|| drop(future)).is_err();
        match &traced {
            Some(traced) => traced.span.in_scope(drop),
            None => drop(),
        };
        traced
    }
}
