//! Owns commits on their way: one at a time, filtered to open epochs as they are written. Leaves what they say to the service.

use super::*;

impl SimConsumer {
    /// Whether a commit of the epoch has no outcome yet.
    pub(super) fn waits_for_a_commit(&self, epoch: Epoch) -> bool {
        let queued = self.commits.iter().flat_map(|(_, entries)| entries).map(|entry| entry.epoch);
        let sent = self.committing.iter().flat_map(|committing| &committing.sent).map(|(epoch, _)| *epoch);
        queued.chain(sent).any(|of| of == epoch)
    }

    /// Writes the next commit, filtered to the epochs that are open now.
    pub(super) fn begin_commit(&mut self) {
        let Some((id, entries)) = self.commits.pop_front() else { return };
        let (mut sent, mut answered, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            if self.alone {
                answered.push((entry.epoch, entry.offset, Applied::NotApplied(NotApplied::Refused)));
            } else if self.index(entry.epoch).is_none() && !writes_anything() {
                answered.push((entry.epoch, entry.offset, Applied::NotApplied(NotApplied::Stale)));
            } else {
                sent.push((entry.epoch, entry.offset));
                let topic_id = self.index(entry.epoch).map(|index| self.held[index].topic_id);
                writes.push((entry, topic_id));
            }
        }
        let (world, link, group) = (self.world.clone(), self.link.clone(), self.request.group.clone());
        let (member, member_epoch, server) = (self.id, self.member_epoch, self.coordinator());
        let call: Calling<Vec<Applied>> = Box::pin(async move {
            if writes.is_empty() {
                return Ok(Vec::new());
            }
            let from = link.member;
            let does = move |world: &World| world.commit(from, &group, member, member_epoch, writes);
            world.call_in_time(&link, server, Call::Commit, does).await
        });
        self.committing = Some(Committing { id, sent, answered, call });
    }

    pub(super) fn committed(&mut self, reply: Result<Vec<Applied>, Unanswered>) {
        let Some(done) = self.committing.take() else { return };
        let applied = match reply {
            Ok(applied) => applied,
            Err(Unanswered::Refused) => vec![Applied::NotApplied(NotApplied::Stale); done.sent.len()],
            Err(Unanswered::Unknown) => vec![Applied::Unknown; done.sent.len()],
        };
        if applied.contains(&Applied::NotApplied(NotApplied::Stale)) {
            self.next_beat = instant_now();
        }
        let mut results = done.answered;
        for ((epoch, offset), applied) in done.sent.into_iter().zip(applied) {
            if applied == Applied::Applied
                && let Some(held) = self.held(epoch)
            {
                held.committed = Some(CommittedOffset::new(offset, None));
            }
            results.push((epoch, offset, applied));
        }
        self.events.push_back(ConsumerEvent::Committed(Committed::new(done.id, results)));
    }

    pub(super) fn drive_commits(&mut self, cx: &mut Context<'_>) -> bool {
        // What is said to the coordinator is said one after the other: a commit may wait for a heartbeat's answer.
        if self.committing.is_none() && self.beat.is_none() {
            self.begin_commit();
        }
        let Some(committing) = &mut self.committing else { return false };
        let Poll::Ready(reply) = committing.call.as_mut().poll(cx) else { return false };
        self.committed(reply);
        true
    }
}
