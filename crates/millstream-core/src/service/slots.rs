//! Owns the slots in which a worker's handler futures live, and the erasure of the handler's type.
//!
//! An attempt is polled in place *inside its slot*, with the slot's own cached waker: nothing moves and nothing is
//! allocated when it parks. The fast path uses the same seat again for each record. One `Box<dyn Runner>` a worker, so
//! the worker is compiled once and not per handler.

mod kept;
mod ran;
mod traced;

use super::cell::Cell;
use super::prepare::PreparedBatch;
use super::sink::Sink;
use super::spans::Attempt;
use crate::contract::RecordBatch;
use crate::engine::{Failure, Partition};
use crate::envelope::{EventKey, Head, Timestamp};
use crate::handler::{Handler, HandlerError, Input, Outcome, OutputContext, Outputs, Seat, Until};
use crate::layer::{AnyLayer, Layered, Watcher, layered, panics};
use kept::{emits, keep};
use std::borrow::Cow;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub(crate) use ran::Ran;

/// How one attempt ended.
pub(crate) enum Attempted {
    /// Done; so many outputs went into the sink.
    Done(u32),
    /// Skipped; so many outputs went into the sink.
    Skipped(u32),
    /// Put off, and why; nothing goes out.
    Deferred(Until, Cow<'static, str>),
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
    /// Its span, if somebody records spans.
    pub(crate) traced: Option<Attempt>,
}

/// What first attempts of a batch's records share that are started one after the other.
pub(crate) struct Run<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) prepared: &'a PreparedBatch,
    pub(crate) slot: usize,
    pub(crate) waker: &'a Waker,
    /// Looked at before each start, so that control never waits behind data.
    pub(crate) cell: &'a Cell,
    pub(crate) stamp: Timestamp,
    /// Outputs, and their bytes, that the sink may hold: the run ends where it holds more.
    pub(crate) room: (usize, usize),
}

/// Why a run came to its end.
enum Stop<S> {
    /// It was through, or the next record may not start now.
    Through(S),
    /// An attempt failed, or put its record off.
    Apart(S),
    /// An attempt went pending.
    Pending,
}

