//! Owns one group as its coordinator sees it: members that show themselves by heartbeats, who holds which partition, and
//! what is committed. Leaves who should hold what to `shares`.
//!
//! As with KIP-848: a heartbeat says what the member has given up, and its reply says all that it holds and what of that it
//! is to give up. Nobody is given what somebody else holds. A commit is checked against the member and its epoch, not
//! against who holds the partition (F92).

use super::shares::share_out;
use millstream_core::contract::{CommittedOffset, TopicId, TopicPartition};
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// A membership, named by the member itself, so that joining twice is joining once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(pub(crate) u64);

/// A heartbeat; the first one joins.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) id: MemberId,
    pub(crate) joins: bool,
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) session: Duration,
    pub(crate) budget: Duration,
    /// Grants that were given up.
    pub(crate) released: Vec<u64>,
    pub(crate) eager: bool,
}

/// A partition as its holder is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) place: TopicPartition,
    /// Which topic of that name it is of; known to whoever answers.
    pub(crate) topic_id: Option<TopicId>,
    pub(crate) number: u64,
    pub(crate) revoking: bool,
    pub(crate) committed: Option<CommittedOffset>,
}

#[derive(Debug)]
pub(crate) enum BeatReply {
    /// There is no such member.
    Unknown,
    /// All that it holds.
    Holds { epoch: u64, grants: Vec<Grant> },
}

#[derive(Debug)]
struct Member {
    topics: BTreeSet<Topic>,
    session: Duration,
    budget: Duration,
    last: Instant,
    epoch: u64,
}

#[derive(Debug)]
struct Holder {
    id: MemberId,
    number: u64,
    revoked: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct Group {
    members: BTreeMap<MemberId, Member>,
    holders: BTreeMap<TopicPartition, Holder>,
    target: BTreeMap<TopicPartition, MemberId>,
    /// What a member was offered and did not want; forgotten with the next rebalance.
    declined: BTreeSet<(MemberId, TopicPartition)>,
    pub(crate) committed: BTreeMap<TopicPartition, CommittedOffset>,
    places: Vec<TopicPartition>,
    /// What was wanted when a member joined last.
    asked: BTreeSet<Topic>,
    eager: bool,
    last_grant: u64,
    last_epoch: u64,
    /// Those taken out since somebody asked, to be told in the history.
    pub(crate) fenced: Vec<MemberId>,
    pub(crate) granted: Vec<(MemberId, TopicPartition)>,
}

impl Group {
    /// What time alone changes: sessions end, and who did not give up in time is taken out.
    pub(crate) fn tick(&mut self, now: Instant) {
        let late = |member: &Member, id: &MemberId, holders: &BTreeMap<TopicPartition, Holder>| {
            now > member.last + member.session
                || holders.values().any(|held| held.id == *id && held.revoked.is_some_and(|since| now > since + member.budget))
        };
        let gone: Vec<MemberId> =
            self.members.iter().filter(|(id, member)| late(member, id, &self.holders)).map(|(id, _)| *id).collect();
        for id in gone {
            self.fence(id, now);
        }
    }

    /// Takes a member out with all it holds.
    pub(crate) fn fence(&mut self, id: MemberId, now: Instant) {
        if self.members.remove(&id).is_some() {
            self.holders.retain(|_, held| held.id != id);
            self.fenced.push(id);
            self.rebalance(now);
        }
    }

    pub(crate) fn leave(&mut self, id: MemberId, now: Instant) {
        if self.members.remove(&id).is_some() {
            self.holders.retain(|_, held| held.id != id);
            self.rebalance(now);
        }
    }

    /// Takes some partitions from their members and gives them back to them, as when one was taken out and has joined again: with
    /// its next answer it loses them and has them anew.
    pub(crate) fn give_again(&mut self, mut chosen: impl FnMut() -> bool) {
        for (place, held) in self.holders.iter_mut().filter(|(_, held)| held.revoked.is_none()) {
            if !chosen() {
                continue;
            }
            self.last_grant += 1;
            held.number = self.last_grant;
            self.granted.push((held.id, place.clone()));
            if let Some(member) = self.members.get_mut(&held.id) {
                self.last_epoch += 1;
                member.epoch = self.last_epoch;
            }
        }
    }

    pub(crate) fn holder(&self, place: &TopicPartition) -> Option<MemberId> {
        self.holders.get(place).map(|held| held.id)
    }

    /// A topic is gone, and with it what was committed for it.
    pub(crate) fn forget(&mut self, topic: &Topic) {
        self.committed.retain(|place, _| place.topic != *topic);
    }

    /// There are these partitions now.
    pub(crate) fn set_places(&mut self, places: Vec<TopicPartition>, now: Instant) {
        if self.places != places {
            self.places = places;
            self.holders.retain(|place, _| self.places.contains(place));
            self.rebalance(now);
        }
    }

    pub(crate) fn topics(&self) -> BTreeSet<Topic> {
        self.members.values().flat_map(|member| member.topics.iter().cloned()).collect()
    }

    /// What is to be handled: all that its members want, or, while it has none, what they wanted.
    pub(crate) fn wanted(&self) -> BTreeSet<Topic> {
        if self.members.is_empty() { self.asked.clone() } else { self.topics() }
    }

