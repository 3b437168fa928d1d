//! Owns what can go wrong, and schedules of it: random ones from a seed, and smaller ones that still fail. Leaves doing it to
//! the `driver`.

use super::dice::Dice;
use super::rule::{Effect, Request, Rule};
use std::fmt;
use std::time::Duration;

/// Something that goes wrong, or that operators do. Its seed chooses which, when and for how long; a test may say it itself, with
/// [`Simulation::run_with`](super::Simulation::run_with).
///
/// Times are virtual ones. Members are counted from 0 over all services, in the order in which those were added; brokers are 0, 1
/// and 2. In [`Mode::Liveness`](super::Mode::Liveness) all of it ends when faults stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A member's process is killed, and another one starts after a while.
    Crash {
        /// Which member.
        member: usize,
        /// After so many polls more of its tasks: at an await.
        polls: u64,
        /// How long until the next process.
        down: Duration,
    },
    /// A member's process is stopped as by SIGSTOP and goes on later.
    Pause {
        /// Which member.
        member: usize,
        /// How long.
        long: Duration,
    },
    /// A member is told to stop, and started again after a while: a rolling restart.
    Restart {
        /// Which member.
        member: usize,
        /// How long until the next process.
        down: Duration,
        /// Whether it is told a second time at once.
        twice: bool,
    },
    /// Nothing of a member reaches the cluster.
    Cut {
        /// Which member.
        member: usize,
        /// How long.
        long: Duration,
    },
    /// Requests and replies are lost, late and slow.
    Storm {
        /// How long.
        long: Duration,
    },
    /// The store answers errors, or nothing.
    StoreDown {
        /// How long.
        long: Duration,
        /// Whether it takes requests and never answers.
        hangs: bool,
    },
    /// The store has forgotten everything.
    StoreEmptied,
    /// The error sink answers errors, or nothing.
    SinkDown {
        /// How long.
        long: Duration,
        /// Whether it takes letters and never answers.
        hangs: bool,
    },
    /// The error sink takes longer for every call.
    SinkSlow {
        /// How long it is slow.
        long: Duration,
        /// By how much. More than 3 s is more than its clients wait: letters are kept, and nobody hears of it.
        by: Duration,
    },
    /// The error sink loses the newest letters of those that it keeps. No service can make up for that, so no seed has it: it
    /// is for [`also`](super::Simulation::also) and [`run_with`](super::Simulation::run_with), which then find the loss.
    SinkForgets {
        /// How many, at most.
        letters: u32,
    },
    /// Dead-letter topics cannot be written.
    LettersClosed {
        /// How long.
        long: Duration,
    },
    /// Some of the topics that outputs go to cannot be written.
    OutputsClosed {
        /// How long.
        long: Duration,
    },
    /// A broker is down.
    BrokerDown {
        /// Which broker.
        broker: u8,
        /// How long.
        long: Duration,
    },
    /// A broker takes requests and never answers.
    BrokerHangs {
        /// Which broker.
        broker: u8,
        /// How long.
        long: Duration,
    },
    /// Other brokers lead the partitions, and coordinate the groups.
    LeadersMove,
    /// Some partitions are taken from their members, and given to them again before these have heard of it.
    GivenAgain,
    /// The next commits are refused as stale.
    StaleCommits {
        /// How many.
        commits: u32,
    },
    /// A member's wall clock jumps.
    ClockJumps {
        /// Which member.
        member: usize,
        /// By so many milliseconds.
        millis: i64,
    },
    /// A certain request of a member meets something.
    Rule(Rule),
    /// Offsets of input topics are taken without a record, as by a transaction's marker.
    Gaps,
    /// Records of input topics are sent once more by hand, under their old ids.
    Replay {
        /// How many.
        records: u64,
    },
    /// An input topic gets a partition more.
    PartitionAdded,
    /// Compacted topics are compacted now.
    Compacts,
    /// An operator deletes records of an input that nobody may have read yet.
    RecordsDeleted,
    /// An input topic is deleted and created again under its name; its services are restarted when they say so.
    TopicRecreated,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Crash { member, polls, down } => write!(f, "member {member} is killed {polls} polls from now, down {down:?}"),
            Fault::Pause { member, long } => write!(f, "member {member} is paused for {long:?}"),
            Fault::Restart { member, down, twice } => {
                let twice = if *twice { " at once" } else { "" };
                write!(f, "member {member} is restarted{twice}, down {down:?}")
            }
            Fault::Cut { member, long } => write!(f, "member {member} is cut off for {long:?}"),
            Fault::Storm { long } => write!(f, "requests and replies are lost and late for {long:?}"),
            Fault::StoreDown { long, hangs: true } => write!(f, "the store hangs for {long:?}"),
            Fault::StoreDown { long, .. } => write!(f, "the store is down for {long:?}"),
            Fault::StoreEmptied => f.write_str("the store is emptied"),
            Fault::SinkDown { long, hangs: true } => write!(f, "the error sink hangs for {long:?}"),
            Fault::SinkDown { long, .. } => write!(f, "the error sink is down for {long:?}"),
            Fault::SinkSlow { long, by } => write!(f, "the error sink takes {by:?} longer for {long:?}"),
            Fault::SinkForgets { letters } => write!(f, "the error sink loses the newest letters, {letters} at most"),
            Fault::LettersClosed { long } => write!(f, "dead-letter topics cannot be written for {long:?}"),
            Fault::OutputsClosed { long } => write!(f, "output topics cannot be written for {long:?}"),
            Fault::BrokerDown { broker, long } => write!(f, "broker {broker} is down for {long:?}"),
            Fault::BrokerHangs { broker, long } => write!(f, "broker {broker} hangs for {long:?}"),
            Fault::LeadersMove => f.write_str("leaders and the coordinator move"),
            Fault::GivenAgain => f.write_str("partitions are taken from their members and given to them again"),
            Fault::StaleCommits { commits } => write!(f, "the next {commits} commits are refused as stale"),
            Fault::ClockJumps { member, millis } => write!(f, "the wall clock of member {member} jumps by {millis} ms"),
            Fault::Rule(rule) => rule.fmt(f),
            Fault::Gaps => f.write_str("offsets of input topics hold no record"),
            Fault::Replay { records: 1 } => f.write_str("a record of each input topic is sent again by hand"),
            Fault::Replay { records } => write!(f, "{records} records of each input topic are sent again by hand"),
            Fault::PartitionAdded => f.write_str("input topics get a partition more"),
            Fault::Compacts => f.write_str("compacted topics are compacted"),
            Fault::RecordsDeleted => f.write_str("records of an input are deleted"),
            Fault::TopicRecreated => f.write_str("an input topic is deleted and created again"),
        }
    }
}

