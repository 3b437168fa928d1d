//! Owns what can go wrong: a sentence that says what did, and what to do where something is missing.

use std::fmt;

/// A service could not be started, reached or ended.
///
/// A sentence, not a kind: nobody decides by it, people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// For `map_err`: says which file, command or port it was.
pub(crate) fn at<E: fmt::Display>(place: impl fmt::Display) -> impl FnOnce(E) -> Error {
    move |error| Error(format!("{place}: {error}"))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.0
    }
}
