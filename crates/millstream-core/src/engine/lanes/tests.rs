//! What lanes promise, against a naive model: a list of all records not yet done, of which the first of each key runs.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

const KEY: LaneKey = LaneKey(7);

fn hash_of(lanes: &Lanes) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(lanes)
}

#[test]
fn the_next_waiting_record_holds_the_key_without_a_moment_of_freedom() {
    let mut lanes = Lanes::new();
    assert!(lanes.lock(KEY, 3));
    lanes.wait(KEY, 5);
    lanes.wait(KEY, 8);
    assert_eq!(lanes.unlock(KEY, 3), Some(5));
    assert!(lanes.is_locked(KEY));
    assert_eq!((lanes.holder(KEY), lanes.waiting()), (Some(5), 1));
    assert_eq!(lanes.unlock(KEY, 5), Some(8));
    assert_eq!(lanes.unlock(KEY, 8), None);
    assert!(lanes.is_empty() && !lanes.is_locked(KEY));
    assert_eq!(lanes.waiting(), 0);
}

#[test]
fn a_record_that_does_not_hold_the_key_cannot_free_it() {
    let mut lanes = Lanes::new();
    lanes.lock(KEY, 3);
    lanes.wait(KEY, 5);
    assert_eq!(lanes.unlock(KEY, 5), None);
    assert_eq!(lanes.unlock(LaneKey(8), 3), None);
    assert_eq!((lanes.holder(KEY), lanes.waiting(), lanes.locked()), (Some(3), 1, 1));
}

#[test]
fn a_busy_key_is_not_locked_by_another() {
    let mut lanes = Lanes::new();
    assert!(lanes.lock(KEY, 3));
    assert!(!lanes.lock(KEY, 5));
    assert!(lanes.lock(KEY, 3), "its holder still holds it");
    assert_eq!(lanes.holder(KEY), Some(3));
}

#[test]
fn followers_wait_in_offset_order_whenever_they_come() {
    let mut lanes = Lanes::new();
    lanes.lock(KEY, 1);
    for offset in [9, 4, 12, 6] {
        lanes.wait(KEY, offset);
    }
    assert_eq!(lanes.take_waiting(KEY), [4, 6, 9, 12]);
}

#[test]
fn parked_followers_leave_the_key_to_their_predecessor() {
    let mut lanes = Lanes::new();
    lanes.lock(KEY, 3);
    lanes.wait(KEY, 5);
    lanes.lock(LaneKey(8), 4);
    lanes.wait(LaneKey(8), 6);
    assert_eq!(lanes.take_waiting(KEY), [5]);
    assert_eq!((lanes.waiting(), lanes.holder(KEY)), (1, Some(3)));
    assert_eq!(lanes.take_waiting(LaneKey(99)), Vec::<u64>::new());
    assert_eq!(lanes.unlock(KEY, 3), None);
}

#[test]
#[should_panic(expected = "only behind a holder")]
fn nobody_waits_for_a_free_key() {
    Lanes::new().wait(KEY, 5);
}

#[test]
fn a_lane_without_followers_holds_no_heap_and_emptied_queues_are_used_again() {
    let mut lanes = Lanes::new();
    lanes.lock(KEY, 1);
    assert_eq!(lanes.lanes[&KEY.0].waiting.capacity(), 0);
    lanes.wait(KEY, 2);
    lanes.unlock(KEY, 1);
    lanes.unlock(KEY, 2);
    assert_eq!(lanes.spare.len(), 1);
    lanes.lock(LaneKey(8), 3);
    lanes.wait(LaneKey(8), 4);
    assert_eq!(lanes.spare.len(), 0);
    assert!(lanes.lanes[&8].waiting.capacity() > 0);
}

#[test]
fn a_lane_that_had_no_followers_leaves_no_queue_behind() {
    let mut lanes = Lanes::new();
    lanes.lock(KEY, 1);
    lanes.unlock(KEY, 1);
    assert_eq!(lanes.spare.len(), 0);
}

#[test]
fn a_key_is_its_own_hash() {
    for key in [0, 7, 1 << 63, u64::MAX] {
        assert_eq!(BuildHasherDefault::<Identity>::default().hash_one(key), key);
    }
}

