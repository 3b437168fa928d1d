//! The desk of one instrument: its window, and what the strategies say to each tick.
//!
//! Owns the order of things within a tick: strategies see the prices before it, then it joins them; and the name of the
//! table in which the framework keeps desks. Leaves the strategies to `strategies` and publishing to the strategy runner.

use millstream::prelude::{Sibling, TableEntry};
use serde::{Deserialize, Serialize};

use crate::events::{Signal, Tick};
use crate::strategies::{Strategy, signals};
use crate::topics::DESKS;
use crate::upto::Upto;
use crate::window::Window;

/// One instrument's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Desk {
    pub(crate) upto: Upto,
    window: Window,
}

impl TableEntry for Desk {
    const TABLE: Sibling = DESKS;
}

impl Desk {
    /// Takes a tick in and returns what the strategies make of it.
    pub(crate) fn take(&mut self, book: &[Strategy], tick: &Tick) -> Vec<Signal> {
        let signals = signals(book, &self.window, tick);
        self.window.push(tick.mid());
        signals
    }
}
