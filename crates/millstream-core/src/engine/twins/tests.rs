//! What the ids under way promise, against a naive model: a queue of offsets for each id, its first the holder.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, DefaultHasher};

fn hash_of(twins: &Twins) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(twins)
}

#[test]
fn the_first_to_claim_an_id_has_it() {
    let mut twins = Twins::new();
    assert!(twins.claim(7, 1) && twins.claim(8, 2));
    assert!(!twins.claim(7, 3));
    assert!(twins.claim(7, 1), "it still has it");
    assert_eq!((twins.holder(7), twins.holder(8), twins.holder(9), twins.len()), (Some(1), Some(2), None, 2));
}

#[test]
fn an_id_passes_to_those_who_waited_in_their_order_and_is_free_at_last() {
    let mut twins = Twins::new();
    twins.claim(7, 1);
    twins.wait(7, 2);
    twins.wait(7, 5);
    assert_eq!((twins.release(7, 1), twins.holder(7)), (Some(2), Some(2)));
    assert!(!twins.claim(7, 6), "it is not free in between");
    assert_eq!((twins.release(7, 2), twins.release(7, 5), twins.holder(7)), (Some(5), None, None));
    assert_eq!(twins, Twins::new());
}

#[test]
fn one_who_waited_and_gave_up_never_gets_the_id() {
    let mut twins = Twins::new();
    twins.claim(7, 1);
    twins.wait(7, 2);
    twins.wait(7, 3);
    assert_eq!((twins.release(7, 2), twins.holder(7)), (None, Some(1)));
    assert_eq!(twins.release(7, 1), Some(3));
    assert_eq!(twins.release(7, 3), None);
    assert!(twins.is_empty());
}

#[test]
fn who_has_not_the_id_cannot_release_it() {
    let mut twins = Twins::new();
    twins.claim(7, 1);
    assert_eq!((twins.release(7, 2), twins.release(8, 1)), (None, None));
    twins.wait(7, 3);
    assert_eq!((twins.release(7, 2), twins.release(8, 1), twins.holder(7)), (None, None, Some(1)));
}

#[test]
fn all_are_released_at_once_only_if_they_are_all_and_nobody_waits() {
    let mut twins = Twins::new();
    twins.claim(7, 1);
    twins.claim(8, 2);
    twins.wait(8, 3);
    assert!(!twins.release_all(1) && !twins.release_all(2));
    assert_eq!((twins.len(), twins.release(8, 2)), (2, Some(3)));
    assert!(!twins.release_all(1) && twins.release_all(2));
    assert!(twins.is_empty() && twins.release_all(0));
}

#[test]
fn equal_ids_under_way_hash_alike_whatever_their_history() {
    let (mut up, mut down) = (Twins::new(), Twins::new());
    // The wider table keeps its entries in another order.
    (1_000..3_000).for_each(|id| assert!(down.claim(id, 1)));
    assert!(down.release_all(2_000));
    for id in 0..200 {
        up.claim(id, 1);
        down.claim(199 - id, 1);
    }
    assert_eq!((&up, hash_of(&up)), (&down, hash_of(&down)));
    down.wait(5, 6);
    assert_ne!(up, down);
    assert_ne!(hash_of(&up), hash_of(&down));
}

#[test]
fn ids_that_differ_in_any_bit_fold_apart() {
    let fold = |id: u128| FoldHash.hash_one(id);
    let id = 0x0192_3f5a_7c11_7abc_8def_0123_4567_89ab;
    let folds: BTreeSet<u64> = (0..128).map(|bit| fold(id ^ (1 << bit))).chain([fold(id)]).collect();
    // The halves are folded over each other: two single bits may meet, one never vanishes.
    assert!((0..128).all(|bit| fold(id ^ (1 << bit)) != fold(id)));
    assert!(folds.len() > 64, "{}", folds.len());
}

proptest! {
    #[test]
    fn ids_pass_on_like_queues(steps in prop::collection::vec((0..3u8, 0..5u128, any::<prop::sample::Index>()), 1..300)) {
        let (mut twins, mut model) = (Twins::new(), BTreeMap::<u128, Vec<Offset>>::new());
        for (offset, (what, id, pick)) in (0..).zip(steps) {
            let queue = model.entry(id).or_default();
            if what < 2 || queue.is_empty() {
                let first = queue.is_empty();
                prop_assert_eq!(twins.claim(id, offset), first);
                if !first {
                    twins.wait(id, offset);
                }
                queue.push(offset);
            } else {
                let at = pick.index(queue.len());
                let gone = queue.remove(at);
                let next = queue.first().copied().filter(|_| at == 0);
                prop_assert_eq!(twins.release(id, gone), next);
            }
            model.retain(|_, queue| !queue.is_empty());
            prop_assert_eq!((twins.len(), twins.is_empty()), (model.len(), model.is_empty()));
            prop_assert!((0..5).all(|id| twins.holder(id) == model.get(&id).map(|queue| queue[0])));
            let waits = model.values().any(|queue| queue.len() > 1);
            prop_assert_eq!(twins.clone().release_all(model.len()), !waits);
        }
    }
}