#[test]
fn spare_queues_are_bounded() {
    let mut lanes = Lanes::new();
    for key in 0..1_000 {
        lanes.lock(LaneKey(key), 1);
        lanes.wait(LaneKey(key), 2);
    }
    for key in 0..1_000 {
        lanes.unlock(LaneKey(key), 1);
        lanes.unlock(LaneKey(key), 2);
    }
    assert_eq!(lanes.spare.len(), SPARE_QUEUES);
    assert_eq!(lanes, Lanes::new(), "spares are not part of the value");
}

#[test]
fn equal_lanes_hash_alike_whatever_the_order_of_locking() {
    let (mut up, mut down) = (Lanes::new(), Lanes::new());
    // The wider table keeps its entries in another order.
    for key in 1_000..3_000 {
        down.lock(LaneKey(key), key);
    }
    for key in 1_000..3_000 {
        down.unlock(LaneKey(key), key);
    }
    for key in 0..200 {
        up.lock(LaneKey(key * 31), key);
        down.lock(LaneKey((199 - key) * 31), 199 - key);
    }
    assert_eq!(up, down);
    assert_eq!(hash_of(&up), hash_of(&down));
    down.wait(LaneKey(31), 500);
    assert_ne!(up, down);
    assert_ne!(hash_of(&up), hash_of(&down));
}

/// A partition run by lanes: records come in order, running ones end or fail in any order.
#[derive(Default)]
struct Partition {
    lanes: Lanes,
    keys: BTreeMap<Offset, LaneKey>,
    running: BTreeSet<Offset>,
    /// All starts of a key, retries included.
    starts: BTreeMap<LaneKey, Vec<Offset>>,
    done: BTreeSet<Offset>,
}

impl Partition {
    fn start(&mut self, offset: Offset) {
        let key = self.keys[&offset];
        self.starts.entry(key).or_default().push(offset);
        self.running.insert(offset);
    }

    fn deliver(&mut self, offset: Offset, key: LaneKey) {
        self.keys.insert(offset, key);
        if self.lanes.is_locked(key) {
            self.lanes.wait(key, offset);
        } else {
            assert!(self.lanes.lock(key, offset));
            self.start(offset);
        }
    }

    fn complete(&mut self, offset: Offset) {
        self.running.remove(&offset);
        self.done.insert(offset);
        if let Some(next) = self.lanes.unlock(self.keys[&offset], offset) {
            self.start(next);
        }
    }

    /// The model: of the records of a key that are not done, exactly the first runs.
    fn agrees_with_the_model(&self) {
        let mut first = BTreeMap::new();
        let open = self.keys.iter().filter(|(offset, _)| !self.done.contains(offset));
        let mut waiting = 0;
        for (offset, key) in open {
            waiting += usize::from(first.contains_key(key));
            first.entry(*key).or_insert(*offset);
        }
        assert_eq!(self.running, first.values().copied().collect());
        assert_eq!((self.lanes.locked(), self.lanes.waiting()), (first.len(), waiting));
        assert!(first.iter().all(|(key, offset)| self.lanes.holder(*key) == Some(*offset)));
        assert_eq!(self.lanes.is_empty(), first.is_empty());
    }
}

proptest! {
    #[test]
    fn starts_of_a_key_follow_offset_order_and_exactly_one_runs(
        steps in prop::collection::vec((0..10u8, 0..5u64, any::<prop::sample::Index>()), 1..300),
    ) {
        let mut partition = Partition::default();
        let mut offset = 0;
        for (what, key, pick) in steps {
            let running: Vec<Offset> = partition.running.iter().copied().collect();
            match what {
                0..=4 => {
                    offset += 1 + key;
                    partition.deliver(offset, LaneKey(key << 60));
                }
                5 if !running.is_empty() => partition.start(running[pick.index(running.len())]),
                _ if !running.is_empty() => partition.complete(running[pick.index(running.len())]),
                _ => {}
            }
            partition.agrees_with_the_model();
        }
        while let Some(last) = partition.running.last().copied() {
            partition.complete(last);
            partition.agrees_with_the_model();
        }
        for starts in partition.starts.values() {
            prop_assert!(starts.is_sorted(), "{starts:?}");
        }
        prop_assert_eq!(partition.done.len(), partition.keys.len());
    }
}
