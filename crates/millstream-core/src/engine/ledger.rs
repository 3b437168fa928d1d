//! Owns one epoch's memory of what is settled, and the watermark that follows from it. Leaves why a record is settled to
//! the service, and when to commit the watermark to `commits`.
//!
//! The records admitted last are mostly open without a hole, so they are kept as one run; settling its beginning, the usual
//! case, moves one number. Below the run lies a bit per offset, set while the record is open: words of 64 bits in offset
//! order, dropped from the front as the watermark rises. Words without an admitted record do not exist, so a gap of any
//! width (I4, F19) costs nothing, and memory is bounded by what was admitted, at most 16 bytes a record.

use crate::contract::Offset;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// Sixty-four neighbouring offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Word {
    /// The first offset divided by 64.
    index: u64,
    /// Bit n is set while offset `index * 64 + n` is admitted and not settled.
    open: u64,
}

/// What is admitted and what is settled in one epoch of one partition.
///
/// The watermark is the lowest open offset, or `next` if none is open (I2, I4): only it may be committed (F02, F14, F15).
/// Two ledgers are equal if they answer every question alike.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// In rising order, all below the run; the first has an open bit. Words in the middle may be empty.
    words: VecDeque<Word>,
    /// How many records are open in the words, and the lowest of them.
    below: u64,
    lowest: Offset,
    /// The run: all of it is open.
    start: Offset,
    end: Offset,
    next: Offset,
}

impl Ledger {
    /// An empty ledger of an epoch that starts at offset `at`.
    pub fn new(at: Offset) -> Self {
        Ledger { words: VecDeque::new(), below: 0, lowest: at, start: at, end: at, next: at }
    }

    /// Admits the record at `offset`. Answers false, and changes nothing, if it lies below [`next`](Self::next): a
    /// transport that yields a record twice breaks its contract (C3), and a settled record is never opened again.
    pub fn admit(&mut self, offset: Offset) -> bool {
        self.admit_run(offset..offset.saturating_add(1)) == 1
    }

    /// Admits the records at all offsets of `run` and answers how many that were; those below [`next`](Self::next) are
    /// left out. Offsets skipped since the last admission do not exist, because the transport delivers in order (I4).
    #[inline]
    pub fn admit_run(&mut self, run: Range<Offset>) -> u64 {
        let first = run.start.max(self.next);
        if first >= run.end {
            return 0;
        }
        if first != self.end {
            self.spill(self.end);
            self.start = first;
        }
        self.end = run.end;
        self.next = run.end;
        run.end - first
    }

    /// Takes note that everything below `next` is delivered or does not exist (F107). Never moves back.
    #[inline]
    pub fn advance(&mut self, next: Offset) {
        self.next = self.next.max(next);
    }

    /// Settles every open record in `range` and answers how many that were. Offsets settled before, not admitted or
    /// nonexistent are not counted, so repeating is harmless.
    #[inline]
    pub fn settle(&mut self, range: Range<Offset>) -> u64 {
        let mut settled = 0;
        if self.below > 0 && range.start < self.start {
            settled = self.settle_below(range.start, range.end.min(self.start));
        }
        let (first, end) = (range.start.max(self.start), range.end.min(self.end));
        if first < end {
            self.spill(first);
            self.start = end;
            settled += end - first;
        }
        settled
    }

    /// Moves the run's records below `to` into words.
    #[inline]
    fn spill(&mut self, to: Offset) {
        if self.start < to {
            self.spill_some(to - 1);
        }
    }

    fn spill_some(&mut self, last: Offset) {
        if self.below == 0 {
            self.lowest = self.start;
        }
        self.below += last + 1 - self.start;
        let end = last / 64;
        let mut mask = !0 << (self.start % 64);
        for index in self.start / 64..=end {
            if index == end {
                mask &= up_to(last);
            }
            match self.words.back_mut().filter(|word| word.index == index) {
                Some(word) => word.open |= mask,
                None => self.words.push_back(Word { index, open: mask }),
            }
            mask = !0;
        }
        self.start = last + 1;
    }

    fn settle_below(&mut self, start: Offset, end: Offset) -> u64 {
        let first = start.max(self.lowest);
        if first >= end {
            return 0;
        }
        let last = end - 1;
        let mut settled = 0;
        let at = self.position(first / 64);
        for word in self.words.range_mut(at..) {
            if word.index > last / 64 {
                break;
            }
            let mut mask = !0;
            if word.index == first / 64 {
                mask = !0 << (first % 64);
            }
            if word.index == last / 64 {
                mask &= up_to(last);
            }
            settled += u64::from((word.open & mask).count_ones());
            word.open &= !mask;
        }
        self.below -= settled;
        if first == self.lowest {
            self.rise();
        }
        settled
    }

    /// Drops empty words from the front and finds the lowest open offset in the rest.
    fn rise(&mut self) {
        while let Some(word) = self.words.front() {
            if word.open != 0 {
                self.lowest = word.index * 64 + u64::from(word.open.trailing_zeros());
                return;
            }
            self.words.pop_front();
        }
    }

    /// Where the first word with this index or a higher one is.
    fn position(&self, index: u64) -> usize {
        let Some(front) = self.words.front() else { return 0 };
        // Without gaps the word lies where its distance from the front says; gaps only move words towards the front.
        let guess = usize::try_from(index.saturating_sub(front.index)).unwrap_or(usize::MAX);
        if self.words.get(guess).is_some_and(|word| word.index == index) {
            return guess;
        }
        self.words.partition_point(|word| word.index < index)
    }

    /// Whether the record at `offset` is admitted and not settled.
    #[inline]
    pub fn is_open(&self, offset: Offset) -> bool {
        let word = self.words.get(self.position(offset / 64)).filter(|word| word.index == offset / 64);
        (self.start..self.end).contains(&offset) || word.is_some_and(|word| word.open >> (offset % 64) & 1 == 1)
    }

    /// The committable offset: the lowest open one, or the next to read.
    #[inline]
    pub fn watermark(&self) -> Offset {
        if planted!(B01) {
            return self.start;
        }
        if self.below > 0 {
            self.lowest
        } else if self.start < self.end {
            self.start
        } else {
            self.next
        }
    }

    /// The next offset to read: everything below is admitted or does not exist.
    #[inline]
    pub fn next(&self) -> Offset {
        self.next
    }

    /// How many records are admitted and not settled.
    #[inline]
    pub fn in_flight(&self) -> u64 {
        self.below + (self.end - self.start)
    }

    /// How many offsets lie between the watermark and the next to read.
    #[inline]
    pub fn span(&self) -> u64 {
        self.next - self.watermark()
    }

    /// The lowest open offset, if any record is open.
    #[inline]
    pub fn first_open(&self) -> Option<Offset> {
        (self.in_flight() > 0).then(|| self.watermark())
    }

    /// The open records, as words however they are kept.
    fn open(&self) -> Vec<Word> {
        let mut all = self.clone();
        all.spill(all.end);
        all.words.into_iter().filter(|word| word.open != 0).collect()
    }
}

/// The bits of a word up to that of `last`, included.
#[inline]
fn up_to(last: Offset) -> u64 {
    !0 >> (63 - last % 64)
}

impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        self.next == other.next && self.open() == other.open()
    }
}

impl Eq for Ledger {}

impl Hash for Ledger {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.next.hash(state);
        self.open().hash(state);
    }
}

#[cfg(test)]
mod tests;
