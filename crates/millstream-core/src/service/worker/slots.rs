//! Owns the attempts that are pending: which slots are free, their wakers, and their deadlines.

use crate::clock::MonoTime;
use crate::contract::Offset;
use crate::service::cell::Cell;
use crate::service::ready::Ready;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// The slots of one worker.
pub(super) struct SlotTable {
    limit: usize,
    free: Vec<usize>,
    wakers: Vec<Waker>,
    occupant: Vec<Option<(Offset, u64)>>,
    began: Vec<MonoTime>,
    pub(super) ready: Arc<Ready>,
    deadlines: VecDeque<(MonoTime, usize, u64)>,
    next_ticket: u64,
    running: usize,
}

impl SlotTable {
    pub(super) fn new(limit: usize, cell: Arc<Cell>) -> Self {
        SlotTable {
            limit,
            free: Vec::new(),
            wakers: Vec::new(),
            occupant: Vec::new(),
            began: Vec::new(),
            ready: Ready::new(limit, cell),
            deadlines: VecDeque::new(),
            next_ticket: 0,
            running: 0,
        }
    }

    /// A slot that is free now, without taking it; `None` if all are taken. Grows by doubling.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<usize> {
        match self.free.last() {
            Some(&slot) => Some(slot),
            None => self.grow(),
        }
    }

    #[cold]
    fn grow(&mut self) -> Option<usize> {
        let have = self.wakers.len();
        let want = (have * 2).max(4).min(self.limit);
        for slot in (have..want).rev() {
            self.free.push(slot);
        }
        for slot in have..want {
            self.wakers.push(self.ready.waker(slot));
            self.occupant.push(None);
            self.began.push(MonoTime::ZERO);
        }
        self.free.last().copied()
    }

    /// How many slots exist.
    pub(super) fn len(&self) -> usize {
        self.wakers.len()
    }

    /// The slot's waker.
    #[inline]
    pub(super) fn waker(&self, slot: usize) -> &Waker {
        &self.wakers[slot]
    }

    /// When the slot's attempt went pending, by the clock of its turn.
    pub(super) fn began(&self, slot: usize) -> MonoTime {
        self.began[slot]
    }

    /// Takes the slot that [`peek`](Self::peek) gave, for the record at `offset`, from `now` until `deadline`.
    pub(super) fn take(&mut self, slot: usize, offset: Offset, now: MonoTime, deadline: MonoTime) {
        debug_assert_eq!(self.free.last(), Some(&slot), "the slot that was peeked at is taken");
        self.free.pop();
        self.next_ticket += 1;
        if self.deadlines.len() > 2 * self.wakers.len() + 64 {
            // One attempt that hangs keeps the deadlines of all that ended after it: drop those now and then.
            let occupant = &self.occupant;
            self.deadlines.retain(|&(_, slot, ticket)| occupant[slot].is_some_and(|(_, current)| current == ticket));
        }
        self.occupant[slot] = Some((offset, self.next_ticket));
        self.began[slot] = now;
        // One time-out for all attempts makes deadlines monotone: a queue, no wheel.
        self.deadlines.push_back((deadline, slot, self.next_ticket));
        self.running += 1;
    }

    /// Gives a slot back; answers whose it was.
    pub(super) fn give_back(&mut self, slot: usize) -> Option<Offset> {
        let (offset, _) = self.occupant[slot].take()?;
        self.free.push(slot);
        self.running -= 1;
        if self.running == 0 {
            self.deadlines.clear();
        }
        Some(offset)
    }

    /// Whose the slot is.
    pub(super) fn occupant(&self, slot: usize) -> Option<Offset> {
        self.occupant[slot].map(|(offset, _)| offset)
    }

    /// How many attempts are pending.
    #[inline]
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// A slot whose deadline has passed.
    pub(super) fn expired(&mut self, now: MonoTime) -> Option<usize> {
        while let Some(&(deadline, slot, ticket)) = self.deadlines.front() {
            let live = self.occupant[slot].is_some_and(|(_, current)| current == ticket);
            if live && deadline > now {
                return None;
            }
            self.deadlines.pop_front();
            if live {
                return Some(slot);
            }
        }
        None
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&mut self) -> Option<MonoTime> {
        while let Some(&(deadline, slot, ticket)) = self.deadlines.front() {
            if self.occupant[slot].is_some_and(|(_, current)| current == ticket) {
                return Some(deadline);
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// All slots that are taken.
    pub(super) fn taken(&self) -> Vec<usize> {
        (0..self.occupant.len()).filter(|&slot| self.occupant[slot].is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Epoch;

    #[test]
    fn one_attempt_that_hangs_does_not_keep_the_deadlines_of_all_others() {
        let mut slots = SlotTable::new(8, Cell::new(Epoch(1), 0, Arc::default(), Arc::default()));
        let hangs = slots.peek().expect("a free slot");
        slots.take(hangs, 0, MonoTime::ZERO, MonoTime::from_millis(1));
        for offset in 1..10_000 {
            let slot = slots.peek().expect("a free slot");
            slots.take(slot, offset, MonoTime::ZERO, MonoTime::from_millis(1 + offset));
            assert_eq!(slots.give_back(slot), Some(offset));
        }
        assert!(slots.deadlines.len() <= 128, "{} deadlines", slots.deadlines.len());
        assert_eq!(slots.expired(MonoTime::from_millis(1)), Some(hangs));
    }
}
