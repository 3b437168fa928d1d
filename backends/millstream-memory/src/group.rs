//! Owns a consumer group: its members, who holds which partition under which epoch, and the rebalance in progress. Leaves
//! who should hold what to `assignor`, committed offsets to `offsets`.
//!
//! There is a *target* (who is to own what) and there are *owners* (who does). Each member, as it is polled, is brought
//! nearer to the target: what it holds and should not is revoked, what it should hold and nobody does is granted. So a
//! partition never has two owners, and nothing queues. Time-outs are noticed by whoever looks next.

use crate::assignor::{Shares, Target};
use crate::broker::Broker;
use crate::error;
use crate::member::{Member, MemberId};
use crate::offsets::Offsets;
use crate::partition::Partition;
use crate::signal::Signal;
use millstream_core::clock::MonoTime;
use millstream_core::contract::{CommittedOffset, ConsumerRequest, Epoch, Error, Protocol, TopicId, TopicPartition};
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A group behind its lock.
#[derive(Debug)]
pub(crate) struct Group {
    state: Mutex<GroupState>,
}

impl Group {
    pub(crate) fn new(name: &str) -> Self {
        Group { state: Mutex::new(GroupState { name: name.to_owned(), ..GroupState::default() }) }
    }

    /// Works on the state and wakes whom the change concerns, after the lock is free.
    pub(crate) fn enter<T>(&self, work: impl FnOnce(&mut GroupState) -> T) -> T {
        let (answer, concerned) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = work(&mut state);
            let mut concerned = std::mem::take(&mut state.dismissed);
            if std::mem::take(&mut state.stir) {
                concerned.extend(state.members.values().map(|member| member.signal.clone()));
            }
            (answer, concerned)
        };
        concerned.iter().for_each(|signal| signal.wake_changed());
        answer
    }
}

/// Who holds a partition.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) member: MemberId,
    pub(crate) epoch: Epoch,
    pub(crate) topic_id: TopicId,
    /// Until when it may be kept, once it is being revoked.
    pub(crate) until: Option<MonoTime>,
}

/// What changes for a member.
#[derive(Debug)]
pub(crate) enum Change {
    Revoking(Epoch, Duration),
    Lost(Epoch),
    Granted(Grant),
}

#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) place: TopicPartition,
    pub(crate) epoch: Epoch,
    pub(crate) topic_id: TopicId,
    pub(crate) partition: Arc<Partition>,
    pub(crate) committed: Option<CommittedOffset>,
}

#[derive(Debug, Default)]
pub(crate) struct GroupState {
    pub(crate) name: String,
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) owners: BTreeMap<TopicPartition, Owner>,
    pub(crate) offsets: Offsets,
    protocol: Protocol,
    target: Target,
    /// Eager: everything is given up before anything is shared out.
    emptying: bool,
    last_member: u64,
    /// Whether the members are to look at the group again.
    stir: bool,
    /// Those thrown out, who are to look too.
    dismissed: Vec<Arc<Signal>>,
}

impl GroupState {
    /// Makes the consumer a member.
    pub(crate) fn join(&mut self, request: &ConsumerRequest, signal: &Arc<Signal>, broker: &Broker) -> Result<MemberId, Error> {
        if self.members.is_empty() {
            self.protocol = request.protocol;
        } else if self.protocol != request.protocol {
            return Err(error::mixed_protocols(&self.name));
        }
        self.last_member += 1;
        let id = MemberId(self.last_member);
        self.members.insert(id, Member::new(request, signal.clone()));
        self.rebalance(broker);
        Ok(id)
    }

    /// Ends a membership and all it holds.
    pub(crate) fn remove(&mut self, id: MemberId, broker: &Broker) -> bool {
        let Some(member) = self.members.remove(&id) else { return false };
        self.dismissed.push(member.signal);
        self.owners.retain(|_, owner| owner.member != id);
        self.rebalance(broker);
        true
    }

    /// What time alone changes: sessions end, and budgets.
    pub(crate) fn tick(&mut self, now: MonoTime, broker: &Broker) {
        let silent: Vec<MemberId> = self.members.iter().filter(|(_, m)| m.expires() <= now).map(|(id, _)| *id).collect();
        for id in silent {
            self.remove(id, broker);
        }
        let before = self.owners.len();
        self.owners.retain(|_, owner| owner.until.is_none_or(|until| until > now));
        if self.owners.len() != before {
            self.settle(broker);
        }
    }

