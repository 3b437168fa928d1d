//! Owns what may happen in a world at a moment, and what becomes of it. Leaves what members and the group do about it to
//! `member` and `group`, and the walk through all moments to `search`.

use super::action::{Action, Of};
use super::client::{Fetched, Told};
use super::group::{Group, Holding, Leg, OnWire, Process};
use super::member::{Cx, Member};
use super::print::{ByPrint, Fingerprint, Shared};
use super::search::{Model, Violation};
use super::truth::Truth;
use super::worker::{MarkFate, Outcome};
use super::world::{Faults, Nature, World};
use millstream_core::clock::MonoTime;
use millstream_core::contract::{Applied, Committed, Epoch, NotApplied};
use millstream_core::engine::CommitPolicy;
use millstream_core::planted;
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

/// How often time may pass over what a member was told. Once is enough to be late for everything; more only repeats it.
const DEAF: u8 = 1;

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

    /// Lets something happen to a member.
    fn change<T>(
        &self,
        state: &mut State,
        broken: &mut Vec<Violation>,
        number: u8,
        what: impl FnOnce(&mut Member, &mut Cx<'_>) -> T,
    ) -> T {
        let mut member = state.members[usize::from(number)].get().clone();
        let mut released = Vec::new();
        let mut cx = Cx { world: &self.world, now: state.now, truth: &mut state.truth, broken, released: &mut released };
        let answer = what(&mut member, &mut cx);
        let process = Process { member: number, life: member.life };
        for epoch in released {
            state.group.release(process, epoch);
        }
        broken.extend(member.workers().filter_map(|(_, worker)| worker.broken()));
        state.members[usize::from(number)] = self.share(member);
        answer
    }

    fn work(
        &self,
        state: &mut State,
        broken: &mut Vec<Violation>,
        Of(number, epoch): Of,
        what: impl FnOnce(&mut super::worker::Worker, &mut Cx<'_>),
    ) {
        self.change(state, broken, number, |member, cx| member.with_worker(Epoch(epoch.into()), cx, what));
    }

    fn actions_of(&self, state: &State, number: u8, into: &mut Vec<Action>) {
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

    fn actions_of_group(&self, state: &State, into: &mut Vec<Action>) {
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
    fn fetch(&self, member: &Member) -> Option<Fetched> {
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
    fn is_at_once(&self, state: &State, action: Action) -> bool {
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
    fn next_time(&self, state: &State) -> Option<MonoTime> {
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

/// Whether a client writes a commit under this epoch (C6).
fn may_be_written(member: &Member, epoch: Epoch) -> bool {
    if planted!(B23) {
        return true;
    }
    if planted!(B40) {
        return true;
    }
    if planted!(B65) {
        return true;
    }
    member.client.owns(epoch)
}

fn shown(fetched: Fetched) -> String {
    match fetched.record {
        Some(offset) => format!(" record {offset}, epoch {}", fetched.epoch.0),
        None => format!(" nothing up to {}, epoch {}", fetched.next, fetched.epoch.0),
    }
}

impl Universe {
    fn happens(&self, state: &mut State, action: Action, broken: &mut Vec<Violation>) {
        match action {
            Action::Assign(number) => {
                let mut member = state.members[usize::from(number)].get().clone();
                let stored = state.group.stored.as_ref().map(|stored| (stored.offset, stored.metadata.clone()));
                member.client.epochs += 1;
                let epoch = Epoch(member.client.epochs);
                member.client.told.push_back(Told::Assigned(epoch, stored));
                state.group.assign(Process { member: number, life: member.life }, epoch);
                state.members[usize::from(number)] = self.share(member);
            }
            Action::Hear(number) => {
                let thrown_out = self.change(state, broken, number, |member, cx| member.hear(cx));
                if thrown_out {
                    let life = state.members[usize::from(number)].get().life;
                    state.group.join(Process { member: number, life });
                }
                if state.members[usize::from(number)].get().client.told.is_empty() {
                    state.deaf[usize::from(number)] = 0;
                }
            }
            Action::Fetch(number) => {
                let batch = self.fetch(state.members[usize::from(number)].get()).expect("only what may be fetched is");
                self.change(state, broken, number, |member, cx| {
                    member.client.fetched(batch);
                    member.take(batch, cx);
                });
            }
            Action::HoldUp(number) => {
                state.left.late_batches -= 1;
                let batch = self.fetch(state.members[usize::from(number)].get()).expect("only what may be fetched is");
                self.change(state, broken, number, |member, _| {
                    member.client.fetched(batch);
                    member.client.late = Some(batch);
                });
            }
            Action::TakeLate(number) => self.change(state, broken, number, |member, cx| {
                if let Some(batch) = member.client.late.take() {
                    member.take(batch, cx);
                }
            }),
            Action::LookUp(of) => self.work(state, broken, of, |worker, cx| worker.looked_up(cx)),
            Action::Ends(of, offset, outcome) => {
                match outcome {
                    Outcome::Ok => {}
                    Outcome::Transient => state.left.transients -= 1,
                    Outcome::Permanent => state.left.permanents -= 1,
                }
                self.work(state, broken, of, |worker, cx| worker.attempt_ends(offset.into(), outcome, cx));
            }
            Action::Output(of, offset) => {
                self.work(state, broken, of, |worker, cx| worker.output_acknowledged(offset.into(), cx));
            }
            Action::OutputRefused(of, offset) => {
                state.left.refused_outputs -= 1;
                self.work(state, broken, of, |worker, cx| worker.output_refused(offset.into(), cx));
            }
            Action::Mark(of, fate) => {
                state.left.lost_marks -= u8::from(fate != MarkFate::Applied);
                self.work(state, broken, of, |worker, cx| worker.mark_ends(fate, cx));
            }
            Action::Letters(of, taken) => {
                state.left.refused_letters -= u8::from(!taken);
                self.work(state, broken, of, |worker, cx| worker.letters_answered(taken, cx));
            }
            Action::WorkerEnds(Of(number, epoch)) => {
                self.change(state, broken, number, |member, cx| member.worker_ended(Epoch(epoch.into()), cx));
            }
            Action::Write(number) => self.write(state, broken, number),
            Action::Arrive(place) => self.arrives(state, broken, usize::from(place)),
            Action::Reply(place) => {
                let on_wire = state.group.wire.remove(usize::from(place));
                if let Leg::Back(applied) = on_wire.leg {
                    self.answer(state, broken, &on_wire, applied);
                }
            }
            Action::LoseReply(place) => {
                state.left.lost_replies -= 1;
                let on_wire = state.group.wire[usize::from(place)].clone();
                self.abandon(state, usize::from(place));
                self.answer(state, broken, &on_wire, Applied::Unknown);
            }
            Action::Rebalance => {
                state.left.rebalances -= 1;
                state.group.holding = Holding::Revoking(state.now.after(self.world.budget));
                self.tell_holder(state, Told::Revoking);
            }
            Action::Expire | Action::BudgetEnds => {
                state.left.expiries -= u8::from(action == Action::Expire);
                state.group.holding = Holding::Free;
                if let Some((holder, _)) = state.group.holder {
                    state.group.joined[usize::from(holder.member)] = None;
                }
                self.tell_holder(state, Told::Lost);
            }
            Action::Miss => state.group.holding = Holding::Free,
            Action::Crash(number) | Action::Kills(Of(number, _), _) => {
                state.left.crashes -= u8::from(matches!(action, Action::Crash(_)));
                self.ends(state, number);
                let life = state.members[usize::from(number)].get().life + 1;
                state.members[usize::from(number)] = self.share(Member::new(&self.world, number, life));
                state.group.join(Process { member: number, life });
                state.deaf[usize::from(number)] = 0;
            }
            Action::Stop(number) => {
                state.left.stops -= 1;
                self.change(state, broken, number, |member, cx| member.stop(cx));
            }
            Action::Leave(number) => {
                self.write(state, broken, number);
                self.ends(state, number);
                let life = state.members[usize::from(number)].get().life;
                state.group.leave(Process { member: number, life });
                state.members[usize::from(number)] = self.share(Member::new(&self.world, number, life));
                state.deaf[usize::from(number)] = 0;
            }
            Action::Wake(number) => self.change(state, broken, number, |member, cx| member.wake(cx)),
            Action::Time => {
                state.now = self.next_time(state).expect("time passes only if somebody waits");
                let now = state.now;
                state.group.wire.retain(|on_wire| !matches!(on_wire.leg, Leg::Orphan(until) if until <= now));
                for (member, deaf) in state.members.iter().zip(&mut state.deaf) {
                    *deaf += u8::from(!member.get().client.told.is_empty());
                }
            }
        }
    }

    fn tell_holder(&self, state: &mut State, told: impl FnOnce(Epoch) -> Told) {
        if let Some((holder, epoch)) = state.group.holder {
            let mut member = state.members[usize::from(holder.member)].get().clone();
            member.client.told.push_back(told(epoch));
            state.members[usize::from(holder.member)] = self.share(member);
        }
    }

    /// A member's client writes what it was given; what has ended is not written (C6).
    fn write(&self, state: &mut State, broken: &mut Vec<Violation>, number: u8) {
        let mut member = state.members[usize::from(number)].get().clone();
        let Some(mut request) = member.client.submitted.take() else { return };
        let from = Process { member: number, life: member.life };
        let on_wire = |request, leg| OnWire { from, generation: state.group.known[usize::from(number)], request, leg };
        let asked = request.entries.len();
        request.entries.retain(|entry| may_be_written(&member, entry.epoch));
        debug_assert!(asked <= 1 || request.entries.len() == asked, "one partition has one open epoch");
        state.members[usize::from(number)] = self.share(member);
        if request.entries.is_empty() {
            let on_wire = on_wire(request, Leg::There);
            return self.answer(state, broken, &on_wire, Applied::NotApplied(NotApplied::Stale));
        }
        let on_wire = on_wire(request, Leg::There);
        state.group.wire.push(on_wire);
    }

    fn arrives(&self, state: &mut State, broken: &mut Vec<Violation>, place: usize) {
        let on_wire = state.group.wire[place].clone();
        let mut released = Vec::new();
        let mut cx = Cx { world: &self.world, now: state.now, truth: &mut state.truth, broken, released: &mut released };
        let applied = state.group.receive(on_wire.from, on_wire.generation, &on_wire.request, &mut cx);
        match on_wire.leg {
            Leg::Orphan(_) => _ = state.group.wire.remove(place),
            _ => state.group.wire[place].leg = Leg::Back(applied),
        }
    }

    /// A member hears what became of its commit.
    fn answer(&self, state: &mut State, broken: &mut Vec<Violation>, on_wire: &OnWire, applied: Applied) {
        let results = on_wire.request.entries.iter().map(|entry| (entry.epoch, entry.offset, applied)).collect();
        let committed = Committed::new(on_wire.request.id, results);
        self.change(state, broken, on_wire.from.member, |member, cx| member.committed(&committed, cx));
    }

    /// Nobody waits for an answer any more.
    fn abandon(&self, state: &mut State, place: usize) {
        match state.group.wire[place].leg {
            Leg::There => {
                let life = CommitPolicy::default().request_life;
                state.group.wire[place].leg = Leg::Orphan(state.now.after(life));
            }
            Leg::Back(_) => _ = state.group.wire.remove(place),
            Leg::Orphan(_) => {}
        }
    }

    /// A process ends: its requests outlive it.
    fn ends(&self, state: &mut State, number: u8) {
        for place in (0..state.group.wire.len()).rev() {
            if state.group.wire[place].from.member == number {
                self.abandon(state, place);
            }
        }
    }
}
