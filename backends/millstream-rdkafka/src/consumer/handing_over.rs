//! Owns how partitions come and go: what the group hands out is held still until it is started, what it asks back is drained
//! within its budget, what it has taken is lost; and a member that nobody polls goes by itself.

use super::context::Named;
use super::lookup::LookUp;
use super::member::Member;
use super::source::Source;
use millstream_core::contract::{Epoch, TopicPartition};
use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::topic_partition_list::Offset as RdOffset;
use std::sync::Arc;
use std::time::Instant;

/// Partitions that are asked back, and until when they may be kept.
pub(super) struct Draining {
    pub(super) places: Vec<TopicPartition>,
    epochs: Vec<Epoch>,
    until: Instant,
}

impl Member {
    /// Partitions came: they are held still until each is started, and looked up meanwhile.
    pub(super) fn take(&mut self, places: Vec<TopicPartition>) {
        let mut tickets = Vec::new();
        for place in &places {
            let source = self.source(place);
            self.assigned.insert(place.clone());
            if let Some(source) = source {
                let ticket = self.shared.state().look_for(place.clone(), source, None);
                tickets.push((place.clone(), ticket));
            }
        }
        // Before the assignment, so that nothing is fetched that nobody has asked for. The queue is there already, and with it
        // the partition.
        let mut list = self.list(&places);
        self.told_off("hold still", &self.consumer.pause(&list));
        // Anywhere: where to read from is said by the start.
        self.told_off("set offsets", &list.set_all_offsets(RdOffset::Offset(0)).map(drop));
        let assigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Eager => self.consumer.assign(&list),
            _ => self.consumer.incremental_assign(&list),
        };
        self.told_off("assign", &assigned);
        if !tickets.is_empty() {
            self.waiting.push_back(LookUp::Assigned(tickets));
        }
        self.ask();
    }

    fn source(&self, place: &TopicPartition) -> Option<Source> {
        let shared = Arc::downgrade(&self.shared);
        Source::new(&self.consumer, place, move || {
            if let Some(shared) = shared.upgrade() {
                shared.waker.wake();
            }
        })
    }

    pub(super) fn revoked(&mut self, names: Vec<Named>) {
        let places = self.places(names);
        let lost = self.consumer.assignment_lost();
        let mut epochs = Vec::new();
        {
            let mut state = self.shared.state();
            for place in &places {
                if lost {
                    state.lose(place);
                } else {
                    epochs.extend(state.revoke(place, self.request.revoke_budget));
                }
            }
        }
        if lost {
            self.standing.lost();
        }
        self.shared.waker.wake();
        // A second one while the first drains: what is to be given up is given up together.
        let (mut all, mut open) = (places, epochs);
        if let Some(before) = self.draining.take() {
            all.extend(before.places);
            open.extend(before.epochs);
        }
        self.draining = Some(Draining { places: all, epochs: open, until: Instant::now() + self.request.revoke_budget });
        self.drain();
    }

    /// Gives up what is asked back as soon as nobody holds it, or the budget is over.
    pub(super) fn drain(&mut self) {
        let Some(draining) = &mut self.draining else { return };
        let lost = self.consumer.assignment_lost();
        let over = lost || draining.until <= Instant::now();
        {
            let mut state = self.shared.state();
            if over {
                draining.epochs.iter().for_each(|epoch| state.lose_epoch(*epoch));
            }
            draining.epochs.retain(|epoch| state.is_held(*epoch));
        }
        if !draining.epochs.is_empty() {
            return;
        }
        let places = std::mem::take(&mut draining.places);
        self.draining = None;
        if over {
            self.shared.waker.wake();
        }
        if lost {
            self.standing.lost();
        }
        let list = self.list(&places);
        // The flag would outlive the assignment and hold a later one still.
        self.told_off("resume", &self.consumer.resume(&list));
        let given = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                let held: Vec<TopicPartition> = places.iter().filter(|place| self.assigned.contains(*place)).cloned().collect();
                self.consumer.incremental_unassign(&self.list(&held))
            }
            _ => self.consumer.unassign(),
        };
        self.told_off("give up", &given);
        for place in &places {
            self.assigned.remove(place);
            self.broken.remove(place);
        }
    }

    /// A member that nobody polls belongs to its group for a session's length and no longer.
    pub(super) fn mind_the_session(&mut self) {
        if self.is_alone() {
            return;
        }
        let silent = self.shared.silence() > self.request.session_timeout;
        if silent && !self.away {
            self.away = true;
            self.shared.state().lose_all();
            self.standing.lost();
            self.consumer.unsubscribe();
            self.listen();
        } else if !silent && self.away {
            self.away = false;
            self.begin();
        }
    }
}
