//! Owns the slots in which a worker's handler futures live, and the erasure of the handler's type.
//!
//! An attempt is polled in place *inside its slot*, with the slot's own cached waker: nothing moves and nothing is
//! allocated when it parks. The fast path uses the same seat again for each record. One `Box<dyn Runner>` a worker, so
//! the worker is compiled once and not per handler.

use super::sink::Sink;
use crate::contract::RecordBatch;
use crate::engine::Failure;
use crate::envelope::{EventKey, Head, Timestamp};
use crate::handler::{Handler, HandlerError, Input, Outcome, OutputContext, Outputs, Seat};
use crate::layer::panics;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How one attempt ended.
pub(crate) enum Attempted {
    /// Done; so many outputs went into the sink.
    Done(u32),
    /// Skipped; so many outputs went into the sink.
    Skipped(u32),
    /// Failed; nothing goes out.
    Failed(HandlerError),
}

/// What starts an attempt.
pub(crate) struct Start<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) index: usize,
    pub(crate) key: u128,
    pub(crate) head: Option<&'a Head>,
    pub(crate) attempt: u32,
    pub(crate) stamp: Timestamp,
}

/// Runs attempts of one handler for one worker.
pub(crate) trait Runner: Send {
    /// Starts an attempt in a free slot and polls it in place.
    fn start(&mut self, slot: usize, start: &Start<'_>, waker: &Waker, sink: &mut Sink) -> Poll<Attempted>;
    /// Polls a parked attempt.
    fn poll(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted>;
    /// Drops a parked attempt.
    fn clear(&mut self, slot: usize);
}

/// Makes runners, one for each worker.
pub(crate) type MakeRunner = Arc<dyn Fn(&RecordBatch, Arc<OutputContext>) -> Box<dyn Runner> + Send + Sync>;

/// A maker of runners for `handler` over `state`.
pub(crate) fn make_runner<Args, S, H>(handler: H, state: Arc<S>) -> MakeRunner
where
    Args: 'static,
    S: Send + Sync + 'static,
    H: Handler<Args, S>,
{
    let handler = Arc::new(handler);
    Arc::new(move |first, context| slots::<H, S, _, _>(handler.clone(), state.clone(), first, context, H::OUTPUTS > 0, H::seated))
}

fn slots<H, S, Mk, F>(
    handler: Arc<H>,
    state: Arc<S>,
    first: &RecordBatch,
    context: Arc<OutputContext>,
    emits: bool,
    make: Mk,
) -> Box<dyn Runner>
where
    H: Send + Sync + 'static,
    S: Send + Sync + 'static,
    Mk: Fn(Box<Seat<Arc<H>, Arc<S>>>) -> F + Send + 'static,
    F: Future<Output = Box<Seat<Arc<H>, Arc<S>>>> + Send + 'static,
{
    let input = Input::new(first);
    Box::new(Slots { make, handler, state, input, context, emits, futures: Vec::new(), hot: None, idle: Vec::new() })
}

struct Slots<H, S, Mk, F> {
    make: Mk,
    handler: Arc<H>,
    state: Arc<S>,
    input: Input,
    context: Arc<OutputContext>,
    emits: bool,
    futures: Vec<Pin<Box<Option<F>>>>,
    hot: Option<Box<Seat<Arc<H>, Arc<S>>>>,
    #[expect(clippy::vec_box, reason = "seats travel into futures and back as boxes")]
    idle: Vec<Box<Seat<Arc<H>, Arc<S>>>>,
}

impl<H, S, Mk, F> Slots<H, S, Mk, F>
where
    H: Send + Sync + 'static,
    S: Send + Sync + 'static,
    Mk: Fn(Box<Seat<Arc<H>, Arc<S>>>) -> F + Send + 'static,
    F: Future<Output = Box<Seat<Arc<H>, Arc<S>>>> + Send + 'static,
{
    #[cold]
    fn new_seat(&mut self) -> Box<Seat<Arc<H>, Arc<S>>> {
        self.idle.pop().unwrap_or_else(|| {
            let outputs = Outputs::new(self.context.clone(), self.input.topic.clone());
            let (handler, state, input) = (self.handler.clone(), self.state.clone(), self.input.clone());
            Box::new(Seat { handler, state, input, outputs, answer: None })
        })
    }

    #[cold]
    fn grow(&mut self, slot: usize) {
        while self.futures.len() <= slot {
            self.futures.push(Box::pin(None));
        }
    }

    #[inline]
    fn advance(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
        let future = &mut self.futures[slot];
        let mut context = Context::from_waker(waker);
        let polled = panics::caught(|| match future.as_mut().as_pin_mut() {
            Some(future) => future.poll(&mut context),
            None => Poll::Pending,
        });
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(seat)) => {
                future.as_mut().set(None);
                Poll::Ready(self.finish(seat, sink))
            }
            Err(panic) => {
                // The seat is lost with the future; a new one is made.
                self.clear(slot);
                Poll::Ready(Attempted::Failed(HandlerError::of(Failure::Panic, panic.into())))
            }
        }
    }