impl Fault {
    /// For how long requests and their answers may take longer for it, if they may.
    pub(super) fn slows_for(&self) -> Option<Duration> {
        // A call that nobody answers is given up by the service after 30 s, one of the store after 10; a write that is lost or
        // late is repeated for 20 s; a call of the error sink is given up after 45 s.
        let [write, mark, letter] = [30, 10, 45].map(Duration::from_secs);
        match self {
            Fault::StoreDown { long, hangs: true } => Some(*long + mark),
            Fault::SinkDown { long, hangs: true } => Some(*long + letter),
            Fault::SinkSlow { long, .. } | Fault::Storm { long } | Fault::BrokerHangs { long, .. } | Fault::Cut { long, .. } => {
                Some(*long + write)
            }
            Fault::Pause { long, .. }
            | Fault::StoreDown { long, .. }
            | Fault::SinkDown { long, .. }
            | Fault::LettersClosed { long }
            | Fault::OutputsClosed { long }
            | Fault::BrokerDown { long, .. } => Some(*long),
            Fault::LeadersMove | Fault::GivenAgain | Fault::StaleCommits { .. } | Fault::Crash { .. } => Some(Duration::ZERO),
            // Whenever it is met: a lost write is repeated, or its epoch given up.
            Fault::Rule(_) => Some(Duration::from_secs(3_600)),
            _ => None,
        }
    }
}

