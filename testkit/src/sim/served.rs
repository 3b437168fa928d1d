//! Owns what servers do with the requests of members, and what the checks are told then. Leaves how requests get there to
//! `world`.

use super::cluster::{Beat, BeatReply, MemberId};
use super::history::What;
use super::network::MemberNo;
use super::world::{Link, World};
use crate::now::instant_now;
use millstream_core::contract::{
    Applied, CommitEntry, CommittedOffset, Epoch, Error, NotApplied, Produce, Producer, Receipt, RecordBatch, TopicId,
    TopicPartition, Transport,
};
use millstream_core::topic::Topic;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// One partition's part of a commit, and the topic for which it is meant: what is meant for one that is gone is not written for
/// another one of its name (KIP-848's commits name topics by their ids). `None` is of an epoch that had ended when its client
/// sent it.
pub(crate) type Commit = (CommitEntry, Option<TopicId>);

/// The answer of a call that never waits.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("memory answers at once"),
    }
}

impl World {
    /// The partitions of a topic, which is created by being asked for, as brokers do.
    pub(crate) fn create_by_use(&self, topic: &Topic) -> u32 {
        let producer = at_once(self.memory.producer()).expect("memory always makes one");
        at_once(producer.partitions(topic)).unwrap_or(1)
    }

    /// Appends records to the log.
    pub(crate) fn append(&self, member: Option<MemberNo>, records: &Produce) -> Vec<Result<Receipt, Error>> {
        let producer = at_once(self.memory.producer()).expect("memory always makes one");
        let answers = at_once(producer.send(records));
        let mut landed = false;
        for ((place, view), answer) in records.iter().zip(&answers) {
            let Ok(receipt) = answer else { continue };
            landed = true;
            self.note(member, What::Landed(place.clone(), receipt.offset));
            self.checks().landed(self, member, place, receipt.offset, view);
        }
        if landed {
            self.wrote();
        }
        answers
    }

    /// A member's service has handed records to its client.
    pub(crate) fn handed_over(&self, link: &Link, records: &Produce) {
        let at = self.at();
        self.checks().handed_over(link, records, at);
    }

    /// A heartbeat has come.
    pub(crate) fn beat(&self, name: &str, beat: &Beat) -> BeatReply {
        let now = instant_now();
        let (mut reply, fenced, granted) = {
            let servers = &mut *self.servers();
            let group = servers.coordinator.group(name);
            let mut topics = group.topics();
            topics.extend(beat.topics.iter().cloned());
            group.set_places(self.places(&topics), now);
            let reply = group.beat(beat, now);
            (reply, std::mem::take(&mut group.fenced), std::mem::take(&mut group.granted))
        };
        if let BeatReply::Holds { grants, .. } = &mut reply {
            for grant in grants {
                grant.topic_id = self.memory.describe(&grant.place.topic).map(|(id, _)| id);
            }
        }
        for _ in fenced {
            self.note(None, What::Fenced(name.to_owned()));
        }
        for (_, place) in granted {
            self.note(None, What::Granted(name.to_owned(), place));
        }
        reply
    }

    pub(crate) fn leave(&self, name: &str, id: MemberId) {
        self.servers().coordinator.group(name).leave(id, instant_now());
    }

    /// A commit has come: it is checked against the member, and written.
    pub(crate) fn commit(&self, from: MemberNo, name: &str, id: MemberId, epoch: u64, entries: Vec<Commit>) -> Vec<Applied> {
        let now = instant_now();
        let mut written = Vec::new();
        let mut answers = Vec::with_capacity(entries.len());
        {
            let servers = &mut *self.servers();
            let stale = servers.stale_commits > 0;
            servers.stale_commits = servers.stale_commits.saturating_sub(1);
            let group = servers.coordinator.group(name);
            group.tick(now);
            let taken = !stale && group.takes_commit(id, epoch);
            for (entry, topic_id) in entries {
                if topic_id.is_some_and(|id| self.memory.describe(&entry.partition.topic).is_none_or(|(now, _)| now != id)) {
                    self.note(Some(from), What::CommitRefused(name.to_owned(), entry.partition, entry.offset));
                    answers.push(Applied::NotApplied(NotApplied::Refused));
                    continue;
                }
                if !taken {
                    self.note(Some(from), What::CommitRefused(name.to_owned(), entry.partition, entry.offset));
                    answers.push(Applied::NotApplied(NotApplied::Stale));
                    continue;
                }
                let holds = group.holder(&entry.partition) == Some(id);
                let value = CommittedOffset::new(entry.offset, entry.metadata);
                let before = group.committed.insert(entry.partition.clone(), value).map(|before| before.offset);
                written.push((entry.partition, entry.offset, before, holds, topic_id.is_none().then_some(entry.epoch)));
                answers.push(Applied::Applied);
            }
        }
        for (place, offset, before, holds, ended) in written {
            if let Some(epoch) = ended {
                self.violated("I3", format!("member {from} committed {place} to {offset} for {name} after {epoch} had ended"));
            }
            self.note(Some(from), What::Committed(name.to_owned(), place.clone(), offset, before));
            let at = self.at();
            self.checks().committed(self, name, &place, offset, before, holds, from, at);
        }
        answers
    }

    pub(crate) fn delivered(&self, link: &Link, group: &str, batch: &RecordBatch) {
        let at = self.at();
        self.checks().delivered(link, group, batch, at);
    }

    /// An epoch is to be read.
    pub(crate) fn started(&self, link: &Link, group: &str, place: &TopicPartition, epoch: Epoch) {
        let at = self.at();
        self.checks().started(link, group, place, epoch, at);
    }

    /// A member has heard that it is to give an epoch up.
    pub(crate) fn ending(&self, link: &Link, epoch: Epoch) {
        let at = self.at();
        self.checks().ending(link, epoch, at);
    }

    /// An epoch has ended for its member.
    pub(crate) fn ended(&self, link: &Link, epoch: Epoch) {
        self.checks().ended(link, epoch);
    }

    /// An epoch was given up; `waits` if a commit of it has no outcome yet although there was time.
    pub(crate) fn released(&self, link: &Link, place: &TopicPartition, epoch: Epoch, waits: bool) {
        let at = self.at();
        if waits && !self.checks().is_out_of_time(link, at) {
            self.checks().violated("I21", at, format!("{place} was released before the outcome of its last commit ({epoch})"));
        }
        self.checks().ended(link, epoch);
    }
}