    /// When `tick` has something to do, if nobody polls until then.
    pub(crate) fn next_tick(&self) -> Option<MonoTime> {
        let sessions = self.members.values().map(Member::expires);
        sessions.chain(self.owners.values().filter_map(|owner| owner.until)).min()
    }

    /// Brings member `id`, which holds `held`, nearer to the target. A membership that has ended holds nothing.
    pub(crate) fn reconcile(
        &mut self,
        id: MemberId,
        held: impl Iterator<Item = (TopicPartition, Epoch)>,
        now: MonoTime,
        broker: &Broker,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for (place, epoch) in held {
            if self.owners.get(&place).is_none_or(|owner| owner.epoch != epoch) {
                changes.push(Change::Lost(epoch));
            }
        }
        let Some(member) = self.members.get(&id) else { return changes };
        for (place, owner) in &mut self.owners {
            if owner.member == id && owner.until.is_none() && self.target.get(place) != Some(&id) {
                owner.until = Some(now.after(member.budget));
                changes.push(Change::Revoking(owner.epoch, member.budget));
                // Whoever waits for it is to know when the budget ends.
                self.stir = true;
            }
        }
        for (place, _) in self.target.iter().filter(|(_, owner)| **owner == id) {
            if self.owners.contains_key(place) || member.declined.contains(place) {
                continue;
            }
            let Some((topic_id, partition)) = broker.partition(place) else { continue };
            let epoch = broker.new_epoch();
            self.owners.insert(place.clone(), Owner { member: id, epoch, topic_id, until: None });
            let committed = self.offsets.committed(place).cloned();
            changes.push(Change::Granted(Grant { place: place.clone(), epoch, topic_id, partition, committed }));
        }
        changes
    }

    /// The owner gives a partition up.
    pub(crate) fn release(&mut self, place: &TopicPartition, epoch: Epoch, broker: &Broker) {
        let Some(owner) = self.owners.get(place).filter(|owner| owner.epoch == epoch) else { return };
        let (id, asked) = (owner.member, owner.until.is_some());
        self.owners.remove(place);
        if let Some(member) = self.members.get_mut(&id).filter(|_| !asked) {
            member.declined.insert(place.clone());
        }
        self.settle(broker);
    }

    /// Ends `epoch`; its partition is granted again, to whoever is to have it.
    pub(crate) fn restart(&mut self, place: &TopicPartition, epoch: Epoch, broker: &Broker) {
        if self.owners.get(place).is_some_and(|owner| owner.epoch == epoch) {
            self.owners.remove(place);
            self.settle(broker);
        }
    }

    /// A topic was created, or has other partitions.
    pub(crate) fn topic_changed(&mut self, broker: &Broker, topic: &Topic) {
        if !self.members.values().any(|member| member.topics.contains(topic)) {
            return;
        }
        // A partition may wait for its topic without the target changing.
        self.stir = true;
        if self.share_out(broker) != self.target {
            self.rebalance(broker);
        }
    }

    /// A topic was deleted: nobody may take its offsets for those of a later one.
    pub(crate) fn forget_topic(&mut self, topic: &Topic) {
        self.offsets.forget(topic);
    }

    /// Decides anew who is to own what.
    fn rebalance(&mut self, broker: &Broker) {
        self.members.values_mut().for_each(|member| member.declined.clear());
        self.stir = true;
        if self.protocol == Protocol::Eager {
            self.emptying = true;
            self.target.clear();
        } else {
            self.target = self.share_out(broker);
        }
        self.settle(broker);
    }

    /// A partition became free.
    fn settle(&mut self, broker: &Broker) {
        self.stir = true;
        if self.emptying && self.owners.is_empty() {
            self.emptying = false;
            self.target = self.share_out(broker);
        }
    }

    fn share_out(&self, broker: &Broker) -> Target {
        let members = self.members.iter().map(|(id, member)| (*id, member.topics.clone())).collect();
        let topics = broker.topics();
        let asked = self.members.values().flat_map(|member| &member.topics);
        let topics = asked.filter_map(|topic| Some((topic.clone(), topics.get(topic)?.partition_count()))).collect();
        let shares = Shares { members: &members, topics: &topics };
        if self.protocol == Protocol::Eager { shares.range() } else { shares.sticky(&self.target) }
    }
}
