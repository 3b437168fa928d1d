//! The filter before the ids under way: it may doubt for nothing, and never forgets.

use super::*;
use proptest::prelude::*;

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