/// Runs attempts of one handler for one worker.
pub(crate) trait Runner: Send {
    /// Starts records of a batch one after the other as long as each is ready at once and done or skipped. Answers the
    /// end of the one that was not, which comes behind those counted in `ran`.
    fn run(
        &mut self,
        run: &Run<'_>,
        records: Range<usize>,
        engine: &mut Partition,
        sink: &mut Sink,
        ran: &mut Ran,
    ) -> Option<Poll<Attempted>>;
    /// Starts an attempt in a free slot and polls it in place.
    fn start(&mut self, slot: usize, start: &Start<'_>, waker: &Waker, sink: &mut Sink) -> Poll<Attempted>;
    /// Polls a parked attempt.
    fn poll(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted>;
    /// Drops a parked attempt, and says why in its span.
    fn clear(&mut self, slot: usize, why: &'static str);
}

/// Makes runners, one for each worker.
pub(crate) type MakeRunner = Arc<dyn Fn(&RecordBatch, Arc<OutputContext>) -> Box<dyn Runner> + Send + Sync>;

/// A maker of runners for `handler` over `state`, inside `layers` and before the eyes of `watcher`.
pub(crate) fn make_runner<Args, S, H>(
    handler: H,
    state: Arc<S>,
    layers: Vec<AnyLayer>,
    watcher: Option<Arc<dyn Watcher>>,
) -> MakeRunner
where
    Args: 'static,
    S: Send + Sync + 'static,
    H: Handler<Args, S>,
{
    let handler = Arc::new(handler);
    if !layers.is_empty() || watcher.is_some() {
        let layers: Arc<[AnyLayer]> = layers.into();
        return Arc::new(move |first, context| {
            let (handler, layers, watcher) = (handler.clone(), layers.clone(), watcher.clone());
            let handler = Arc::new(Layered { handler, layers, watcher, context: context.clone() });
            slots::<Layered<H>, S, _, _>(handler, state.clone(), first, context, emits::<Args, S, H>(), layered::<Args, S, H, _>)
        });
    }
    Arc::new(move |first, context| {
        slots::<H, S, _, _>(handler.clone(), state.clone(), first, context, emits::<Args, S, H>(), H::seated)
    })
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
    let input = Input::new(first, context.copied);
    Box::new(Slots {
        make,
        handler,
        state,
        input,
        context,
        emits,
        futures: Vec::new(),
        spans: Vec::new(),
        hot: None,
        idle: Vec::new(),
    })
}

struct Slots<H, S, Mk, F> {
    make: Mk,
    handler: Arc<H>,
    state: Arc<S>,
    input: Input,
    context: Arc<OutputContext>,
    emits: bool,
    futures: Vec<Pin<Box<Option<F>>>>,
    /// The attempts' spans, by slot; empty as long as nobody records spans.
    spans: Vec<Option<Attempt>>,
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
            Box::new(Seat { handler, state, input, outputs, entry: None, done: false, other: None })
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
        if slot < self.spans.len() {
            return self.advance_traced(slot, waker, sink);
        }
        self.advance_in_place(slot, waker, sink)
    }

    #[inline]
    fn advance_in_place(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
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
            Err(panic) => Poll::Ready(self.panicked(slot, panic)),
        }
    }

    #[cold]
    fn panicked(&mut self, slot: usize, panic: String) -> Attempted {
        // The seat is lost with the future; a new one is made.
        self.drop_future(slot);
        Attempted::Failed(HandlerError::of(Failure::Panic, panic.into()))
    }

    #[inline]
    fn finish(&mut self, mut seat: Box<Seat<Arc<H>, Arc<S>>>, sink: &mut Sink) -> Attempted {
        let mut answer = seat.take_answer();
        if let Some(lent) = seat.entry.take() {
            answer = keep(lent, &mut seat.outputs, seat.input.record.view(), answer, sink);
        }
        let mut outputs = || if self.emits && seat.outputs.count() > 0 { sink.take_over(&mut seat.outputs) } else { 0 };
        let attempted = match answer {
            Ok(Outcome::Done) => Attempted::Done(outputs()),
            Ok(Outcome::Skip(_)) => Attempted::Skipped(outputs()),
            Ok(Outcome::Defer(until, why)) => Attempted::Deferred(until, why),
            Err(error) => Attempted::Failed(error),
        };
        self.rest(seat);
        attempted
    }

    fn drop_future(&mut self, slot: usize) {
        let future = &mut self.futures[slot];
        if panics::caught(|| future.as_mut().set(None)).is_err() {
            // Dropping a half-run attempt panicked: what is left of it is in no state to be dropped again.
            let broken = std::mem::replace(future, Box::pin(None));
            std::mem::forget(broken);
        }
    }

    /// Keeps a seat for the next attempt.
    #[inline]
    fn rest(&mut self, seat: Box<Seat<Arc<H>, Arc<S>>>) {
        if self.hot.is_none() {
            self.hot = Some(seat);
        } else {
            self.idle.push(seat);
        }
    }

    /// The seat of the next attempt.
    #[inline]
    fn seat(&mut self) -> Box<Seat<Arc<H>, Arc<S>>> {
        match self.hot.take() {
            Some(seat) => seat,
            None => self.new_seat(),
        }
    }
}

impl<H, S, Mk, F> Runner for Slots<H, S, Mk, F>
where
    H: Send + Sync + 'static,
    S: Send + Sync + 'static,
    Mk: Fn(Box<Seat<Arc<H>, Arc<S>>>) -> F + Send + 'static,
    F: Future<Output = Box<Seat<Arc<H>, Arc<S>>>> + Send + 'static,
{
    fn run(
        &mut self,
        run: &Run<'_>,
        records: Range<usize>,
        engine: &mut Partition,
        sink: &mut Sink,
        ran: &mut Ran,
    ) -> Option<Poll<Attempted>> {
        let &Run { batch, prepared, slot, .. } = run;
        if self.futures.len() <= slot {
            self.grow(slot);
        }
        let mut seat = self.seat();
        seat.input.record.point_to(batch, records.start);
        seat.input.head = None;
        seat.input.attempt = 1;
        let (make, emits, mut future) = (&self.make, self.emits, self.futures[slot].as_mut());
        let (keys, heads) = (&prepared.keys[records.clone()], prepared.heads().get(records.clone()));
        let mut context = Context::from_waker(run.waker);
        // Everything a panic must not tear lies outside, and is moved on only behind the attempt it counts.
        let caught = panics::caught(|| {
            for (at, (record, &key)) in batch.views(records.clone()).zip(keys).enumerate() {
                if !run.cell.runs() || !engine.arrive_quietly(record.offset(), key) {
                    break;
                }
                seat.input.record.move_to(record);
                seat.input.key = EventKey::from_u128(key);
                let head = heads.map(|heads| &heads[at]).filter(|head| head.is_some());
                if heads.is_some() {
                    seat.input.head = head.copied();
                }
                if emits {
                    seat.begin_outputs(head, run.stamp, None);
                }
                future.as_mut().set(Some(make(seat)));
                match future.as_mut().as_pin_mut().map(|future| future.poll(&mut context)) {
                    Some(Poll::Ready(back)) => seat = back,
                    _ => return Stop::Pending,
                }
                let mut skipped = false;
                if !seat.done {
                    skipped = matches!(seat.other, Some(Ok(Outcome::Skip(_))));
                    if !skipped {
                        return Stop::Apart(seat);
                    }
                    seat.other = None;
                    // Beside outputs each record says it for itself.
                    ran.skipped += u64::from(!emits);
                }
                ran.ended += 1;
                if !emits {
                    continue;
                }
                let outputs = if seat.outputs.count() > 0 { sink.take_over(&mut seat.outputs) } else { 0 };
                ran.outputs.push((outputs, skipped));
                sink.owner += u32::from(outputs > 0);
                if sink.len() >= run.room.0 || sink.bytes() >= run.room.1 {
                    break;
                }
            }
            Stop::Through(seat)
        });
        match caught {
            Ok(Stop::Through(seat)) => {
                self.futures[slot].as_mut().set(None);
                self.rest(seat);
                None
            }
            Ok(Stop::Apart(seat)) => {
                self.futures[slot].as_mut().set(None);
                Some(Poll::Ready(self.finish(seat, sink)))
            }
            Ok(Stop::Pending) => Some(Poll::Pending),
            Err(panic) => Some(Poll::Ready(self.panicked(slot, panic))),
        }
    }

    #[inline]
    fn start(&mut self, slot: usize, start: &Start<'_>, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
        let mut seat = self.seat();
        seat.input.record.point_to(start.batch, start.index);
        seat.input.key = EventKey::from_u128(start.key);
        match start.head {
            Some(head) => seat.input.head = Some(*head),
            None => seat.input.head = None,
        }
        seat.input.attempt = start.attempt;
        seat.entry = sink.lent.take();
        if self.emits {
            seat.begin_outputs(start.head, start.stamp, start.traced.as_ref().and_then(|traced| traced.context));
        }
        if self.futures.len() <= slot {
            self.grow(slot);
        }
        if let Some(attempt) = &start.traced {
            self.keep_span(slot, attempt);
        }
        // Calling the handler happens inside the future's first poll, so a panic there is caught too.
        self.futures[slot].as_mut().set(Some((self.make)(seat)));
        self.advance(slot, waker, sink)
    }

    fn poll(&mut self, slot: usize, waker: &Waker, sink: &mut Sink) -> Poll<Attempted> {
        self.advance(slot, waker, sink)
    }

    fn clear(&mut self, slot: usize, why: &'static str) {
        match self.spans.get_mut(slot).and_then(Option::take) {
            Some(attempt) => {
                attempt.ended(why);
                attempt.span.in_scope(|| self.drop_future(slot));
            }
            None => self.drop_future(slot),
        }
    }
}
