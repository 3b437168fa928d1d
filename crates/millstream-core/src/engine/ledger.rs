//! Owns one epoch's memory of what is settled, and the watermark that follows from it. Leaves why a record is settled to
//! the service, and when to commit the watermark to `commits`.
//!
//! A bit per admitted offset: set while the record is open. Words of 64 bits are kept in offset order and dropped from
//! the front as the watermark rises. Words that no record was admitted into do not exist, so a gap of any width (I4, F19)
//! costs nothing and memory is bounded by what was admitted, at most 16 bytes a record.

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
    /// In rising order; the first has an open bit. Words in the middle may be empty.
    words: VecDeque<Word>,
    watermark: Offset,
    next: Offset,
    in_flight: u64,
}

impl Ledger {
    /// An empty ledger of an epoch that starts at offset `at`.
    pub fn new(at: Offset) -> Self {
        Ledger { words: VecDeque::new(), watermark: at, next: at, in_flight: 0 }
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
        let last = run.end - 1;
        let (mut index, end) = (first / 64, last / 64);
        let mut mask = !0 << (first % 64);
        if let Some(word) = self.words.back_mut().filter(|word| word.index == index) {
            if index == end {
                mask &= up_to(last);
            }
            word.open |= mask;
            index += 1;
            mask = !0;
        }
        while index <= end {
            if index == end {
                mask &= up_to(last);
            }
            self.words.push_back(Word { index, open: mask });
            mask = !0;
            index += 1;
        }
        if self.in_flight == 0 {
            self.watermark = first;
        }
        let admitted = run.end - first;
        self.in_flight += admitted;
        self.next = run.end;
        admitted
    }

    /// Takes note that everything below `next` is delivered or does not exist (F107). Never moves back.
    #[inline]
    pub fn advance(&mut self, next: Offset) {
        if next > self.next {
            self.next = next;
            if self.in_flight == 0 {
                self.watermark = next;
            }
        }
    }

    /// Settles every open record in `range` and answers how many that were. Offsets settled before, not admitted or
    /// nonexistent are not counted, so repeating is harmless.
    #[inline]
    pub fn settle(&mut self, range: Range<Offset>) -> u64 {
        let start = range.start.max(self.watermark);
        let end = range.end.min(self.next);
        if start >= end || self.in_flight == 0 {
            return 0;
        }
        if start == self.watermark && end == self.next {
            // Everything at once, the usual case: no bit needs a look.
            self.words.clear();
            self.watermark = self.next;
            return std::mem::take(&mut self.in_flight);
        }
        self.settle_some(start, end - 1)
    }

    fn settle_some(&mut self, first: Offset, last: Offset) -> u64 {
        let (index, end) = (first / 64, last / 64);
        let at = self.position(index);
        let mut settled = 0;
        for word in self.words.range_mut(at..) {
            if word.index > end {
                break;
            }
            let mut mask = !0;
            if word.index == index {
                mask = !0 << (first % 64);
            }
            if word.index == end {
                mask &= up_to(last);
            }
            let hit = word.open & mask;
            settled += if hit == !0 { 64 } else { u64::from(hit.count_ones()) };
            word.open &= !mask;
        }
        self.in_flight -= settled;
        if first == self.watermark {
            self.rise();
        }
        settled
    }

    /// Drops empty words from the front and finds the lowest open offset.
    fn rise(&mut self) {
        while let Some(word) = self.words.front() {
            if word.open != 0 {
                self.watermark = word.index * 64 + u64::from(word.open.trailing_zeros());
                return;
            }
            self.words.pop_front();
        }
        self.watermark = self.next;
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
        word.is_some_and(|word| word.open >> (offset % 64) & 1 == 1)
    }

    /// The committable offset: the lowest open one, or the next to read.
    #[inline]
    pub fn watermark(&self) -> Offset {
        self.watermark
    }

    /// The next offset to read: everything below is admitted or does not exist.
    #[inline]
    pub fn next(&self) -> Offset {
        self.next
    }

    /// How many records are admitted and not settled.
    #[inline]
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// How many offsets lie between the watermark and the next to read.
    #[inline]
    pub fn span(&self) -> u64 {
        self.next - self.watermark
    }

    /// The lowest open offset, if any record is open.
    #[inline]
    pub fn first_open(&self) -> Option<Offset> {
        (self.in_flight > 0).then_some(self.watermark)
    }

    fn open_words(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(|word| word.open != 0)
    }
}

/// The bits of a word up to that of `last`, included.
#[inline]
fn up_to(last: Offset) -> u64 {
    !0 >> (63 - last % 64)
}

impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        (self.watermark, self.next, self.in_flight) == (other.watermark, other.next, other.in_flight)
            && self.open_words().eq(other.open_words())
    }
}

impl Eq for Ledger {}

impl Hash for Ledger {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.watermark, self.next, self.in_flight).hash(state);
        self.open_words().for_each(|word| word.hash(state));
    }
}

#[cfg(test)]
mod tests;
