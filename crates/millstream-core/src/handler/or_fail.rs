//! Owns what is said of a failure at the place where it happens. Leaves what is said of all errors of a type to the service.

use super::handler_error::HandlerError;
use crate::engine::Failure;
use std::borrow::Cow;

/// Says at the place whether a failure will pass: `.or_permanent("why")?`, `.or_transient("why")?`, on `Result` and
/// `Option`.
pub trait OrFail<T>: Sized {
    /// The value, or a failure that will be the same next time.
    ///
    /// # Errors
    /// If there is no value.
    fn or_permanent(self, why: impl Into<Cow<'static, str>>) -> Result<T, HandlerError>;

    /// The value, or a failure that may pass.
    ///
    /// # Errors
    /// If there is no value.
    fn or_transient(self, why: impl Into<Cow<'static, str>>) -> Result<T, HandlerError>;
}

impl<T> OrFail<T> for Option<T> {
    fn or_permanent(self, why: impl Into<Cow<'static, str>>) -> Result<T, HandlerError> {
        self.ok_or_else(|| HandlerError::permanent(why))
    }

    fn or_transient(self, why: impl Into<Cow<'static, str>>) -> Result<T, HandlerError> {
        self.ok_or_else(|| HandlerError::transient(why))
    }
}

impl<T, E: Into<HandlerError>> OrFail<T> for Result<T, E> {
    fn or_permanent(self, why: impl Into<Cow<'static, str>>) -> Result<T, HandlerError> {
        self.map_err(|error| error.into().with(Failure::Permanent, why.into()))
    }

    fn or_transient(self, why: impl Into<Cow<'static, str>>) -> Result<T, HandlerError> {
        self.map_err(|error| error.into().with(Failure::Transient, why.into()))
    }
}

/// Says at the place which errors of a `Result` will be the same next time, where a type alone does not tell:
/// `.or_permanent_if(|error| error.status() == 404)?`.
///
/// ```
/// # use millstream_core::handler::{Event, HandlerError, OrFailIf};
/// use std::io::{self, ErrorKind};
///
/// async fn on_order(order: Event<String>) -> Result<(), HandlerError> {
///     let terms = std::fs::read(&**order).or_permanent_if(|error: &io::Error| error.kind() == ErrorKind::NotFound)?;
/// #   drop(terms);
///     Ok(())
/// }
/// ```
pub trait OrFailIf<T, E>: Sized {
    /// The value, or a failure: one that will be the same next time if `will_be_same` says so, and else what it would be
    /// without this, by its type.
    ///
    /// # Errors
    /// If there is no value.
    fn or_permanent_if(self, will_be_same: impl FnOnce(&E) -> bool) -> Result<T, HandlerError>;
}

impl<T, E: Into<HandlerError>> OrFailIf<T, E> for Result<T, E> {
    fn or_permanent_if(self, will_be_same: impl FnOnce(&E) -> bool) -> Result<T, HandlerError> {
        self.map_err(|error| {
            let same = will_be_same(&error);
            let mut error: HandlerError = error.into();
            if same {
                error.classified(Failure::Permanent);
            }
            error
        })
    }
}
