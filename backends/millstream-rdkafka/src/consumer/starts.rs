//! Owns the starts of partitions: the first, and those after a fault, when the client has given a partition up.

use super::context::Named;
use super::lookup::partition;
use super::member::Member;
use super::owned::Stage;
use crate::raw;
use millstream_core::contract::{Epoch, Offset, PartitionFault, TopicPartition};
use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::topic_partition_list::{Offset as RdOffset, TopicPartitionList};
use std::time::Duration;

/// How long a partition's start may hold the thread up.
const SEEK: Duration = Duration::from_millis(500);

impl Member {
    pub(super) fn hold_broken(&mut self, place: TopicPartition) {
        if self.assigned.contains(&place) {
            self.told_off("hold still", &self.consumer.pause(&self.list([&place])));
            self.broken.insert(place);
        }
    }

    /// Lets partitions read from where they are to start. One that the client has not taken up yet is tried again.
    pub(super) fn start_all(&mut self) {
        let starting = std::mem::take(&mut self.starting);
        for (epoch, at) in starting {
            let found = {
                let mut state = self.shared.state();
                let owned = state.owned(epoch).filter(|owned| owned.stage == Stage::Starting(at));
                owned.map(|owned| (owned.place.clone(), owned.led_below(at)))
            };
            let Some((place, leader)) = found else { continue };
            let Ok(offset) = i64::try_from(at) else {
                self.shared.state().fault(epoch, PartitionFault::OutOfRange { requested: at, log_start: 0, end: 0 });
                continue;
            };
            if self.broken.contains(&place) {
                if !self.assign_again(&place, epoch, at, offset, leader) {
                    self.starting.push((epoch, at));
                }
                continue;
            }
            let mut list = self.list([&place]);
            self.told_off("set an offset", &list.set_all_offsets(RdOffset::Offset(offset)).map(drop));
            // The client asks first whether the log still has what was written under this leader, below where it is to read on.
            raw::set_leader_epoch(&mut list, place.topic.as_str(), partition(&place), leader);
            let sought = self.consumer.seek_partitions(list, SEEK);
            let sought = sought.ok().filter(|list| list.elements().iter().all(|element| element.error().is_ok()));
            if sought.is_none() {
                self.starting.push((epoch, at));
                continue;
            }
            self.told_off("resume", &self.consumer.resume(&self.list([&place])));
            if let Some(owned) = self.shared.state().owned(epoch) {
                owned.runs_from(at);
            }
            self.shared.waker.wake();
        }
    }

    /// Takes a partition that the client has stopped fetching out of the assignment and puts it in again. Not while the group
    /// waits for partitions to be given up: it would take this for them.
    pub(super) fn assign_again(
        &mut self,
        place: &TopicPartition,
        epoch: Epoch,
        at: Offset,
        offset: i64,
        leader: Option<i32>,
    ) -> bool {
        if self.draining.is_some() {
            return false;
        }
        let mut list = self.list([place]);
        self.told_off("resume", &self.consumer.resume(&list));
        let assigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Eager => {
                let mut all = self.positions(place, offset);
                raw::set_leader_epoch(&mut all, place.topic.as_str(), partition(place), leader);
                self.consumer.assign(&all)
            }
            _ => {
                self.told_off("give up", &self.consumer.incremental_unassign(&list));
                self.told_off("set an offset", &list.set_all_offsets(RdOffset::Offset(offset)).map(drop));
                raw::set_leader_epoch(&mut list, place.topic.as_str(), partition(place), leader);
                self.consumer.incremental_assign(&list)
            }
        };
        self.told_off("assign again", &assigned);
        self.broken.remove(place);
        if let Some(owned) = self.shared.state().owned(epoch) {
            owned.runs_from(at);
        }
        self.shared.waker.wake();
        true
    }

    /// Everything that is assigned, where it is read; `place` from `offset` on. An eager group knows no smaller change.
    pub(super) fn positions(&self, place: &TopicPartition, offset: i64) -> TopicPartitionList {
        let mut state = self.shared.state();
        let mut list = TopicPartitionList::new();
        for assigned in &self.assigned {
            let running = state.owned.iter_mut().find(|owned| owned.place == *assigned && owned.stage == Stage::Running);
            let at = if assigned == place {
                offset
            } else {
                running.map_or(0, |owned| {
                    let at = owned.position;
                    // What was taken off the queue and not yielded comes again.
                    owned.runs_from(at);
                    i64::try_from(at).unwrap_or(i64::MAX)
                })
            };
            let added = list.add_partition_offset(assigned.topic.as_str(), partition(assigned), RdOffset::Offset(at));
            self.told_off("set an offset", &added);
        }
        list
    }

    pub(super) fn read_again(&mut self, named: &Named) {
        let mut state = self.shared.state();
        let strayed = |place: &TopicPartition| *place.topic.as_str() == *named.0 && partition(place) == named.1;
        let found = state.owned.iter_mut().find(|owned| owned.stage == Stage::Running && strayed(&owned.place));
        if let Some(owned) = found {
            owned.stage = Stage::Starting(owned.position);
            self.starting.push((owned.epoch, owned.position));
        }
    }
}
