//! Owns what may happen at a moment of a world. Leaves what becomes of it to `happens`.

use super::{State, Universe};
use crate::model::action::{Action, Of};
use crate::model::client::{Fetched, Told};
use crate::model::group::{Holding, Leg};
use crate::model::member::Member;
use crate::model::worker::{MarkFate, Outcome};
use crate::model::world::Nature;
use millstream_core::clock::MonoTime;

/// How often time may pass over what a member was told. Once is enough to be late for everything; more only repeats it.
const DEAF: u8 = 1;

impl Universe {
    pub(super) fn actions_of(&self, state: &State, number: u8, into: &mut Vec<Action>) {
        let member = state.members[usize::from(number)].get();
        let (client, left) = (&member.client, &state.left);
        if !client.told.is_empty() {
            into.push(Action::Hear(number));
        }
        if self.fetch(member).is_some() {
            into.push(Action::Fetch(number));
            if left.late_batches > 0 {
                into.push(Action::HoldUp(number));
            }
        }
        if client.late.is_some() && client.told.is_empty() {
            into.push(Action::TakeLate(number));
        }
        if client.submitted.is_some() {
            into.push(Action::Write(number));
        }
        if member.due(state.now).is_some_and(|due| due <= state.now) {
            into.push(Action::Wake(number));
        }
        if member.is_leaving() && member.has_left(state.now) {
            into.push(Action::Leave(number));
        }
        let busy = member.workers().next().is_some();
        if busy && left.crashes > 0 {
            into.push(Action::Crash(number));
        }
        if busy && left.stops > 0 && !member.is_leaving() {
            into.push(Action::Stop(number));
        }
        for (epoch, worker) in member.workers() {
            let of = Of(number, u8::try_from(epoch.0).expect("few epochs fit into a small world"));
            if !worker.works() {
                if !worker.gone {
                    into.push(Action::WorkerEnds(of));
                }
                continue;
            }
            if worker.asks(&self.world) {
                into.push(Action::LookUp(of));
            }
            for offset in worker.running().iter() {
                let small = offset as u8;
                if self.world.entry(offset).nature == Nature::Kills {
                    into.push(Action::Kills(of, small));
                    continue;
                }
                into.push(Action::Ends(of, small, Outcome::Ok));
                if left.transients > 0 {
                    into.push(Action::Ends(of, small, Outcome::Transient));
                }
                if left.permanents > 0 {
                    into.push(Action::Ends(of, small, Outcome::Permanent));
                }
            }
            for offset in worker.owing(&self.world) {
                into.push(Action::Output(of, offset as u8));
                if left.refused_outputs > 0 {
                    into.push(Action::OutputRefused(of, offset as u8));
                }
            }
            if worker.marks() {
                into.push(Action::Mark(of, MarkFate::Applied));
                if left.lost_marks > 0 {
                    into.extend([Action::Mark(of, MarkFate::AnswerLost), Action::Mark(of, MarkFate::Lost)]);
                }
            }
            if worker.sends_letters() {
                into.push(Action::Letters(of, true));
                if left.refused_letters > 0 {
                    into.push(Action::Letters(of, false));
                }
            }
        }
    }

    pub(super) fn actions_of_group(&self, state: &State, into: &mut Vec<Action>) {
        let (group, left) = (&state.group, &state.left);
        if group.holding == Holding::Free {
            for (number, member) in (0_u8..).zip(&state.members) {
                let first = group.holder.is_none();
                let is_joined = group.joined[usize::from(number)] == Some(member.get().life);
                // What it gave up is not offered to it again.
                let gave_up = group.holder.is_some_and(|(holder, _)| holder.member == number) && member.get().is_leaving();
                if is_joined && (number == 0 || !first) && !gave_up {
                    into.push(Action::Assign(number));
                }
            }
        } else if group.holder.is_some_and(|(holder, _)| group.is_ghost(holder)) {
            into.push(Action::Miss);
        } else {
            if left.expiries > 0 {
                into.push(Action::Expire);
            }
            match group.holding {
                Holding::Revoking(until) if until <= state.now => into.push(Action::BudgetEnds),
                Holding::Owned if left.rebalances > 0 => into.push(Action::Rebalance),
                _ => {}
            }
        }
        for (place, on_wire) in (0_u8..).zip(&group.wire) {
            match on_wire.leg {
                Leg::There | Leg::Orphan(_) => into.push(Action::Arrive(place)),
                Leg::Back(_) => into.push(Action::Reply(place)),
            }
            if !matches!(on_wire.leg, Leg::Orphan(_)) && left.lost_replies > 0 {
                into.push(Action::LoseReply(place));
            }
        }
    }

    /// What a member's client may yield next (C1, C3, C4, C8).
    pub(super) fn fetch(&self, member: &Member) -> Option<Fetched> {
        let client = &member.client;
        let owned = client.owned.filter(|owned| owned.demand > 0 && client.told.is_empty())?;
        let position = owned.position.filter(|_| client.late.is_none_or(|late| late.epoch != owned.epoch))?;
        let epoch = owned.epoch;
        match self.world.next_entry(position) {
            Some(entry) => Some(Fetched { epoch, record: Some(entry.offset), next: entry.offset + 1 }),
            None => (position < self.world.end).then_some(Fetched { epoch, record: None, next: self.world.end }),
        }
    }

    /// Whether nothing else may come before an action.
    pub(super) fn is_at_once(&self, state: &State, action: Action) -> bool {
        let at_once = &self.world.at_once;
        match action {
            Action::LookUp(_) => at_once.look_ups,
            Action::Mark(..) => at_once.marks,
            Action::WorkerEnds(_) => at_once.ends,
            Action::Write(_) => at_once.writes,
            Action::Arrive(place) => at_once.arrivals && state.group.wire[usize::from(place)].leg == Leg::There,
            Action::Hear(number) => {
                let told = state.members[usize::from(number)].get().client.told.front();
                at_once.assignments && matches!(told, Some(Told::Assigned(..)))
            }
            _ => false,
        }
    }

    /// When somebody waits for time to pass, if it may.
    pub(super) fn next_time(&self, state: &State) -> Option<MonoTime> {
        let late = |number: usize| !state.members[number].get().client.told.is_empty() && state.deaf[number] >= DEAF;
        let dues: Vec<MonoTime> = state.members.iter().filter_map(|member| member.get().due(state.now)).collect();
        if late(0) || late(1) || dues.iter().any(|due| *due <= state.now) {
            return None;
        }
        let until = match state.group.holding {
            Holding::Revoking(until) => Some(until),
            _ => None,
        };
        let orphans = state.group.wire.iter().filter_map(|on_wire| match on_wire.leg {
            Leg::Orphan(until) => Some(until),
            _ => None,
        });
        dues.into_iter().chain(until).chain(orphans).filter(|due| *due > state.now).min()
    }
}
