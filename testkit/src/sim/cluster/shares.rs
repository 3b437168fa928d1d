//! Owns who should hold which partition: whoever held it, as long as that is fair; else whoever has least.

use super::group::MemberId;
use millstream_core::contract::TopicPartition;
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};

/// Shares `places` out among `members`, which want certain topics.
pub(super) fn share_out(
    members: &BTreeMap<MemberId, BTreeSet<Topic>>,
    places: &[TopicPartition],
    before: &BTreeMap<TopicPartition, MemberId>,
) -> BTreeMap<TopicPartition, MemberId> {
    let mut shares: BTreeMap<MemberId, Vec<TopicPartition>> = members.keys().map(|id| (*id, Vec::new())).collect();
    let wants = |id: &MemberId, place: &TopicPartition| members.get(id).is_some_and(|topics| topics.contains(&place.topic));
    let mut homeless = Vec::new();
    for place in places {
        match before.get(place).filter(|id| wants(id, place)).and_then(|id| shares.get_mut(id)) {
            Some(share) => share.push(place.clone()),
            None => homeless.push(place.clone()),
        }
    }
    for place in homeless {
        let least = shares.iter().filter(|(id, _)| wants(id, &place)).min_by_key(|(_, share)| share.len()).map(|(id, _)| *id);
        if let Some(share) = least.and_then(|id| shares.get_mut(&id)) {
            share.push(place);
        }
    }
    // Every move makes the shares more even, so this ends.
    while let Some((from, index, to)) = uneven(&shares, wants) {
        let Some(place) = shares.get_mut(&from).map(|share| share.remove(index)) else { break };
        if let Some(share) = shares.get_mut(&to) {
            share.push(place);
        }
    }
    shares.into_iter().flat_map(|(id, share)| share.into_iter().map(move |place| (place, id))).collect()
}

/// A partition whose move from one to another makes the shares more even.
fn uneven(
    shares: &BTreeMap<MemberId, Vec<TopicPartition>>,
    wants: impl Fn(&MemberId, &TopicPartition) -> bool,
) -> Option<(MemberId, usize, MemberId)> {
    let (from, most) = shares.iter().max_by_key(|(_, share)| share.len())?;
    for (to, least) in shares.iter().filter(|(_, least)| least.len() + 1 < most.len()) {
        if let Some(index) = most.iter().rposition(|place| wants(to, place)) {
            let _ = least;
            return Some((*from, index, *to));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_differ_by_one_at_most_and_what_may_stay_stays() {
        let topic = Topic::literal("paper.orders.new");
        let places: Vec<_> = (0..7).map(|n| TopicPartition::new(topic.clone(), n)).collect();
        let members = |ids: &[u64]| ids.iter().map(|id| (MemberId(*id), BTreeSet::from([topic.clone()]))).collect();
        let one = share_out(&members(&[1]), &places, &BTreeMap::new());
        assert_eq!(one.len(), 7);
        let two = share_out(&members(&[1, 2]), &places, &one);
        assert_eq!(two.values().filter(|id| id.0 == 1).count(), 4);
        assert!(one.iter().filter(|(place, id)| two[*place] == **id).count() == 4, "only what must moves");
        let three = share_out(&members(&[1, 3]), &places, &two);
        assert_eq!(two.iter().filter(|(place, id)| three[*place] == **id).count(), 4, "1 keeps all it had");
    }
}
