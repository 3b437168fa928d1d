//! Owns the catching of panics in users' code: a handler's around each call and poll, a filter's, an error's own text; so
//! that exactly one record is at fault.
//!
//! A panic prints up to 70 lines through the process's hook; a storm of them drowned seven million lines in a test. So
//! while a handler runs, the hook is silent and the service reports the panic once, with the record. Panics elsewhere
//! reach the hook that was there before.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Makes the process's panic hook silent while a handler runs on the panicking thread. Done once, by the first service.
pub(crate) fn install_hook() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                before(info);
            }
        }));
    });
}

/// Runs `work`, a handler's; a panic becomes a sentence.
#[inline]
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    contained(work).map_err(sentence)
}

/// Runs `work`, a user's; a panic becomes its words.
#[inline]
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = INSIDE.replace(true);
    // What a panicking handler leaves half-changed is its own state; the framework's is not touched inside.
    let result = catch_unwind(AssertUnwindSafe(work)).map_err(words);
    INSIDE.set(before);
    result
}

#[cold]
fn sentence(words: String) -> String {
    format!("the handler panicked: {words}")
}

#[cold]
fn words(panic: Box<dyn Any + Send>) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let words = words.unwrap_or("(no text)").to_owned();
    // A panic may carry anything, also what panics when it is dropped. What that one carries is left alone.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    words
}
