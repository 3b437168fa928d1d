//! Owns what is said to the group and heard from it: heartbeats, what it gives and takes. Leaves epochs to `consumer`.

use super::*;

impl SimConsumer {
    /// How often it shows itself: a fifth of its session, so that two may be lost; 3 s at most, Kafka's own.
    pub(super) fn every(&self) -> Duration {
        (self.request.session_timeout / 5).min(Duration::from_secs(3))
    }

    pub(super) fn begin_beat(&mut self) {
        let beat = Beat {
            id: self.id,
            joins: !self.joined,
            topics: self.request.topics.iter().cloned().collect(),
            session: self.request.session_timeout,
            budget: self.request.revoke_budget,
            released: self.released.clone(),
            eager: self.request.protocol == Protocol::Eager,
        };
        let (world, link, group) = (self.world.clone(), self.link.clone(), self.request.group.clone());
        let released = self.released.clone();
        let server = self.coordinator();
        let call: Calling<BeatReply> = Box::pin(async move {
            let does = move |world: &World| world.beat(&group, &beat);
            world.call_in_time(&link, server, Call::Group, does).await
        });
        self.next_beat = instant_now() + self.every();
        self.beat = Some((call, released, std::mem::take(&mut self.confirm)));
    }

    /// The coordinator has answered, or not.
    pub(super) fn beaten(&mut self, reply: Result<BeatReply, Unanswered>, released: &[u64], confirms: bool) {
        match reply {
            Err(_) => {
                self.confirm |= confirms;
                self.next_beat = self.next_beat.min(instant_now() + Duration::from_millis(100));
            }
            Ok(BeatReply::Unknown) => {
                self.world.checks().group_answered(self.link.member);
                let lost = !self.held.is_empty();
                while let Some(epoch) = self.held.last().map(|held| held.epoch) {
                    self.lose(epoch);
                }
                self.id = MemberId(self.world.number());
                self.joined = false;
                self.released.clear();
                self.next_beat = instant_now();
                // That it lost all it held is its answer (C13).
                self.confirm |= confirms && !lost;
            }
            Ok(BeatReply::Holds { epoch, grants }) => {
                self.world.checks().group_answered(self.link.member);
                self.joined = true;
                self.member_epoch = epoch;
                self.released.retain(|grant| !released.contains(grant));
                let gone: Vec<Epoch> = self
                    .held
                    .iter()
                    .filter(|held| !grants.iter().any(|grant| grant.number == held.grant))
                    .map(|held| held.epoch)
                    .collect();
                gone.into_iter().for_each(|epoch| self.lose(epoch));
                for grant in grants {
                    self.granted(grant);
                }
                if confirms {
                    self.events.push_back(ConsumerEvent::Confirmed);
                }
            }
        }
    }

    pub(super) fn granted(&mut self, grant: Grant) {
        if self.released.contains(&grant.number) {
            return;
        }
        let budget = self.request.revoke_budget;
        if let Some(held) = self.held.iter_mut().find(|held| held.grant == grant.number) {
            if grant.revoking && !held.revoking {
                held.revoking = true;
                held.until = Some(instant_now() + budget);
                let epoch = held.epoch;
                self.world.note(Some(self.link.member), What::Ending(held.place.clone(), epoch, false));
                self.world.ending(&self.link, epoch);
                self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Revoking(budget) });
            }
            return;
        }
        if grant.revoking || self.again.iter().any(|(held, _)| held.grant == grant.number) {
            if grant.revoking {
                self.released.push(grant.number);
                self.next_beat = instant_now();
            }
            return;
        }
        let Some(topic_id) = grant.topic_id else { return };
        let mut held = Held::new(grant.place, Epoch(0), grant.number, topic_id);
        held.committed = grant.committed;
        self.take(held, None);
    }
}
