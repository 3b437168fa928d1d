//! Owns ownership as members see it: which epochs are open or to be given up, what was delivered under them, and that nothing
//! is handed out for one that has ended (I11, I16, I17).

use super::Checks;
use super::outputs::{id_of, print_of};
use crate::sim::network::MemberNo;
use crate::sim::world::Link;
use millstream_core::contract::{Epoch, Offset, Produce, RecordBatch, TopicPartition};
use millstream_core::envelope::EventKey;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A process that is told to stop, or to give a partition up, has heard it by then.
const HEARD: Duration = Duration::from_millis(300);

/// A process: a member, and the so many-th.
pub(super) type Process = (MemberNo, u32);

#[derive(Debug)]
pub(super) struct Open {
    pub(super) group: String,
    pub(super) place: TopicPartition,
    /// Since when its member knows that it is to give it up.
    pub(super) ending: Option<Duration>,
    /// Delivered and not found settled yet, with their ids.
    pub(super) delivered: BTreeMap<Offset, Option<u128>>,
}

#[derive(Debug, Default)]
pub(super) struct Epochs {
    pub(super) open: BTreeMap<(Process, Epoch), Open>,
    /// What was read under an epoch, also after its end.
    pub(super) reads: BTreeMap<(Process, Epoch), TopicPartition>,
    /// The epochs under which an output was emitted.
    pub(super) emitted: BTreeMap<(Process, u128), Vec<Epoch>>,
    /// From when on the processes that were told to stop have no time left for a commit's outcome.
    out_of_time: BTreeMap<MemberNo, Duration>,
    /// When members were told to stop.
    told: BTreeMap<MemberNo, Duration>,
    /// Members that were away for long and have not heard of their groups since.
    away: BTreeSet<MemberNo>,
}

impl Epochs {
    pub(super) fn died(&mut self, process: Process) {
        self.open.retain(|(of, _), _| *of != process);
        self.out_of_time.remove(&process.0);
        self.told.remove(&process.0);
        self.away.remove(&process.0);
    }
}

impl Checks {
    pub(crate) fn started(&mut self, link: &Link, group: &str, place: &TopicPartition, epoch: Epoch, at: Duration) {
        if self.epochs.told.get(&link.member).is_some_and(|told| at > *told + HEARD) {
            self.violated("I12", at, format!("{place} was started ({epoch}) though the service stops"));
        }
        let process = (link.member, link.incarnation);
        // A copy in a retry topic has its original's place, and an epoch of its own.
        if self.rules.ordered
            && let Some(of) = self.works_on(process, group, place, epoch)
        {
            self.violated("I17", at, format!("{place} is started under {epoch} while {of} is still worked on"));
        }
        let open = Open { group: group.to_owned(), place: place.clone(), ending: None, delivered: BTreeMap::new() };
        let key = ((link.member, link.incarnation), epoch);
        self.epochs.reads.insert(key, place.clone());
        self.epochs.open.insert(key, open);
    }

    /// A member has heard that it is to give an epoch up.
    pub(crate) fn ending(&mut self, link: &Link, epoch: Epoch, at: Duration) {
        if let Some(open) = self.epochs.open.get_mut(&((link.member, link.incarnation), epoch)) {
            open.ending.get_or_insert(at);
        }
    }

    /// Since when an epoch is to be given up, if its worker must have heard of it by now.
    pub(super) fn ends_since(&self, process: Process, epoch: Epoch, at: Duration) -> Option<Duration> {
        self.epochs.open.get(&(process, epoch))?.ending.filter(|since| at > *since + HEARD)
    }

    /// A member goes on after it was away for so long: its ownership is in doubt until a group has answered.
    pub(crate) fn goes_on(&mut self, member: MemberNo, after: Duration, at: Duration) {
        let open = self.epochs.open.iter_mut().filter(|((process, _), _)| process.0 == member);
        open.filter_map(|(_, open)| open.ending.as_mut()).for_each(|ending| *ending = at);
        if after > self.rules.session / 2 {
            self.epochs.away.insert(member);
        }
    }

    pub(crate) fn group_answered(&mut self, member: MemberNo) {
        self.epochs.away.remove(&member);
    }

    /// Whether nothing may start or be handed over, because the member does not know what is still its own.
    pub(super) fn is_in_doubt(&self, member: MemberNo) -> bool {
        self.epochs.away.contains(&member)
    }

    /// A member was told to stop and has so long: nine tenths of that are for everything up to the last commit's outcome.
    pub(crate) fn told_to_stop(&mut self, member: MemberNo, at: Duration, within: Duration) {
        let from = at + within * 9 / 10;
        // A later word can only shorten its time.
        self.epochs.out_of_time.entry(member).and_modify(|before| *before = from.min(*before)).or_insert(from);
        self.epochs.told.entry(member).or_insert(at);
    }

    pub(crate) fn is_out_of_time(&self, link: &Link, at: Duration) -> bool {
        self.epochs.out_of_time.get(&link.member).is_some_and(|from| at >= *from)
    }

    pub(crate) fn ended(&mut self, link: &Link, epoch: Epoch) {
        self.epochs.open.remove(&((link.member, link.incarnation), epoch));
    }

    pub(crate) fn delivered(&mut self, link: &Link, group: &str, batch: &RecordBatch, at: Duration) {
        let key = ((link.member, link.incarnation), batch.epoch);
        let of = (group.to_owned(), batch.partition.clone());
        if self.removed.is_old(&batch.partition.topic, batch.epoch) {
            return;
        }
        let Some(mut open) = self.epochs.open.remove(&key) else { return };
        if open.delivered.len() as u64 + batch.len() as u64 > self.rules.in_flight {
            // Looked at only when it matters: what is settled by now is not in flight.
            open.delivered.retain(|offset, id| !self.is_settled_as(&of, *offset, *id));
        }
        let records = batch.iter().filter(|view| view.value().is_some());
        open.delivered.extend(records.map(|view| (view.offset(), id_of(view.value()).map(EventKey::as_u128))));
        let unsettled = open.delivered.len() as u64;
        self.epochs.open.insert(key, open);
        if unsettled > self.rules.in_flight {
            let text = format!("{unsettled} records of {} are in flight, {} may be", batch.partition, self.rules.in_flight);
            self.violated("I11", at, text);
        }
    }

    /// A member's service has handed records to its client: their epoch must be open (I16).
    pub(crate) fn handed_over(&mut self, link: &Link, records: &Produce, at: Duration) {
        let process = (link.member, link.incarnation);
        if self.is_in_doubt(link.member) {
            let text = format!("member {} handed records over before its group has answered after a pause", link.member);
            return self.violated("I16", at, text);
        }
        for (place, view) in records.iter() {
            let print = print_of(&place.topic, view.key(), view.value());
            let Some(epochs) = self.epochs.emitted.get(&(process, print)) else {
                if self.is_nobodys(process, view) {
                    let text = format!("a record for {place} was handed over after its attempt had ended");
                    return self.violated("I16", at, text);
                }
                continue;
            };
            if !epochs.iter().any(|epoch| self.epochs.open.contains_key(&(process, *epoch))) {
                let text = format!("an output for {place} was handed over after its epoch had ended ({:?})", epochs);
                return self.violated("I16", at, text);
            }
        }
    }
}
