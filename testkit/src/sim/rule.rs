//! Owns rules: what befalls a certain request of a member, told by what it is about and how many of its kind came before.
//! Leaves chance to schedules of faults.

use super::network::{MemberNo, Operation};
use std::fmt;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Request {
    /// Shows that a member lives, or joins.
    Heartbeat,
    /// Commits.
    Commit,
    /// Reads.
    Fetch,
    /// Writes.
    Produce,
    /// Looks ids up.
    Check,
    /// Marks ids.
    Mark,
    /// Hands dead letters to the error sink.
    Letter,
}

impl Request {
    /// The kind of an operation; questions about topics have none.
    pub(super) fn of(operation: Operation) -> Option<Self> {
        Some(match operation {
            Operation::Group => Request::Heartbeat,
            Operation::Commit => Request::Commit,
            Operation::Fetch => Request::Fetch,
            Operation::Produce => Request::Produce,
            Operation::Check => Request::Check,
            Operation::Mark => Request::Mark,
            Operation::Letter => Request::Letter,
            Operation::Metadata => return None,
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Request::Heartbeat => "heartbeat",
            Request::Commit => "commit",
            Request::Fetch => "fetch",
            Request::Produce => "write",
            Request::Check => "look-up",
            Request::Mark => "mark",
            Request::Letter => "dead letter",
        })
    }
}

/// What befalls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It does not arrive.
    RequestLost,
    /// It is done, and nobody hears of it.
    ReplyLost,
    /// Its sender is killed, and it is done all the same.
    KillsWhenDone,
    /// Its sender is killed before it arrives.
    KillsBefore,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::RequestLost => "is lost",
            Effect::ReplyLost => "is done and its reply lost",
            Effect::KillsWhenDone => "is done, and its sender killed",
            Effect::KillsBefore => "is not sent: its sender is killed",
        })
    }
}

/// The so many-th request of a kind of a member meets an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rule {
    /// Which member.
    pub member: MemberNo,
    /// Which kind.
    pub request: Request,
    /// The first from now on is 1.
    pub nth: u32,
    /// What befalls it.
    pub effect: Effect,
}

impl Rule {
    /// The `nth` request of a kind from now on, of a member, meets an effect.
    pub fn new(member: MemberNo, request: Request, nth: u32, effect: Effect) -> Self {
        Rule { member, request, nth: nth.max(1), effect }
    }

    fn is_about(&self, member: MemberNo, operation: Operation) -> bool {
        self.member == member && Request::of(operation) == Some(self.request)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { member, request, nth, effect } = self;
        match nth {
            1 => write!(f, "the next {request} of member {member} {effect}"),
            nth => write!(f, "the next {request} but {} of member {member} {effect}", nth - 1),
        }
    }
}

/// The rules that wait for their request.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// A request arrives: what befalls it.
    pub(crate) fn meet(&mut self, member: MemberNo, operation: Operation) -> Option<Effect> {
        let mut met = None;
        for rule in self.0.iter_mut().filter(|rule| rule.is_about(member, operation)) {
            rule.nth -= 1;
            if rule.nth == 0 {
                met = met.or(Some(rule.effect));
            }
        }
        self.0.retain(|rule| rule.nth > 0);
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_meets_the_request_it_counts_to_and_no_other() {
        let mut rules = Rules::default();
        rules.add(Rule::new(1, Request::Commit, 3, Effect::ReplyLost));
        let mut meet = |member, operation| rules.meet(member, operation);
        assert_eq!(meet(1, Operation::Commit), None);
        assert_eq!((meet(0, Operation::Commit), meet(1, Operation::Produce)), (None, None));
        assert_eq!(meet(1, Operation::Commit), None);
        assert_eq!(meet(1, Operation::Commit), Some(Effect::ReplyLost));
        assert_eq!(meet(1, Operation::Commit), None, "once");
    }
}
