//! Owns which shapes of outputs a handler may return: one, perhaps one, many, or several of different types.

use super::emit::{AnyEmit, Emit};
use super::emit_error::EmitError;
use super::handler_error::HandlerError;
use super::outcome::{IntoOutcome, Outcome};
use super::outputs::Outputs;
use crate::envelope::EventData;
use serde::Serialize;

/// Outputs that a handler may return: an [`Emit`], and an `Option`, `Vec`, array or tuple of them. They go out in order,
/// behind those of [`Outputs::emit`], if the attempt succeeds.
#[diagnostic::on_unimplemented(
    message = "a handler cannot send out a `{Self}` by returning it",
    label = "not an output",
    note = "return `Emit::to(FILLED, data)`, or an `Option`, `Vec`, array or tuple of them; in one `Vec` different types are `emit.erased()`",
    note = "a handler that sends nothing out returns `()`, or `Result<(), HandlerError>`"
)]
pub trait IntoOutputs {
    /// Emits them.
    ///
    /// # Errors
    /// If one of them is refused. Those before it are in the list then; the attempt fails, and none goes out.
    fn put_into(self, out: &mut Outputs) -> Result<(), EmitError>;
}

impl<T: EventData + Serialize> IntoOutputs for Emit<T> {
    fn put_into(self, out: &mut Outputs) -> Result<(), EmitError> {
        self.emit(out).map(drop)
    }
}

impl IntoOutputs for AnyEmit {
    fn put_into(self, out: &mut Outputs) -> Result<(), EmitError> {
        self.emit(out).map(drop)
    }
}

impl<O: IntoOutputs> IntoOutputs for Option<O> {
    fn put_into(self, out: &mut Outputs) -> Result<(), EmitError> {
        self.map_or(Ok(()), |output| output.put_into(out))
    }
}

impl<O: IntoOutputs> IntoOutputs for Vec<O> {
    fn put_into(self, out: &mut Outputs) -> Result<(), EmitError> {
        self.into_iter().try_for_each(|output| output.put_into(out))
    }
}

impl<O: IntoOutputs, const N: usize> IntoOutputs for [O; N] {
    fn put_into(self, out: &mut Outputs) -> Result<(), EmitError> {
        self.into_iter().try_for_each(|output| output.put_into(out))
    }
}

macro_rules! tuples {
    ($(($($output:ident),*))*) => {$(
        impl<$($output: IntoOutputs),*> IntoOutputs for ($($output,)*) {
            #[expect(non_snake_case, reason = "outputs are named after their types")]
            fn put_into(self, out: &mut Outputs) -> Result<(), EmitError> {
                let ($($output,)*) = self;
                $($output.put_into(out)?;)*
                Ok(())
            }
        }
    )*};
}

tuples! { (A, B) (A, B, C) (A, B, C, D) }

// Shape by shape: for all `IntoOutputs` at once would meet `Result` and `Outcome`.
macro_rules! outcomes {
    ($([$($of:tt)*] $outputs:ty;)*) => {$(
        impl<$($of)*> IntoOutcome for $outputs
        where
            $outputs: IntoOutputs,
        {
            const EMITS: bool = true;

            fn into_outcome(self, out: &mut Outputs) -> Result<Outcome, HandlerError> {
                self.put_into(out)?;
                Ok(Outcome::Done)
            }
        }
    )*};
}

outcomes! {
    [T] Emit<T>;
    [] AnyEmit;
    [O] Option<O>;
    [O] Vec<O>;
    [O, const N: usize] [O; N];
    [A, B] (A, B);
    [A, B, C] (A, B, C);
    [A, B, C, D] (A, B, C, D);
}
