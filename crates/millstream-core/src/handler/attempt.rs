//! Owns the number of an attempt, as a handler may take it. Leaves counting to the engine.

use std::fmt;

/// Which handler call this is for the record, from 1: a handler that takes it can do less, or ask elsewhere, when it is
/// called again.
///
/// Counted in one ownership session: after a crash or a rebalance it begins again. A call that follows a deferral has the
/// number of the call that deferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(u32);

impl Attempt {
    /// The first one, as a unit test gives it.
    pub const FIRST: Attempt = Attempt(1);

    /// The attempt with this number, from 1; 0 counts as 1.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Attempt(if number == 0 { 1 } else { number })
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether it is the first.
    #[must_use]
    pub const fn is_first(self) -> bool {
        self.0 == 1
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
