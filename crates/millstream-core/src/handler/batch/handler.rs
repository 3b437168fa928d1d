//! Owns what a batch handler is: a function as a single handler's is, over other arguments. The same two steps, shape first
//! and meaning second, so that the compiler names the cause (see `handler::handler`).

use super::call::{BatchDelivery, BatchSeat};
use super::extract::ExtractBatch;
use super::outcomes::{IntoOutcomes, Outcomes};
use crate::handler::extract::Rejection;
use crate::handler::handler::{Awaited, HandlerFn};
use crate::handler::wants::Wants;
use std::ops::Deref;

/// A handler of batches over the state `S`. Implemented for functions; not to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a batch handler of a service with state `{S}`",
    note = "a batch handler is an `async fn` of at most 8 arguments, one of them a `Batch<T>`, not called (`on_ticks`, not `on_ticks()`)"
)]
pub trait BatchHandler<Args, S: 'static>: Send + Sync + 'static {
    /// How many `BatchOutputs` it takes.
    #[doc(hidden)]
    const OUTPUTS: usize;

    /// How many `Batch`es it takes.
    #[doc(hidden)]
    const BATCHES: usize;

    /// What its arguments want.
    #[doc(hidden)]
    const WANTS: Wants;

    /// Runs one call in a seat that owns all it lends, and gives the seat back.
    #[doc(hidden)]
    fn seated<H, St>(seat: Box<BatchSeat<H, St>>) -> impl Future<Output = Box<BatchSeat<H, St>>> + Send
    where
        H: Deref<Target = Self> + Send + Sync,
        St: Deref<Target = S> + Send + Sync;
}

impl<F, Args: 'static, S: Sync + 'static, O: IntoOutcomes> BatchHandler<Args, S> for F
where
    F: HandlerFn<Args>,
    <F as HandlerFn<Args>>::Returned: Awaited<Output = O>,
    F: RunsBatch<Args, S, O> + Send + Sync + 'static,
{
    const OUTPUTS: usize = <F as RunsBatch<Args, S, O>>::OUTPUTS;
    const BATCHES: usize = <F as RunsBatch<Args, S, O>>::BATCHES;
    const WANTS: Wants = <F as RunsBatch<Args, S, O>>::WANTS;

    #[expect(clippy::manual_async_fn, reason = "an `async fn` here would not promise `Send` for all lifetimes")]
    fn seated<H, St>(mut seat: Box<BatchSeat<H, St>>) -> impl Future<Output = Box<BatchSeat<H, St>>> + Send
    where
        H: Deref<Target = Self> + Send + Sync,
        St: Deref<Target = S> + Send + Sync,
    {
        async move {
            let s = &mut *seat;
            // As a single attempt's: the borrows of the started future end before the answer is written.
            #[expect(clippy::blocks_in_conditions, reason = "a `let` would keep the borrows of the started future alive")]
            let answer = match {
                let mut delivery = BatchDelivery::seated(&*s.state, &s.input, &mut s.outputs, &mut s.rejected);
                s.handler.start(&mut delivery)
            } {
                Ok(Some(started)) => started.await.into_outcomes(),
                // All of it was poison: there is nobody to call for.
                Ok(None) => Ok(Outcomes::new()),
                Err(rejection) => Err(rejection.into_error()),
            };
            s.answer = Some(answer);
            seat
        }
    }
}

/// The meaning of a batch handler: its arguments can be extracted and its future sent.
#[doc(hidden)]
pub trait RunsBatch<Args, S: 'static, O> {
    /// How many `BatchOutputs` it takes.
    const OUTPUTS: usize;
    /// How many `Batch`es it takes.
    const BATCHES: usize;
    /// What its arguments want.
    const WANTS: Wants;
    /// Extracts the arguments and starts the handler; `None` if no record is left for it.
    ///
    /// # Errors
    /// If an argument cannot be made.
    fn start<'d>(
        &self,
        delivery: &mut BatchDelivery<'d, S>,
    ) -> Result<Option<impl Future<Output = O> + Send + use<'d, Self, Args, S, O>>, Rejection>;
}

macro_rules! arity {
    ($($arg:ident),*) => {
        impl<Func, S: 'static, O, $($arg),*> RunsBatch<($($arg,)*), S, O> for Func
        where
            $($arg: ExtractBatch<S>,)*
            Func: for<'d> HandlerFn<($($arg::Item<'d>,)*), Returned: Future<Output = O> + Send>,
        {
            const OUTPUTS: usize = 0 $(+ <$arg as ExtractBatch<S>>::OUTPUTS)*;
            const BATCHES: usize = 0 $(+ <$arg as ExtractBatch<S>>::BATCHES)*;
            const WANTS: Wants = Wants::NOTHING $(.and(<$arg as ExtractBatch<S>>::WANTS))*;
            fn start<'d>(&self, delivery: &mut BatchDelivery<'d, S>) -> Result<Option<impl Future<Output = O> + Send + use<'d, Func, S, O, $($arg),*>>, Rejection> {
                let arguments = ($(<$arg as ExtractBatch<S>>::extract(delivery)?,)*);
                Ok(if delivery.is_void() { None } else { Some(self.call(arguments)) })
            }
        }
    };
}

arity!(A);
arity!(A, B);
arity!(A, B, C);
arity!(A, B, C, D);
arity!(A, B, C, D, E);
arity!(A, B, C, D, E, G);
arity!(A, B, C, D, E, G, H);
arity!(A, B, C, D, E, G, H, I);
