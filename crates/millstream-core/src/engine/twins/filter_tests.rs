//! The filter before the ids under way: it may doubt for nothing, and never forgets.

use super::*;
use proptest::prelude::*;
use std::ops::Range;

#[derive(Clone, Debug)]
enum Step {
    Claim(u128, Offset),
    Release(u128, Offset),
    ReleaseAll(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (ids, offsets) = (0..300u128, 0..1_000u64);
    let claim = (ids.clone(), offsets.clone()).prop_map(|(id, offset)| Step::Claim(id, offset));
    let release = (ids, offsets).prop_map(|(id, offset)| Step::Release(id, offset));
    let all = any::<bool>().prop_map(Step::ReleaseAll);
    proptest::collection::vec(prop_oneof![60 => claim, 3 => release, 1 => all], 1..1_500)
}

proptest! {
    #[test]
    fn answers_as_a_map_would(steps in steps()) {
        let (mut twins, mut map) = (Twins::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Claim(id, offset) => {
                    let owns = *map.entry(id).or_insert(offset) == offset;
                    prop_assert_eq!(twins.claim(id, offset), owns);
                }
                Step::Release(id, offset) => {
                    twins.release(id, offset);
                    if map.get(&id) == Some(&offset) {
                        map.remove(&id);
                    }
                }
                Step::ReleaseAll(right) => {
                    let count = if right { map.len() } else { map.len() + 1 };
                    prop_assert_eq!(twins.release_all(count), right);
                    if right {
                        map.clear();
                    }
                }
            }
            prop_assert_eq!(twins.len(), map.len());
        }
        prop_assert_eq!(twins.sorted(), map);
    }
}

#[test]
fn ids_that_come_and_go_one_by_one_are_told_apart_for_ever() {
    let mut twins = Twins::new();
    for id in 0..100_000u128 {
        assert!(twins.claim(id, id as Offset), "{id} is new");
        assert!(!twins.claim(id, 7 + id as Offset), "{id} is under way");
        if id >= 200 {
            assert!(twins.release(id - 200, (id - 200) as Offset).is_none());
            assert!(twins.claim(id - 200, 1) && twins.release(id - 200, 1).is_none(), "{id} is free again");
        }
    }
    assert_eq!(twins.len(), 200);
}

/// Ids as they come: 128 bits that look random, the same in every run.
fn id(number: u64) -> u128 {
    let mixed = |of: u64| (of ^ (of >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u128::from(mixed(mixed(number + 1))) << 64 | u128::from(mixed(mixed(number).wrapping_add(7)))
}

/// How many of these ids it doubts as they are put in.
fn doubts(filter: &mut Filter, ids: Range<u64>) -> usize {
    ids.filter(|&number| !filter.add(id(number))).count()
}

#[test]
fn of_512_new_ids_it_doubts_one_in_two_thousand() {
    let rounds = 400;
    let doubted: usize = (0..rounds).map(|round| doubts(&mut Filter::default(), round * 512..(round + 1) * 512)).sum();
    let one_in = rounds * 512 / doubted as u64;
    assert!((1_500..3_000).contains(&one_in), "one in {one_in}");
}

#[test]
fn so_many_ids_that_it_is_filled_anew_make_it_doubt_one_in_twenty() {
    let mut filter = Filter::default();
    let most = Filter::MOST as u64;
    doubts(&mut filter, 0..most);
    let doubted = (most..most + 20_000).filter(|&number| !filter.clone().add(id(number))).count();
    assert!((15..30).contains(&(20_000 / doubted)), "one in {}", 20_000 / doubted);
}

#[test]
fn what_is_taken_out_is_not_doubted_any_more() {
    let mut filter = Filter::default();
    assert!(filter.add(id(1)) && !filter.add(id(1)));
    filter.clear_word(id(1));
    assert!(filter.add(id(1)));
    filter.clear();
    assert!(filter.add(id(1)));
}

fn is_empty(twins: &Twins) -> bool {
    twins.filter.0.iter().all(|&word| word == 0)
}

fn claim(twins: &mut Twins, ids: Range<u64>) {
    ids.for_each(|number| assert!(twins.claim(id(number), number)));
}

#[test]
fn nothing_is_doubted_after_all_are_released_however_many_and_wherever_they_are_kept() {
    for (settled, recent) in [(0, 3), (0, 300), (3, 3), (300, 3), (300, 300)] {
        let mut twins = Twins::new();
        claim(&mut twins, 0..settled);
        twins.settle_down();
        claim(&mut twins, settled..settled + recent);
        assert!(!is_empty(&twins) && twins.release_all((settled + recent) as usize));
        assert!(is_empty(&twins) && twins.moved == 0, "{settled} and {recent}");
    }
}

#[test]
fn a_doubt_looks_through_a_short_list_and_makes_a_map_of_a_long_one() {
    let mut twins = Twins::new();
    claim(&mut twins, 0..Twins::LOOK as u64);
    assert!(!twins.claim(id(0), 9_999));
    assert!(twins.holders.is_empty());
    claim(&mut twins, Twins::LOOK as u64..Twins::LOOK as u64 + 10);
    assert!(!twins.claim(id(0), 9_999));
    assert_eq!((twins.holders.len(), twins.recent.len(), twins.moved), (Twins::LOOK + 10, 0, Twins::LOOK + 10));
}

#[test]
fn ids_that_went_one_by_one_are_forgotten_by_the_filter_too() {
    let mut twins = Twins::new();
    for number in 0..100_000 {
        assert!(twins.claim(id(number), number));
        if let Some(old) = number.checked_sub(200) {
            assert!(twins.release(id(old), old).is_none());
        }
    }
    let doubted = (100_000..110_000).filter(|&number| !twins.filter.clone().add(id(number))).count();
    assert!(doubted <= 10_000 / 15, "{doubted} of 10,000");
}