    #[inline]
    fn finish(&mut self, mut seat: Box<Seat<Arc<H>, Arc<S>>>, sink: &mut Sink) -> Attempted {
        let attempted = match seat.answer.take() {
            Some(Ok(outcome)) => {
                let outputs = if self.emits && seat.outputs.count() > 0 { sink.take_over(&mut seat.outputs) } else { 0 };
                match outcome {
                    Outcome::Done => Attempted::Done(outputs),
                    Outcome::Skip(_) => Attempted::Skipped(outputs),
                }
            }
            Some(Err(error)) => Attempted::Failed(error),
            None => Attempted::Failed(HandlerError::permanent("the attempt ended without an answer")),
        };
        if self.hot.is_none() {
            self.hot = Some(seat);
        } else {
            self.idle.push(seat);
        }
        attempted
    }
}

impl<H, S, Mk, F> Runner for Slots<H, S, Mk, F>
where
    H: Send + Sync + 'static,
    S: Send + Sync + 'static,
    Mk: Fn(Box<Seat<Arc<H>, Arc<S>>>) -> F + Send + 'static,
    F: Future<Output = Box<Seat<Arc<H>, Arc<S>>>> + Send + 'static,
{
    #[inline]
    fn start(&mut self, slot: usize, start: &Start<'_>, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
        let mut seat = match self.hot.take() {
            Some(seat) => seat,
            None => self.new_seat(),
        };
        seat.input.record.point_to(start.batch, start.index);
        seat.input.key = EventKey::from_u128(start.key);
        match start.head {
            Some(head) => seat.input.head = Some(*head),
            None => seat.input.head = None,
        }
        seat.input.attempt = start.attempt;
        if self.emits {
            let value = start.batch.view(start.index).value().unwrap_or_default();
            seat.outputs.begin(start.head, seat.input.key, value, start.stamp);
        }
        if self.futures.len() <= slot {
            self.grow(slot);
        }
        // Calling the handler happens inside the future's first poll, so a panic there is caught too.
        self.futures[slot].as_mut().set(Some((self.make)(seat)));
        self.advance(slot, waker, sink)
    }

    fn poll(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
        self.advance(slot, waker, sink)
    }

    fn clear(&mut self, slot: usize) {
        let future = &mut self.futures[slot];
        if panics::caught(|| future.as_mut().set(None)).is_err() {
            // Dropping a half-run attempt panicked: what is left of it is in no state to be dropped again.
            let broken = std::mem::replace(future, Box::pin(None));
            std::mem::forget(broken);
        }
    }
}

/// Which parked attempts were woken: a bit a slot, and the worker's own waker.
pub(crate) struct Ready {
    words: Box<[AtomicU64]>,
    any: AtomicBool,
    cell: Arc<super::cell::Cell>,
}

impl Ready {
    pub(crate) fn new(slots: usize, cell: Arc<super::cell::Cell>) -> Arc<Self> {
        let words = (0..slots.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Ready { words, any: AtomicBool::new(false), cell })
    }

    /// A waker for `slot`.
    pub(crate) fn waker(self: &Arc<Self>, slot: usize) -> Waker {
        Arc::new(SlotWake { slot, ready: self.clone() }).into()
    }

    /// Whether any slot was woken since the last call. Acquires what the wakers wrote: a plain store would not.
    pub(crate) fn take_any(&self) -> bool {
        self.any.load(Ordering::Acquire) && self.any.swap(false, Ordering::AcqRel)
    }

    /// Takes the woken slots of the `word`th group of 64.
    pub(crate) fn take(&self, word: usize) -> u64 {
        if self.words[word].load(Ordering::Acquire) == 0 { 0 } else { self.words[word].swap(0, Ordering::AcqRel) }
    }

    /// Puts back woken slots that were not polled.
    pub(crate) fn put_back(&self, word: usize, bits: u64) {
        self.words[word].fetch_or(bits, Ordering::AcqRel);
        self.any.store(true, Ordering::Release);
    }

    /// How many groups of 64 there are.
    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }
}

struct SlotWake {
    slot: usize,
    ready: Arc<Ready>,
}

impl Wake for SlotWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let ready = &self.ready;
        ready.words[self.slot / 64].fetch_or(1 << (self.slot % 64), Ordering::AcqRel);
        if !ready.any.swap(true, Ordering::AcqRel) {
            ready.cell.worker.wake();
        }
    }
}
