//! Owns what a sink's world gives so that it is examined. Leaves the cases to `cases`, how letters are written and read back
//! to the world.

mod cases;

pub(super) use cases::cases;

use super::Excuse;
use millstream_core::contract::{DeadLetter, ErrorSink, Record};
use millstream_core::topic::Topic;

/// Where the letters of one case go: empty, or with a topic that no other case has.
pub trait World {
    /// What takes them.
    type Sink: ErrorSink;

    /// A sink. May be called again when an earlier one is gone.
    fn sink(&self) -> impl Future<Output = Self::Sink>;

    /// All letters that are kept, read past the sink.
    fn kept(&self) -> impl Future<Output = Vec<Kept>>;

    /// The topic whose records become letters. Default: `shared.orders`.
    fn topic(&self) -> Topic {
        Topic::literal("shared.orders")
    }

    /// Makes of `letter` one that the sink refuses for good, or answers why there is none. Default: there is none.
    ///
    /// # Errors
    /// The reason; the case is then ignored.
    fn refused(&self, letter: DeadLetter) -> Result<DeadLetter, Excuse> {
        let _ = letter;
        Err("the harness knows no letter that its sink refuses".into())
    }

    /// Takes what is behind the sink away, or gives it back. Default: it cannot be taken away.
    ///
    /// # Errors
    /// The reason; the case is then ignored.
    fn away(&self, away: bool) -> impl Future<Output = Result<(), Excuse>> {
        let _ = away;
        async { Err("the harness cannot take the store away".into()) }
    }
}

/// A letter as it lies where it was written to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Kept {
    /// The name under which a second writing of the same letter is known.
    pub id: String,
    /// Key, value, headers and timestamp.
    pub record: Record,
}

impl Kept {
    /// A letter found.
    pub fn new(id: impl Into<String>, record: Record) -> Self {
        Kept { id: id.into(), record }
    }
}
