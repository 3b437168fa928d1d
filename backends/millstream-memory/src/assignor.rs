//! Owns who gets which partition: two pure functions over sorted members and topics. Leaves when a partition changes hands
//! to `group`.

use crate::member::MemberId;
use millstream_core::contract::TopicPartition;
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};

/// What is shared out: each member's topics, and each topic's partitions.
#[derive(Debug)]
pub(crate) struct Shares<'a> {
    pub(crate) members: &'a BTreeMap<MemberId, BTreeSet<Topic>>,
    pub(crate) topics: &'a BTreeMap<Topic, u32>,
}

/// Who is to own what.
pub(crate) type Target = BTreeMap<TopicPartition, MemberId>;

impl Shares<'_> {
    fn subscribers(&self, topic: &Topic) -> Vec<MemberId> {
        self.members.iter().filter(|(_, topics)| topics.contains(topic)).map(|(id, _)| *id).collect()
    }

    /// Kafka's range: each topic's partitions in runs, so equal partition numbers of equally wide topics meet in one member.
    pub(crate) fn range(&self) -> Target {
        let mut target = Target::new();
        for (topic, &partitions) in self.topics {
            let members = self.subscribers(topic);
            let width = u32::try_from(members.len()).unwrap_or(u32::MAX);
            if width == 0 {
                continue;
            }
            let (each, more) = (partitions / width, partitions % width);
            let mut next = 0;
            for (index, member) in (0..).zip(members) {
                let end = next + each + u32::from(index < more);
                target.extend((next..end).map(|p| (TopicPartition::new(topic.clone(), p), member)));
                next = end;
            }
        }
        target
    }

    /// Every partition stays where `before` has it unless its member is gone; what has no owner goes to who has least; then
    /// single partitions move from who has most to who has least while that makes the shares more even.
    pub(crate) fn sticky(&self, before: &Target) -> Target {
        let mut shares: BTreeMap<MemberId, BTreeSet<TopicPartition>> =
            self.members.keys().map(|id| (*id, BTreeSet::new())).collect();
        let mut homeless = Vec::new();
        for (topic, &partitions) in self.topics {
            for place in (0..partitions).map(|p| TopicPartition::new(topic.clone(), p)) {
                let owner = before.get(&place).filter(|id| self.members.get(id).is_some_and(|topics| topics.contains(topic)));
                if let Some(share) = owner.and_then(|id| shares.get_mut(id)) {
                    share.insert(place);
                } else {
                    homeless.push(place);
                }
            }
        }
        for place in homeless {
            let least = self.subscribers(&place.topic).into_iter().min_by_key(|id| (shares[id].len(), *id));
            if let Some(share) = least.and_then(|id| shares.get_mut(&id)) {
                share.insert(place);
            }
        }
        while let Some((place, from, to)) = self.better(&shares) {
            // Each move makes the sum of squares smaller, so this ends.
            if let Some(share) = shares.get_mut(&from) {
                share.remove(&place);
            }
            if let Some(share) = shares.get_mut(&to) {
                share.insert(place);
            }
        }
        shares.into_iter().flat_map(|(id, share)| share.into_iter().map(move |place| (place, id))).collect()
    }

    /// A partition whose move from a member to another makes their shares more even.
    fn better(&self, shares: &BTreeMap<MemberId, BTreeSet<TopicPartition>>) -> Option<(TopicPartition, MemberId, MemberId)> {
        let mut by_size: Vec<(&MemberId, &BTreeSet<TopicPartition>)> = shares.iter().collect();
        by_size.sort_by_key(|(id, share)| (std::cmp::Reverse(share.len()), **id));
        for (from, share) in &by_size {
            for (to, least) in by_size.iter().rev() {
                if least.len() + 2 > share.len() {
                    break;
                }
                let movable = share.iter().rev().find(|place| self.members[to].contains(&place.topic));
                if let Some(place) = movable {
                    return Some((place.clone(), **from, **to));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(members: &[(u64, &[&str])], topics: &[(&str, u32)], then: impl FnOnce(&Shares<'_>)) {
        let topic = |name: &str| name.parse::<Topic>().expect("a name");
        let members = members.iter().map(|(id, of)| (MemberId(*id), of.iter().map(|t| topic(t)).collect())).collect();
        let topics = topics.iter().map(|(name, partitions)| (topic(name), *partitions)).collect();
        then(&Shares { members: &members, topics: &topics });
    }

    fn of(target: &Target, id: u64) -> Vec<String> {
        target.iter().filter(|(_, owner)| owner.0 == id).map(|(place, _)| place.to_string()).collect()
    }

    #[test]
    fn range_gives_runs_and_equal_numbers_of_two_topics_to_one_member() {
        shares(&[(1, &["a", "b"]), (2, &["a", "b"])], &[("a", 3), ("b", 3)], |shares| {
            let target = shares.range();
            assert_eq!(of(&target, 1), ["a-0", "a-1", "b-0", "b-1"]);
            assert_eq!(of(&target, 2), ["a-2", "b-2"]);
        });
    }

    #[test]
    fn sticky_moves_no_more_than_evenness_needs() {
        let mut before = Target::new();
        shares(&[(1, &["a"])], &[("a", 5)], |shares| before = shares.sticky(&Target::new()));
        shares(&[(1, &["a"]), (2, &["a"])], &[("a", 5)], |shares| {
            let after = shares.sticky(&before);
            assert_eq!(of(&after, 2).len(), 2);
            assert_eq!(shares.sticky(&after), after, "nothing moves without a reason");
        });
    }

    #[test]
    fn sticky_gives_a_member_only_topics_it_asked_for() {
        shares(&[(1, &["a"]), (2, &["a", "b"])], &[("a", 2), ("b", 4)], |shares| {
            let target = shares.sticky(&Target::new());
            assert_eq!(of(&target, 1), ["a-0", "a-1"]);
            assert_eq!(of(&target, 2), ["b-0", "b-1", "b-2", "b-3"]);
        });
    }
}
