//! Owns what becomes of a moment when something happens in it. Leaves what may happen to `may`.

use super::{State, Universe};
use crate::model::action::{Action, Of};
use crate::model::client::Told;
use crate::model::group::{Holding, Leg, OnWire, Process};
use crate::model::member::{Cx, Member};
use crate::model::search::Violation;
use crate::model::worker::{MarkFate, Outcome, Worker};
use millstream_core::contract::{Applied, Committed, Epoch, NotApplied};
use millstream_core::engine::CommitPolicy;
use millstream_core::planted;

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

impl Universe {
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
        what: impl FnOnce(&mut Worker, &mut Cx<'_>),
    ) {
        self.change(state, broken, number, |member, cx| member.with_worker(Epoch(epoch.into()), cx, what));
    }

    pub(super) fn happens(&self, state: &mut State, action: Action, broken: &mut Vec<Violation>) {
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
