//! A partition driven as a worker drives it, beside a model of where each record is. Leaves choosing the steps to the
//! tests, and what must hold to `rules`.

use super::*;
use std::collections::BTreeSet;

/// A record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) offset: Offset,
    pub(super) key: Option<u64>,
    pub(super) id: u128,
}

/// The log, in offset order, and how it is treated.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) records: Vec<Record>,
    pub(super) policy: PartitionPolicy,
}

/// Where a record is that has arrived and is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// For its key, its id, or only its turn.
    Waits,
    Runs,
    BacksOff(MonoTime),
    /// Its handler put it off.
    Deferred(MonoTime),
    /// Its backoff or its deferral has ended.
    Due,
    /// Its outputs and its mark are not confirmed.
    Succeeded,
    Letter(DeadLetterReason),
    Abandoned,
}

impl Place {
    /// Whether followers with its key wait: from its arrival to its Ok or its accepted letter (I8, B62).
    pub(super) fn holds_its_key(self) -> bool {
        use DeadLetterReason::{OutputRefused, Predecessor};
        !matches!(self, Place::Succeeded | Place::Abandoned | Place::Letter(OutputRefused | Predecessor))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Open {
    pub(super) record: Record,
    pub(super) place: Place,
    /// Handler calls that failed.
    failed: u32,
    /// Whether it was put off before: once is enough, so that states are not without end.
    deferred: bool,
}

/// How an attempt ends, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    Parks,
    Succeeds,
    /// With the length of the backoff that may follow.
    Fails(Failure, u64),
    /// Until then.
    Defers(MonoTime),
    /// There was none: poison, a crash, another content under its id.
    Condemned,
    /// There was none: nothing may start, and it is put back.
    PutBack,
}

/// Whether it is the end of an attempt that runs.
fn ends_an_attempt(ending: Ending) -> bool {
    matches!(ending, Ending::Succeeds | Ending::Fails(..) | Ending::Defers(_))
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Arrive(Ending),
    /// At this point in time. Time is a choice: any backoff may end before any other step.
    Resume(MonoTime, Ending),
    End(Offset, Ending),
    Mark(Offset),
    MarkAll,
    Refuse(Offset),
    Accept(Offset),
    Drain,
}

/// The entropy of the shortest and the longest backoff, and when these end.
pub(super) const SHORT: (u64, MonoTime) = (0, MonoTime::from_millis(1));
pub(super) const LONG: (u64, MonoTime) = (u64::MAX, MonoTime::from_millis(2));

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) partition: Partition,
    pub(super) open: BTreeMap<Offset, Open>,
    pub(super) arrived: usize,
    /// Ids marked as done.
    done: BTreeSet<u128>,
    /// The record of each lane that started last.
    pub(super) started: BTreeMap<LaneKey, Offset>,
    pub(super) draining: bool,
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        World {
            partition: Partition::new(plan.records[0].offset, plan.policy),
            open: BTreeMap::new(),
            arrived: 0,
            done: BTreeSet::new(),
            started: BTreeMap::new(),
            draining: false,
        }
    }

    /// Everything that may happen now, but for arrivals and the drain.
    pub(super) fn steps(&self, endings: &[Ending]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut succeeded = 0;
        for (&offset, open) in &self.open {
            match open.place {
                Place::Runs => {
                    let ends = endings
                        .iter()
                        .filter(|ending| ends_an_attempt(**ending))
                        .filter(|ending| !open.deferred || !matches!(ending, Ending::Defers(_)));
                    steps.extend(ends.map(|ending| Step::End(offset, *ending)));
                }
                Place::Succeeded => {
                    succeeded += 1;
                    steps.extend([Step::Mark(offset), Step::Refuse(offset)]);
                }
                Place::Letter(_) => steps.push(Step::Accept(offset)),
                Place::Waits | Place::BacksOff(_) | Place::Deferred(_) | Place::Due | Place::Abandoned => {}
            }
        }
        if succeeded > 1 {
            steps.push(Step::MarkAll);
        }
        if !self.draining {
            let mut times = vec![MonoTime::ZERO];
            times.extend(self.open.values().filter_map(|open| match open.place {
                Place::BacksOff(at) | Place::Deferred(at) => Some(at),
                _ => None,
            }));
            times.sort_unstable();
            times.dedup();
            for now in times.into_iter().filter(|now| self.next(*now).is_some()) {
                let starts = endings.iter().filter(|ending| !ends_an_attempt(**ending));
                steps.extend(starts.map(|ending| Step::Resume(now, *ending)));
            }
        }
        steps
    }

    pub(super) fn may_arrive(&self, plan: &Plan) -> bool {
        !self.draining && self.arrived < plan.records.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(super) fn lane(&self, record: Record) -> Option<LaneKey> {
        match self.partition.policy.lanes {
            LanePolicy::ByKey => record.key.map(LaneKey),
            LanePolicy::ByPartition => Some(LaneKey::PARTITION),
            LanePolicy::Unordered => None,
        }
    }

    /// Whether a record that came before holds this one's key.
    pub(super) fn waits_for_its_key(&self, record: Record) -> bool {
        let lane = self.lane(record);
        let before = self.open.range(..record.offset).map(|(_, open)| open);
        lane.is_some() && before.filter(|open| open.place.holds_its_key()).any(|open| self.lane(open.record) == lane)
    }

    /// Whether a record that came before has this one's id, and is not settled.
    pub(super) fn waits_for_its_twin(&self, record: Record) -> bool {
        self.partition.policy.twins && self.open.range(..record.offset).any(|(_, open)| open.record.id == record.id)
    }

    fn is_free(&self, record: Record) -> bool {
        !self.waits_for_its_key(record) && !self.waits_for_its_twin(record)
    }

    /// Who starts next: the first that may.
    fn next(&self, now: MonoTime) -> Option<Offset> {
        let may = |open: &&Open| match open.place {
            Place::Waits => self.is_free(open.record),
            Place::BacksOff(at) | Place::Deferred(at) => at <= now,
            Place::Due => true,
            _ => false,
        };
        self.open.values().find(may).map(|open| open.record.offset)
    }

    pub(super) fn step(&mut self, plan: &Plan, step: Step) {
        match step {
            Step::Arrive(ending) => self.arrive(plan, ending),
            Step::Resume(now, ending) => self.resume(plan, now, ending),
            Step::End(offset, ending) => self.end(plan, self.open[&offset].record, ending),
            Step::Mark(offset) => self.mark(&[offset]),
            Step::MarkAll => {
                let succeeded = self.open.values().filter(|open| open.place == Place::Succeeded);
                let succeeded: Vec<Offset> = succeeded.map(|open| open.record.offset).collect();
                self.mark(&succeeded);
            }
            Step::Refuse(offset) => {
                self.partition.refused(offset, self.open[&offset].record.id);
                self.put(offset, Place::Letter(DeadLetterReason::OutputRefused));
            }
            Step::Accept(offset) => self.accept(plan, offset),
            Step::Drain => {
                let waits =
                    |open: &&Open| matches!(open.place, Place::Waits | Place::BacksOff(_) | Place::Deferred(_) | Place::Due);
                let waiting: Vec<Offset> = self.open.values().filter(waits).map(|open| open.record.offset).collect();
                assert_eq!(self.partition.abandon_waiting(), waiting);
                waiting.into_iter().for_each(|offset| self.put(offset, Place::Abandoned));
                self.draining = true;
            }
        }
        self.rules_hold(plan);
    }

    fn put(&mut self, offset: Offset, place: Place) {
        self.open.get_mut(&offset).expect("it is open").place = place;
    }

    fn arrive(&mut self, plan: &Plan, ending: Ending) {
        let record = plan.records[self.arrived];
        let Record { offset, id, .. } = record;
        self.arrived += 1;
        assert!(self.partition.admit(offset));
        if self.done.contains(&id) {
            assert_eq!(self.partition.settled_before(offset), 1);
            return;
        }
        let lane = self.partition.lane(|| record.key);
        assert_eq!(lane, self.lane(record));
        let partition = &mut self.partition;
        let quietly = partition.is_quiet() && partition.arrive_quietly(offset, id);
        let arrival = if quietly { Arrival::Start } else { partition.arrive(offset, id, |_| lane) };
        assert_eq!(self.partition.owns(offset, id), !self.waits_for_its_twin(record), "{record:?} owns its id");
        assert_eq!(arrival == Arrival::Start, self.is_free(record), "{record:?} starts at its arrival");
        self.open.insert(offset, Open { record, place: Place::Waits, failed: 0, deferred: false });
        if arrival == Arrival::Wait {
            return;
        }
        match ending {
            Ending::Succeeds => {
                self.starts(record);
                self.put(offset, Place::Succeeded);
            }
            Ending::Fails(..) | Ending::Defers(_) => {
                self.starts(record);
                self.end(plan, record, ending);
            }
            Ending::Condemned => {
                self.partition.condemned(offset, id, lane, DeadLetterReason::Poison);
                self.put(offset, Place::Letter(DeadLetterReason::Poison));
            }
            Ending::Parks | Ending::PutBack => {
                self.starts(record);
                self.partition.parked(offset, id, lane);
                self.put(offset, Place::Runs);
            }
        }
    }

    fn resume(&mut self, plan: &Plan, now: MonoTime, ending: Ending) {
        let expected = self.next(now);
        for open in self.open.values_mut() {
            if matches!(open.place, Place::BacksOff(at) | Place::Deferred(at) if at <= now) {
                open.place = Place::Due;
            }
        }
        let next = self.partition.next_runnable(now);
        assert_eq!(next.map(|(offset, _)| offset), expected, "the first that may starts");
        let Some((offset, attempt)) = next else { return };
        let Open { record, failed, .. } = self.open[&offset];
        assert_eq!(attempt, failed + 1);
        assert!(attempt <= plan.policy.retry.max_attempts, "one attempt too many (I5, B13)");
        if self.done.contains(&record.id) {
            assert_eq!(self.partition.settled_before(offset), 1);
            self.open.remove(&offset);
            return;
        }
        match ending {
            Ending::PutBack => self.partition.not_started(offset),
            Ending::Condemned => {
                self.partition.condemned(offset, record.id, self.lane(record), DeadLetterReason::Crash);
                self.put(offset, Place::Letter(DeadLetterReason::Crash));
            }
            _ => {
                self.starts(record);
                self.put(offset, Place::Runs);
            }
        }
    }

    fn end(&mut self, plan: &Plan, record: Record, ending: Ending) {
        let offset = record.offset;
        if let Ending::Defers(at) = ending {
            self.partition.deferred(offset, record.id, self.lane(record), at, MonoTime::ZERO);
            self.open.get_mut(&offset).expect("it ran").deferred = true;
            return self.put(offset, Place::Deferred(at));
        }
        let Ending::Fails(failure, entropy) = ending else {
            self.partition.succeeded(offset);
            return self.put(offset, Place::Succeeded);
        };
        let lane = self.lane(record);
        let verdict = self.partition.failed(offset, record.id, lane, failure, MonoTime::ZERO, entropy);
        let open = self.open.get_mut(&offset).expect("it ran");
        open.failed += 1;
        let tried_again = matches!(failure, Failure::Transient | Failure::TimedOut);
        open.place = match verdict {
            Verdict::Retry { at } => Place::BacksOff(at),
            Verdict::GiveUp(reason) => Place::Letter(reason),
        };
        let again = tried_again && open.failed < plan.policy.retry.max_attempts;
        assert_eq!(matches!(verdict, Verdict::Retry { .. }), again, "{failure:?} after {} attempts (I5)", open.failed);
    }

    fn mark(&mut self, offsets: &[Offset]) {
        let marks: Vec<(u128, Offset)> = offsets.iter().map(|offset| (self.open[offset].record.id, *offset)).collect();
        if self.partition.policy.twins {
            self.done.extend(marks.iter().map(|(id, _)| *id));
            if !self.partition.marked_all(marks.len()) {
                marks.iter().for_each(|&(id, offset)| self.partition.marked(id, offset));
            }
        }
        for offset in offsets {
            assert_eq!(self.partition.settle(*offset..offset + 1), 1);
            self.open.remove(offset);
        }
    }

    fn accept(&mut self, plan: &Plan, offset: Offset) {
        let accepted = self.open.remove(&offset).expect("its letter was under way");
        let lane = self.lane(accepted.record);
        let parks = plan.policy.followers == Followers::Park && lane.is_some() && accepted.place.holds_its_key();
        let behind = |open: &&Open| parks && open.place == Place::Waits && self.lane(open.record) == lane;
        let behind: Vec<Offset> = self.open.values().filter(behind).map(|open| open.record.offset).collect();
        assert_eq!(self.partition.letter_accepted(offset), behind, "who is parked behind {offset}");
        behind.into_iter().for_each(|follower| self.put(follower, Place::Letter(DeadLetterReason::Predecessor)));
    }
}
