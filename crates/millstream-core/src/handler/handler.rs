//! Owns what a handler is: a plain `async fn` of up to eight arguments, a method, or an async closure.
//!
//! Shape first, meaning second: [`HandlerFn`] is only `Fn(A, B) -> R`, so inference succeeds on the shape alone and a
//! wrong argument, return type or missing `Send` is reported by itself. [`Runs`] then gives the meaning, one impl an
//! arity. There is exactly one impl of [`Handler`], so the compiler descends to the cause.

use super::delivery::{Delivery, Input};
use super::entry::{Lent, TableOf};
use super::extract::{Extract, Rejection};
use super::handler_error::HandlerError;
use super::outcome::{IntoOutcome, Outcome};
use super::outputs::Outputs;
use super::seat::Seat;
use super::wants::Wants;
use std::ops::Deref;

/// A handler over the state `S`. Implemented for functions; not to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of a service with state `{S}`",
    note = "a handler is an `async fn` of at most 8 arguments, not called (`on_tick`, not `on_tick()`)"
)]
pub trait Handler<Args, S: 'static>: Send + Sync + 'static {
    /// How many `Outputs` it takes.
    #[doc(hidden)]
    const OUTPUTS: usize;

    /// Whether anything may go out: by an argument or by what it returns.
    #[doc(hidden)]
    const EMITS: bool;

    /// The tables whose entries it takes: the first, and how many.
    #[doc(hidden)]
    const TABLE: (Option<TableOf>, usize);
    /// What its arguments want.
    #[doc(hidden)]
    const WANTS: Wants;

    /// Runs one attempt in a seat that owns all it lends, and gives the seat back.
    #[doc(hidden)]
    fn seated<H, St>(seat: Box<Seat<H, St>>) -> impl Future<Output = Box<Seat<H, St>>> + Send
    where
        H: Deref<Target = Self> + Send + Sync,
        St: Deref<Target = S> + Send + Sync;

    /// Runs one attempt that borrows what it is lent: for layers, which hold it on their stack.
    #[doc(hidden)]
    fn lent<'d>(
        &'d self,
        state: &'d S,
        input: &'d Input,
        outputs: &'d mut Outputs,
        entry: Option<&'d mut Lent>,
    ) -> impl Future<Output = Result<Outcome, HandlerError>> + Send;
}

impl<F, Args: 'static, S: Sync + 'static, O: IntoOutcome> Handler<Args, S> for F
where
    F: HandlerFn<Args>,
    <F as HandlerFn<Args>>::Returned: Awaited<Output = O>,
    F: Runs<Args, S, O> + Send + Sync + 'static,
{
    const OUTPUTS: usize = <F as Runs<Args, S, O>>::OUTPUTS;
    const EMITS: bool = <F as Runs<Args, S, O>>::OUTPUTS > 0 || O::EMITS;
    const TABLE: (Option<TableOf>, usize) = <F as Runs<Args, S, O>>::TABLE;
    const WANTS: Wants = <F as Runs<Args, S, O>>::WANTS;

    #[expect(clippy::manual_async_fn, reason = "an `async fn` here would not promise `Send` for all lifetimes")]
    fn seated<H, St>(mut seat: Box<Seat<H, St>>) -> impl Future<Output = Box<Seat<H, St>>> + Send
    where
        H: Deref<Target = Self> + Send + Sync,
        St: Deref<Target = S> + Send + Sync,
    {
        async move {
            let s = &mut *seat;
            // The started future borrows from the seat's other fields: it is matched on and never kept in a `let`, so
            // that the borrows end before the answer is written.
            #[expect(clippy::blocks_in_conditions, reason = "a `let` would keep the borrows of the started future alive")]
            let answer = match {
                let mut delivery = Delivery::seated(&*s.state, &s.input, &mut s.outputs, s.entry.as_deref_mut());
                s.handler.start(&mut delivery)
            } {
                Ok(started) => Ok(started.await),
                Err(rejection) => Err(rejection),
            };
            match answer {
                Ok(returned) => {
                    let outcome = returned.into_outcome(&mut s.outputs);
                    s.answer(outcome);
                }
                Err(rejection) => s.answer(Err(rejection.into_error())),
            }
            seat
        }
    }

    #[expect(clippy::manual_async_fn, reason = "an `async fn` here would not promise `Send` for all lifetimes")]
    fn lent<'d>(
        &'d self,
        state: &'d S,
        input: &'d Input,
        outputs: &'d mut Outputs,
        entry: Option<&'d mut Lent>,
    ) -> impl Future<Output = Result<Outcome, HandlerError>> + Send {
        async move {
            #[expect(clippy::blocks_in_conditions, reason = "as above: what is returned is written into the outputs")]
            let answer = match {
                let mut delivery = Delivery::seated(state, input, &mut *outputs, entry);
                self.start(&mut delivery)
            } {
                Ok(started) => Ok(started.await),
                Err(rejection) => Err(rejection),
            };
            match answer {
                Ok(returned) => returned.into_outcome(outputs),
                Err(rejection) => Err(rejection.into_error()),
            }
        }
    }
}

