//! Owns what a handler's arguments want of the topics it reads and of how records are read, so that `build()` can refuse
//! what no record would ever have.

/// What arguments want, all of them together.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants(u8);

impl Wants {
    /// Nothing that a record may lack.
    pub const NOTHING: Wants = Wants(0);
    /// A namespace.
    pub const NAMESPACE: Wants = Wants(1);
    /// A value without an envelope.
    pub const BARE: Wants = Wants(2);

    /// All that either wants.
    #[must_use]
    pub const fn and(self, other: Wants) -> Wants {
        Wants(self.0 | other.0)
    }

    /// Whether all of `other` is wanted.
    #[must_use]
    pub const fn has(self, other: Wants) -> bool {
        self.0 & other.0 == other.0
    }
}
