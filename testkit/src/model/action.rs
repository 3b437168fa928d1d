//! Owns the names of all that can happen, and how a trace says them. Leaves when each may happen to `universe`.

use super::worker::{MarkFate, Outcome};
use super::world::World;
use std::fmt;

/// A worker: its member and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Of(pub u8, pub u8);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{} epoch {}", self.0 + 1, self.1)
    }
}

/// Something that happens. Members, epochs, offsets and places on the wire are numbers below 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The group gives the free partition to a member.
    Assign(u8),
    /// A member hears what the group told it.
    Hear(u8),
    /// A batch is fetched and delivered.
    Fetch(u8),
    /// A batch is fetched and held up. A fault.
    HoldUp(u8),
    /// A batch that was held up is delivered.
    TakeLate(u8),
    /// The deduplicator answers a look-up.
    LookUp(Of),
    /// An attempt ends. A failure is a fault.
    Ends(Of, u8, Outcome),
    /// An attempt kills its process.
    Kills(Of, u8),
    /// An output is acknowledged.
    Output(Of, u8),
    /// An output is refused for good. A fault.
    OutputRefused(Of, u8),
    /// A call that marks ends. Anything but applied is a fault.
    Mark(Of, MarkFate),
    /// The error sink answers; a refusal is a fault.
    Letters(Of, bool),
    /// A worker that was told to stop, or has drained, ends and is heard of.
    WorkerEnds(Of),
    /// A member's client writes the commit it was given.
    Write(u8),
    /// A commit arrives at the broker.
    Arrive(u8),
    /// Its answer arrives at the member.
    Reply(u8),
    /// The answer is lost, or does not come in time. A fault.
    LoseReply(u8),
    /// The group begins to take the partition away. A fault, as far as a rebalance is one.
    Rebalance,
    /// The owner's session expires. A fault.
    Expire,
    /// The group misses an owner that crashed.
    Miss,
    /// The budget of a rebalance ends.
    BudgetEnds,
    /// A process ends without a word, and the next one starts. A fault.
    Crash(u8),
    /// A service is told to stop. A fault, as far as a stop is one.
    Stop(u8),
    /// A service that was told to stop leaves the group.
    Leave(u8),
    /// A member's timers fire.
    Wake(u8),
    /// Time passes, to the next point somebody waits for.
    Time,
}

impl Action {
    /// Whether it need not happen.
    pub fn is_fault(self) -> bool {
        match self {
            Action::Ends(_, _, outcome) => outcome != Outcome::Ok,
            Action::Mark(_, fate) => fate != MarkFate::Applied,
            Action::Letters(_, taken) => !taken,
            Action::HoldUp(_) | Action::OutputRefused(..) | Action::LoseReply(_) | Action::Rebalance | Action::Expire => true,
            Action::Crash(_) | Action::Stop(_) => true,
            _ => false,
        }
    }

    /// Whether it is a fault that befalls what `other` would do.
    pub fn may_replace(self, other: Action) -> bool {
        match (self, other) {
            (Action::Mark(of, _), Action::Mark(other, _)) => of == other,
            (Action::LoseReply(place), Action::Arrive(other)) => place == other,
            _ => false,
        }
    }

    /// What it is, in a few words. What it leads to is added by who knows the state.
    pub fn say(self, world: &World) -> String {
        let outcome = |outcome| match outcome {
            Outcome::Ok => "returns Ok",
            Outcome::Transient => "fails in a way that may pass",
            Outcome::Permanent => "fails for good",
        };
        let member = |number: u8| format!("M{}", number + 1);
        match self {
            Action::Assign(number) => format!("group: gives the partition to {}", member(number)),
            Action::Hear(number) => format!("{}: hears", member(number)),
            Action::Fetch(number) => format!("{}: is delivered", member(number)),
            Action::HoldUp(number) => format!("{}: has fetched, held up:", member(number)),
            Action::TakeLate(number) => format!("{}: is delivered late", member(number)),
            Action::LookUp(of) => format!("{of}: the deduplicator answers a look-up"),
            Action::Ends(of, offset, how) => format!("{of}: the handler of record {offset} {}", outcome(how)),
            Action::Kills(of, offset) => format!("{of}: the handler of record {offset} kills the process"),
            Action::Output(of, offset) => {
                let of_all = world.entry(offset.into()).outputs;
                format!("{of}: one of {of_all} outputs of record {offset} is acknowledged")
            }
            Action::OutputRefused(of, offset) => format!("{of}: an output of record {offset} is refused for good"),
            Action::Mark(of, MarkFate::Applied) => format!("{of}: a mark is applied"),
            Action::Mark(of, MarkFate::AnswerLost) => format!("{of}: a mark is applied, its answer lost"),
            Action::Mark(of, MarkFate::Lost) => format!("{of}: a mark is lost"),
            Action::Letters(of, true) => format!("{of}: dead letters are accepted"),
            Action::Letters(of, false) => format!("{of}: dead letters are refused"),
            Action::WorkerEnds(of) => format!("{of}: the worker ends"),
            Action::Write(number) => format!("{}: writes its commit", member(number)),
            Action::Arrive(_) => String::from("broker: a commit arrives"),
            Action::Reply(_) => String::from("wire: a commit's answer arrives"),
            Action::LoseReply(_) => String::from("wire: a commit's outcome is unknown"),
            Action::Rebalance => String::from("group: begins to take the partition away"),
            Action::Expire => String::from("group: the owner's session expires"),
            Action::Miss => String::from("group: misses the owner that crashed"),
            Action::BudgetEnds => String::from("group: the budget to give up is over"),
            Action::Crash(number) => format!("{}: crashes, and starts anew", member(number)),
            Action::Stop(number) => format!("{}: is told to stop", member(number)),
            Action::Leave(number) => format!("{}: leaves the group", member(number)),
            Action::Wake(number) => format!("{}: its timers fire", member(number)),
            Action::Time => String::from("time passes"),
        }
    }
}
