//! How far a fold has come in its account's sequence.
//!
//! A deduplicator promises less than a fold needs: what is done while its store is down ends at a shutdown without a mark, and
//! what a producer then sends twice is handled twice. State that is kept with its own position needs no more than the order in
//! which records of a key come. Owns that position. Leaves what is folded to `desk`, `risk` and `portfolio`.

use serde::{Deserialize, Serialize};

/// The highest sequence that is in a fold; sequences begin at 1 and rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upto(u64);

impl Upto {
    /// Goes on to `sequence`; false if that is in the fold already.
    pub(crate) fn advance(&mut self, sequence: u64) -> bool {
        let is_new = sequence > self.0;
        self.0 = self.0.max(sequence);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_been_passed_is_not_new() {
        let mut upto = Upto::default();
        let new = [1, 1, 16, 3, 16, 17].map(|sequence| upto.advance(sequence));
        assert_eq!(new, [true, false, true, false, false, true]);
    }
}
