//! The rules a partition is held to: at each start, after each step, and at the end. The model knows only who was before
//! whom.

use super::world::{Ending, Open, Place, Plan, Record, Step, World};
use super::*;

impl World {
    /// The rules that hold at the start of an attempt.
    pub(super) fn starts(&mut self, record: Record) {
        let others = || self.open.values().filter(|open| open.record.offset != record.offset);
        if self.partition.policy.twins {
            let busy = |open: &Open| !matches!(open.place, Place::Waits | Place::Letter(_) | Place::Abandoned);
            assert!(!others().any(|open| open.record.id == record.id && busy(open)), "twins at once (B42)");
        }
        let Some(lane) = self.lane(record) else { return };
        for open in others().filter(|open| self.lane(open.record) == Some(lane)) {
            assert!(open.record.offset > record.offset || !open.place.holds_its_key(), "{open:?} holds the key (I8, B62)");
            assert!(open.place != Place::Runs, "two of one key at once (I8)");
        }
        let last = self.started.insert(lane, record.offset);
        assert!(last.is_none_or(|last| last <= record.offset), "{record:?} starts after {last:?} (I8, B17)");
    }

    /// The rules that hold always.
    pub(super) fn rules_hold(&self, plan: &Plan) {
        let next = self.arrived.checked_sub(1).map_or(plan.records[0].offset, |last| plan.records[last].offset + 1);
        let lowest = self.open.keys().next().copied().unwrap_or(next);
        let partition = &self.partition;
        assert_eq!(partition.ledger().watermark(), lowest, "the watermark is the lowest record not settled (I2, I4)");
        assert_eq!(partition.ledger().in_flight(), self.open.len() as u64);
        let (mut held, mut holders, mut ids) = (0, BTreeMap::new(), BTreeMap::new());
        for open in self.open.values().filter(|open| open.place != Place::Abandoned) {
            let record = open.record;
            ids.entry(record.id).or_insert(record.offset);
            if let Some(lane) = self.lane(record).filter(|_| open.place.holds_its_key()) {
                holders.entry(lane).or_insert(record.offset);
            }
            let stage = match open.place {
                Place::Waits if self.waits_for_its_key(record) => Stage::Waiting,
                Place::Waits if self.waits_for_its_twin(record) => Stage::Twin,
                Place::Waits | Place::Due => Stage::Runnable,
                Place::Runs => Stage::Running,
                Place::BacksOff(at) => Stage::Backoff(at),
                Place::Deferred(at) => Stage::Deferred(at),
                Place::Letter(reason) => Stage::Letter(reason),
                Place::Succeeded | Place::Abandoned => {
                    assert_eq!(partition.held(record.offset), None);
                    continue;
                }
            };
            held += 1;
            assert_eq!(partition.held(record.offset).map(|held| held.stage), Some(stage), "{record:?} of {self:?}");
        }
        assert_eq!((partition.held_count(), partition.is_quiet()), (held, held == 0));
        if plan.policy.twins {
            assert_eq!(partition.twins.len(), ids.len(), "the ids under way are those of open records");
            assert!(ids.iter().all(|(id, first)| partition.twins.holder(*id) == Some(*first)), "the first holds its id");
        }
        if !self.draining {
            assert_eq!(partition.lanes.locked(), holders.len(), "{self:?}");
            assert!(holders.iter().all(|(lane, first)| partition.lanes.holder(*lane) == Some(*first)));
            let ends = |open: &Open| matches!(open.place, Place::Runs | Place::Succeeded | Place::Letter(_));
            let goes_on = partition.has_runnable() || partition.next_due().is_some() || self.open.values().any(ends);
            assert!(self.open.is_empty() || goes_on, "stuck: {self:?}");
        }
    }

    /// Whatever is under way ends well, in the order of offsets, and nothing more arrives; then nothing is left (I19).
    pub(super) fn heal(mut self, plan: &Plan) {
        let endings = [Ending::Parks, Ending::Succeeds];
        let mut steps = 0;
        while let Some(step) = self.steps(&endings).into_iter().find(|step| !matches!(step, Step::Refuse(_))) {
            self.step(plan, step);
            steps += 1;
            assert!(steps <= 10_000, "it never ends");
        }
        if self.draining {
            // Attempts that failed meanwhile.
            self.step(plan, Step::Drain);
            self.open.retain(|_, open| open.place != Place::Abandoned);
        }
        self.nothing_is_left();
    }

    /// Delivered = settled + abandoned, and nothing is under way (I19).
    fn nothing_is_left(&self) {
        let Partition { lanes, twins, held, runnable, backoffs, .. } = &self.partition;
        assert_eq!(self.open, BTreeMap::new());
        assert!(lanes.is_empty() && lanes.waiting() == 0, "a key is busy: {self:?}");
        assert!(twins.is_empty(), "an id is under way: {self:?}");
        assert!(held.is_empty() && runnable.is_empty() && backoffs.is_empty(), "a record is held: {self:?}");
    }
}