/// Faults with their times since the run's beginning, in virtual time and in order. Each run of a seed has those of the seed;
/// [`Report::schedule`](super::Report::schedule) says which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schedule(pub Vec<(Duration, Fault)>);

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in &self.0 {
            writeln!(f, "{:>10.3} s  {fault}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

/// What faults a world can have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    pub(super) members: usize,
    pub(super) brokers: u8,
    /// Faults come until then.
    pub(super) until: Duration,
    pub(super) most: u64,
    /// Whether there is an error sink, to which one in four faults happens.
    pub(super) error_sink: bool,
    /// What else happens in this world, of which one in three faults is.
    pub(super) also: &'a [Fault],
}

impl Schedule {
    /// A random one.
    pub(super) fn random(dice: &mut Dice, bounds: Bounds<'_>) -> Self {
        let count = dice.between(0, bounds.most);
        let until = u64::try_from(bounds.until.as_millis()).unwrap_or(u64::MAX);
        let mut faults: Vec<(Duration, Fault)> =
            (0..count).map(|_| (dice.millis(0, until), random_fault(dice, bounds))).collect();
        faults.sort_by_key(|(at, _)| *at);
        Schedule(faults)
    }

    /// The same without the faults from `from` on, so many.
    pub(super) fn without(&self, from: usize, count: usize) -> Self {
        let kept = self.0.iter().enumerate().filter(|(index, _)| !(from..from + count).contains(index));
        Schedule(kept.map(|(_, fault)| fault.clone()).collect())
    }
}

fn random_fault(dice: &mut Dice, bounds: Bounds<'_>) -> Fault {
    if !bounds.also.is_empty() && dice.chance(333) {
        return dice.pick(bounds.also).clone();
    }
    let member = usize::try_from(dice.below(bounds.members as u64)).unwrap_or(0);
    if bounds.error_sink && dice.chance(250) {
        return sinks_fault(dice, member);
    }
    let broker = u8::try_from(dice.below(u64::from(bounds.brokers))).unwrap_or(0);
    let short = dice.millis(50, 3_000);
    let long = dice.millis(1_000, 25_000);
    let either = if dice.chance(600) { short } else { long };
    match dice.below(25) {
        0..4 => Fault::Crash { member, polls: dice.below(200), down: short },
        4 | 5 => Fault::Pause { member, long: either },
        6 | 7 => Fault::Restart { member, down: short, twice: dice.chance(200) },
        8 => Fault::Cut { member, long: either },
        9 | 10 => Fault::Storm { long: either },
        11 | 12 => Fault::StoreDown { long: either, hangs: dice.chance(400) },
        13 => Fault::LettersClosed { long: either },
        14 => Fault::OutputsClosed { long: either },
        15 => Fault::BrokerDown { broker, long: either },
        16 => Fault::BrokerHangs { broker, long: either },
        17 => Fault::LeadersMove,
        18 => Fault::StaleCommits { commits: u32::try_from(dice.between(1, 4)).unwrap_or(1) },
        19 => {
            let by = i64::try_from(dice.between(0, 7_200_000)).unwrap_or(0);
            Fault::ClockJumps { member, millis: by - 3_600_000 }
        }
        20 => Fault::Gaps,
        21 => Fault::Replay { records: dice.between(1, 4) },
        _ => {
            let request = *dice.pick(&[Request::Produce, Request::Produce, Request::Mark, Request::Commit, Request::Heartbeat]);
            let effects =
                [Effect::KillsWhenDone, Effect::KillsWhenDone, Effect::KillsBefore, Effect::ReplyLost, Effect::RequestLost];
            Fault::Rule(Rule::new(member, request, u32::try_from(dice.between(1, 12)).unwrap_or(1), *dice.pick(&effects)))
        }
    }
}

/// What befalls the error sink, or a member's request to it.
fn sinks_fault(dice: &mut Dice, member: usize) -> Fault {
    let long = if dice.chance(600) { dice.millis(50, 3_000) } else { dice.millis(1_000, 25_000) };
    match dice.below(8) {
        0..2 => Fault::SinkDown { long, hangs: false },
        2 | 3 => Fault::SinkDown { long, hangs: true },
        4 => Fault::SinkSlow { long, by: dice.millis(50, 5_000) },
        _ => {
            let effects = [Effect::ReplyLost, Effect::ReplyLost, Effect::RequestLost, Effect::KillsWhenDone, Effect::KillsBefore];
            Fault::Rule(Rule::new(member, Request::Letter, u32::try_from(dice.between(1, 4)).unwrap_or(1), *dice.pick(&effects)))
        }
    }
}