    fn rebalance(&mut self, now: Instant) {
        let members = self.members.iter().map(|(id, member)| (*id, member.topics.clone())).collect();
        let before: BTreeMap<TopicPartition, MemberId> =
            self.holders.iter().map(|(place, held)| (place.clone(), held.id)).chain(self.target.clone()).collect();
        let wanted: Vec<TopicPartition> =
            self.places.iter().filter(|place| self.members.values().any(|m| m.topics.contains(&place.topic))).cloned().collect();
        let target = share_out(&members, &wanted, &before);
        self.declined.clear();
        if self.eager && target != self.target {
            for held in self.holders.values_mut() {
                held.revoked.get_or_insert(now);
            }
        }
        self.target = target;
    }

    pub(crate) fn beat(&mut self, beat: &Beat, now: Instant) -> BeatReply {
        self.tick(now);
        if !self.members.contains_key(&beat.id) {
            if !beat.joins {
                return BeatReply::Unknown;
            }
            self.eager = beat.eager;
            self.last_epoch += 1;
            let member = Member {
                topics: beat.topics.clone(),
                session: beat.session,
                budget: beat.budget,
                last: now,
                epoch: self.last_epoch,
            };
            self.members.insert(beat.id, member);
            self.asked = self.topics();
            self.rebalance(now);
        }
        let mut changed = false;
        for number in &beat.released {
            let found = self.holders.iter().find(|(_, held)| held.number == *number && held.id == beat.id);
            if let Some((place, asked)) = found.map(|(place, held)| (place.clone(), held.revoked.is_some())) {
                self.holders.remove(&place);
                // Who was asked to give it up, and is to have it after all, has declined nothing.
                if self.target.get(&place) == Some(&beat.id) && !asked && !self.eager {
                    self.declined.insert((beat.id, place));
                }
                changed = true;
            }
        }
        for (place, held) in &mut self.holders {
            if held.id == beat.id && held.revoked.is_none() && self.target.get(place) != Some(&beat.id) {
                held.revoked = Some(now);
                changed = true;
            }
        }
        let emptying = self.eager && self.holders.values().any(|held| held.revoked.is_some());
        if !emptying {
            for (place, id) in &self.target {
                if *id == beat.id && !self.holders.contains_key(place) && !self.declined.contains(&(*id, place.clone())) {
                    self.last_grant += 1;
                    self.holders.insert(place.clone(), Holder { id: *id, number: self.last_grant, revoked: None });
                    self.granted.push((*id, place.clone()));
                    changed = true;
                }
            }
        }
        let Some(member) = self.members.get_mut(&beat.id) else { return BeatReply::Unknown };
        member.last = now;
        if changed {
            self.last_epoch += 1;
            member.epoch = self.last_epoch;
        }
        let epoch = member.epoch;
        let held = self.holders.iter().filter(|(_, held)| held.id == beat.id);
        let grants = held.map(|(place, held)| Grant {
            place: place.clone(),
            topic_id: None,
            number: held.number,
            revoking: held.revoked.is_some(),
            committed: self.committed.get(place).cloned(),
        });
        BeatReply::Holds { epoch, grants: grants.collect() }
    }

    /// Whether a commit of this member under this epoch is written.
    pub(crate) fn takes_commit(&self, id: MemberId, epoch: u64) -> bool {
        self.members.get(&id).is_some_and(|member| member.epoch == epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(8);

    fn beat(group: &mut Group, id: u64, released: &[u64], now: Instant) -> Vec<Grant> {
        let topics = BTreeSet::from([Topic::literal("paper.orders.new")]);
        let (id, session, released) = (MemberId(id), Duration::from_secs(10), released.to_vec());
        let beat = Beat { id, joins: true, topics, session, budget: BUDGET, released, eager: false };
        match group.beat(&beat, now) {
            BeatReply::Holds { grants, .. } => grants,
            BeatReply::Unknown => Vec::new(),
        }
    }

    fn two_places(now: Instant) -> Group {
        let mut group = Group::default();
        let places = (0..2).map(|partition| TopicPartition::new(Topic::literal("paper.orders.new"), partition));
        group.set_places(places.collect(), now);
        group
    }

    #[tokio::test(start_paused = true)]
    async fn who_gave_up_what_it_was_asked_for_gets_it_if_it_is_to_have_it_after_all() {
        let now = Instant::now();
        let mut group = two_places(now);
        assert_eq!(beat(&mut group, 1, &[], now).len(), 2);
        beat(&mut group, 2, &[], now);
        let grants = beat(&mut group, 1, &[], now);
        let asked = grants.iter().find(|grant| grant.revoking).expect("one of two is the other's");
        // The other one goes before this one has given anything up.
        group.leave(MemberId(2), now);
        assert_eq!(beat(&mut group, 1, &[asked.number], now).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_what_nobody_asked_for_is_not_offered_it_before_the_next_rebalance() {
        let now = Instant::now();
        let mut group = two_places(now);
        let grants = beat(&mut group, 1, &[], now);
        assert_eq!(beat(&mut group, 1, &[grants[0].number], now).len(), 1);
        beat(&mut group, 2, &[], now);
        group.leave(MemberId(2), now);
        assert_eq!(beat(&mut group, 1, &[], now).len(), 2);
    }
}