/// The shape of a handler: nothing but `Fn(A, B, …) -> R`.
#[doc(hidden)]
pub trait HandlerFn<Args> {
    /// What calling it gives.
    type Returned;
    /// Calls it.
    fn call(&self, args: Args) -> Self::Returned;
}

/// What calling a handler gives: a future. A name of its own, so that the compiler can say what is missing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler is `async`, but this one answers `{Self}` at once",
    label = "not `async`",
    note = "write `async fn`, or `async |event: Event<T>| …`"
)]
pub trait Awaited {
    /// What awaiting it gives.
    type Output;
}

#[diagnostic::do_not_recommend]
impl<F: Future> Awaited for F {
    type Output = F::Output;
}

/// The meaning of a handler: its arguments can be extracted and its future sent.
#[doc(hidden)]
pub trait Runs<Args, S: 'static, O> {
    /// How many `Outputs` it takes.
    const OUTPUTS: usize;
    /// The tables whose entries it takes: the first, and how many.
    const TABLE: (Option<TableOf>, usize);
    /// What its arguments want.
    const WANTS: Wants;
    /// Extracts the arguments and starts the handler.
    ///
    /// # Errors
    /// If an argument cannot be made.
    fn start<'d>(
        &self,
        delivery: &mut Delivery<'d, S>,
    ) -> Result<impl Future<Output = O> + Send + use<'d, Self, Args, S, O>, Rejection>;
}

macro_rules! arity {
    ($($arg:ident),*) => {
        impl<Func, R, $($arg),*> HandlerFn<($($arg,)*)> for Func
        where
            Func: Fn($($arg),*) -> R,
        {
            type Returned = R;
            #[allow(non_snake_case, reason = "arguments are named after their types")]
            #[inline(always)]
            fn call(&self, ($($arg,)*): ($($arg,)*)) -> R {
                self($($arg),*)
            }
        }

        impl<Func, S: 'static, O, $($arg),*> Runs<($($arg,)*), S, O> for Func
        where
            $($arg: Extract<S>,)*
            Func: for<'d> HandlerFn<($($arg::Item<'d>,)*), Returned: Future<Output = O> + Send>,
        {
            const OUTPUTS: usize = 0 $(+ <$arg as Extract<S>>::OUTPUTS)*;
            const TABLE: (Option<TableOf>, usize) =
                (TableOf::first(&[$(<$arg as Extract<S>>::TABLE),*]), 0 $(+ <$arg as Extract<S>>::TABLE.is_some() as usize)*);
            const WANTS: Wants = Wants::NOTHING $(.and(<$arg as Extract<S>>::WANTS))*;
            #[inline(always)]
            fn start<'d>(&self, delivery: &mut Delivery<'d, S>) -> Result<impl Future<Output = O> + Send + use<'d, Func, S, O, $($arg),*>, Rejection> {
                let _ = &delivery;
                Ok(self.call(($(<$arg as Extract<S>>::extract(delivery)?,)*)))
            }
        }
    };
}

arity!();
arity!(A);
arity!(A, B);
arity!(A, B, C);
arity!(A, B, C, D);
arity!(A, B, C, D, E);
arity!(A, B, C, D, E, G);
arity!(A, B, C, D, E, G, H);
arity!(A, B, C, D, E, G, H, I);
