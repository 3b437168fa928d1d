//! Owns all moments of a world: what a state is, and how a trace speaks of it. Leaves what members and the group do to
//! `member` and `group`, and the walk through all moments to `search`.

mod happens;
mod may;

use super::action::Action;
use super::client::{Fetched, Told};
use super::group::{Group, Leg};
use super::member::Member;
use super::print::{ByPrint, Fingerprint, Shared};
use super::search::{Model, Violation};
use super::truth::Truth;
use super::world::{Faults, World};
use millstream_core::clock::MonoTime;
use millstream_core::contract::Applied;
use std::cell::RefCell;
use std::collections::HashMap;

/// A moment of a world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    now: MonoTime,
    members: [Shared<Member>; 2],
    group: Group,
    truth: Truth,
    left: Faults,
    /// How often time has passed over what a member was told and has not heard.
    deaf: [u8; 2],
}

/// Processes that are kept to be shared among states.
const SHARED: usize = 100_000;

/// All that may happen in a world.
pub struct Universe {
    world: World,
    shared: RefCell<HashMap<Fingerprint, Shared<Member>, ByPrint>>,
}

impl Universe {
    /// That of a world.
    pub fn new(world: World) -> Self {
        Universe { world, shared: RefCell::default() }
    }

    /// One value for equal processes: most states differ in one of them.
    fn share(&self, member: Member) -> Shared<Member> {
        let member = Shared::new(member);
        let mut shared = self.shared.borrow_mut();
        if shared.len() >= SHARED {
            shared.clear();
        }
        shared.entry(member.print()).or_insert(member).clone()
    }
}

impl Model for Universe {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        let members = [0, 1].map(|number| self.share(Member::new(&self.world, number, 0)));
        State {
            now: MonoTime::from_millis(1),
            members,
            group: Group::new(),
            truth: Truth::default(),
            left: self.world.faults,
            deaf: [0; 2],
        }
    }

    fn actions(&self, state: &State, into: &mut Vec<Action>) {
        self.actions_of_group(state, into);
        self.actions_of(state, 0, into);
        self.actions_of(state, 1, into);
        let waits = |action: &Action| action.is_fault() || matches!(action, Action::Ends(..));
        if self.next_time(state).is_some() && (!self.world.at_once.all_in_time || into.iter().all(waits)) {
            into.push(Action::Time);
        }
        // Faults that may come in its place stay possible.
        if let Some(first) = into.iter().copied().find(|action| self.is_at_once(state, *action)) {
            into.retain(|action| *action == first || action.may_replace(first));
        }
    }

    fn step(&self, before: &State, action: Action) -> (State, Vec<Violation>) {
        let (mut state, mut broken) = (before.clone(), Vec::new());
        self.happens(&mut state, action, &mut broken);
        (state, broken)
    }

    fn at_rest(&self, state: &State) -> Option<Violation> {
        if let Some(open) = state.truth.first_unsettled(&self.world, self.world.end) {
            return Some(Violation::new("I1", format!("nothing more happens, and record {open} is not settled")));
        }
        let committed = state.group.stored.as_ref().map(|stored| stored.offset);
        let (end, committed) = (self.world.end, committed.unwrap_or(0));
        let what = || format!("nothing more happens, all is settled, and {committed} is committed instead of {end}");
        (committed != end).then(|| Violation::new("I10", what()))
    }

    fn is_fault(&self, action: Action) -> bool {
        action.is_fault()
    }

    fn tell(&self, before: &State, action: Action, after: &State) -> String {
        let mut said = action.say(&self.world);
        let told = |number: u8| before.members[usize::from(number)].get().client.told.front();
        match action {
            Action::Hear(number) => match told(number) {
                Some(Told::Assigned(epoch, committed)) => {
                    let at = committed.as_ref().map_or(0, |(offset, _)| *offset);
                    said += &format!(" that it is given the partition, epoch {}, from {at} on", epoch.0);
                }
                Some(Told::Revoking(epoch)) => said += &format!(" that epoch {} is taken away", epoch.0),
                Some(Told::Lost(epoch)) => said += &format!(" that epoch {} is lost", epoch.0),
                None => {}
            },
            Action::Fetch(number) | Action::HoldUp(number) => {
                let fetched = self.fetch(before.members[usize::from(number)].get());
                said += &fetched.map_or_else(String::new, shown);
            }
            Action::TakeLate(number) => {
                said += &before.members[usize::from(number)].get().client.late.map_or_else(String::new, shown);
            }
            Action::Arrive(place) | Action::Reply(place) | Action::LoseReply(place) => {
                let on_wire = &before.group.wire[usize::from(place)];
                for entry in &on_wire.request.entries {
                    let (from, epoch, offset) = (on_wire.from.member + 1, entry.epoch.0, entry.offset);
                    said += &format!(", M{from}'s commit {} of {offset} under epoch {epoch}", on_wire.request.id.0);
                }
                if let Leg::Back(Applied::NotApplied(_)) = on_wire.leg {
                    said += ": not applied";
                }
            }
            Action::Write(number) => {
                let submitted = before.members[usize::from(number)].get().client.submitted.as_ref();
                for entry in submitted.into_iter().flat_map(|request| &request.entries) {
                    said += &format!(" of {} under epoch {}", entry.offset, entry.epoch.0);
                }
            }
            Action::Time => said += &format!(", {} ms", after.now.since(before.now).as_millis()),
            _ => {}
        }
        let committed = |state: &State| state.group.stored.as_ref().map(|stored| stored.offset);
        if committed(before) != committed(after) {
            said += &format!("; committed: {}", committed(after).unwrap_or(0));
        }
        said
    }
}

fn shown(fetched: Fetched) -> String {
    match fetched.record {
        Some(offset) => format!(" record {offset}, epoch {}", fetched.epoch.0),
        None => format!(" nothing up to {}, epoch {}", fetched.next, fetched.epoch.0),
    }
}
