//! Owns under which leaders what was read was written. A commit says it of its last record, and who reads on from there asks
//! whether the log still has it: a leader that had not all of the one before has other records at the same offsets.

use millstream_core::contract::Offset;
use std::collections::VecDeque;

/// The most changes of leaders between a commit and what is read. Past it the oldest are forgotten, and a commit as far back
/// says nothing, as one of an older broker does.
const MOST: usize = 64;

/// The leader epochs of one partition's records, each with the first record known of it, oldest first.
#[derive(Default)]
pub(super) struct Leaders(VecDeque<(Offset, i32)>);

impl Leaders {
    /// The record at `offset`, higher than those before, was written under `epoch`; nothing is known of it if negative.
    #[inline]
    pub(super) fn read(&mut self, offset: Offset, epoch: i32) {
        if self.0.back().is_none_or(|(_, last)| *last != epoch) {
            self.0.push_back((offset, epoch));
            if self.0.len() > MOST {
                self.0.pop_front();
            }
        }
    }

    /// Under which the last record below `next` was written, if it is known.
    pub(super) fn of_last_below(&self, next: Offset) -> Option<i32> {
        let below = self.0.iter().rev().find(|(first, _)| *first < next);
        below.map(|(_, epoch)| *epoch).filter(|epoch| *epoch >= 0)
    }

    /// Nobody asks for what lies further below `next` any more.
    pub(super) fn committed(&mut self, next: Offset) {
        while self.0.get(1).is_some_and(|(first, _)| *first < next) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaders(read: &[(Offset, i32)]) -> Leaders {
        let mut leaders = Leaders::default();
        read.iter().for_each(|(offset, epoch)| leaders.read(*offset, *epoch));
        leaders
    }

    #[test]
    fn a_commit_says_of_its_last_record_who_led_then() {
        let leaders = leaders(&[(3, 1), (4, 1), (9, 4), (10, 4)]);
        let of = |next| leaders.of_last_below(next);
        assert_eq!(
            [of(3), of(4), of(5), of(9), of(10), of(11), of(99)],
            [None, Some(1), Some(1), Some(1), Some(4), Some(4), Some(4)]
        );
    }

    #[test]
    fn what_is_unknown_of_a_record_is_not_said_of_it() {
        let leaders = leaders(&[(0, 2), (1, -1), (2, 3)]);
        assert_eq!([1, 2, 3].map(|next| leaders.of_last_below(next)), [Some(2), None, Some(3)]);
    }

    #[test]
    fn what_a_commit_needs_again_is_kept_and_what_lies_below_is_not() {
        let mut leaders = leaders(&[(0, 1), (5, 2), (8, 3)]);
        leaders.committed(6);
        assert_eq!(leaders.of_last_below(6), Some(2));
        assert_eq!(leaders.of_last_below(5), None);
        leaders.committed(8);
        assert_eq!(leaders.of_last_below(8), Some(2), "the last record of a leader is below the first of the next");
    }

    #[test]
    fn leaders_that_change_all_the_time_take_no_room_without_end() {
        let mut leaders = Leaders::default();
        (0..1_000).for_each(|offset| leaders.read(offset, i32::try_from(offset).expect("small")));
        assert_eq!(leaders.0.len(), MOST);
        assert_eq!(leaders.of_last_below(1_000), Some(999));
    }
}
