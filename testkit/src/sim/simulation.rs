//! Owns how a user says what is to be simulated, and what it found. Leaves running it to `driver`.

use super::checks::{Each, Rules, Violation};
use super::dice::Dice;
use super::driver::{Members, Mode, Outcome, Plan, run};
use super::fault::{Fault, Schedule};
use super::history::History;
use super::node::Node;
use super::replay::Replay;
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Error, Record, RecordView, TopicPartition};
use millstream_core::service::StreamService;
use millstream_memory::{Memory, TopicConfig};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What a user's description of a service answers: a builder, or a service that is built.
pub trait Describes {
    /// The service.
    ///
    /// # Errors
    /// If it cannot be built.
    fn service(self) -> Result<StreamService, Error>;
}

impl<S: Send + Sync + 'static> Describes for StreamServiceBuilder<S> {
    fn service(self) -> Result<StreamService, Error> {
        self.build()
    }
}

impl Describes for Result<StreamService, Error> {
    fn service(self) -> Result<StreamService, Error> {
        self
    }
}

/// Runs services as they are on virtual time, over a fake cluster whose members crash, pause and are cut off, and checks what
/// must never happen.
#[derive(Clone)]
pub struct Simulation {
    plan: Plan,
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("services", &self.plan.services.len()).finish_non_exhaustive()
    }
}

impl Default for Simulation {
    fn default() -> Self {
        Simulation::new()
    }
}

impl Simulation {
    /// A world without services: three brokers, topics of three partitions, faults for 40 s of virtual time.
    pub fn new() -> Self {
        let plan = Plan {
            services: Vec::new(),
            topics: Vec::new(),
            partitions: 3,
            brokers: 3,
            feeds: Vec::new(),
            always: Vec::new(),
            finally: Vec::new(),
            rules: Rules::default(),
            faults_for: Duration::from_secs(40),
            most_faults: 8,
            excuses: false,
            also: Vec::new(),
            each: Vec::new(),
            may_park: false,
            deploys: None,
            settles_within: Duration::from_secs(300),
            stops_within: Duration::from_secs(25),
        };
        Simulation { plan }
    }

    /// Adds a service with so many members. `describe` is called for each of their processes, as a `main` would be.
    #[must_use]
    pub fn service<D: Describes>(
        mut self,
        name: &str,
        members: usize,
        describe: impl Fn(&Node) -> D + Send + Sync + 'static,
    ) -> Self {
        let describe = Arc::new(move |node: &Node| describe(node).service());
        self.plan.services.push(Members { name: name.to_owned(), count: members, describe });
        self
    }

    /// Creates a topic before anything starts. Topics that are not named are created by use, with three partitions.
    ///
    /// # Panics
    /// If that is no topic's name.
    #[must_use]
    pub fn topic(mut self, name: &str, config: TopicConfig) -> Self {
        self.plan.topics.push((name.parse().expect("a topic's name"), config));
        self
    }

    /// Records that come from outside, spread over the time of faults. The dice are those of the seed.
    #[must_use]
    pub fn feed(mut self, records: impl Fn(&mut Dice) -> Vec<Record> + Send + Sync + 'static) -> Self {
        self.plan.feeds.push(Arc::new(records));
        self
    }

    /// What must be true whatever happens; asked at the end of every run.
    #[must_use]
    pub fn always(mut self, name: &str, holds: impl Fn(&History, &Memory) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.plan.always.push((name.to_owned(), Arc::new(holds)));
        self
    }

    /// What must be true once faults have stopped and everything is settled; asked in liveness mode.
    #[must_use]
    pub fn finally(
        mut self,
        name: &str,
        holds: impl Fn(&History, &Memory) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.plan.finally.push((name.to_owned(), Arc::new(holds)));
        self
    }

    /// What must be true of each record at the moment in which it is written, whatever it is and whoever writes it.
    #[must_use]
    pub fn each(
        mut self,
        name: &str,
        holds: impl Fn(&Memory, &TopicPartition, RecordView<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.plan.each.push(Each::new(name, holds));
        self
    }

    /// Adds a fault that does not happen everywhere.
    #[must_use]
    pub fn also(mut self, fault: Fault) -> Self {
        self.plan.also.push(fault);
        self
    }

    /// Says that a partition need not be settled in the end if its member's health says that it is parked.
    #[must_use]
    pub fn may_park(mut self) -> Self {
        self.plan.may_park = true;
        self
    }

    /// Says that all members are restarted one after the other so long after the beginning, as when a new version is
    /// deployed: [`Node::version`] is 1 before and 2 from then on.
    #[must_use]
    pub fn deploys(mut self, after: Duration) -> Self {
        self.plan.deploys = Some(after);
        self
    }

    /// Says that ids are claimed: no two records of one id are handled at once, wherever they lie.
    #[must_use]
    pub fn claims(mut self) -> Self {
        self.plan.rules.claims = true;
        self
    }

    /// How long faults come, and how many at most.
    #[must_use]
    pub fn faults(mut self, long: Duration, most: u64) -> Self {
        (self.plan.faults_for, self.plan.most_faults) = (long, most);
        self
    }

    /// How many calls a record may have in one epoch: the attempts of its retry policy. Not looked at by default.
    #[must_use]
    pub fn most_calls(mut self, calls: u32) -> Self {
        self.plan.rules.most_calls = calls;
        self
    }

    /// How many records of a partition may be in flight. 4,096 by default, the framework's own.
    #[must_use]
    pub fn in_flight(mut self, records: u64) -> Self {
        self.plan.rules.in_flight = records;
        self
    }

    /// How long its services have to end when they are told to stop. 25 s by default, the framework's own.
    #[must_use]
    pub fn stops_within(mut self, within: Duration) -> Self {
        self.plan.stops_within = within;
        self
    }

    /// How long its members' sessions are. 45 s by default, the framework's own.
    #[must_use]
    pub fn session(mut self, session: Duration) -> Self {
        self.plan.rules.session = session;
        self
    }

    /// Says that handlers keep tables, to which redeliveries are applied again by design.
    #[must_use]
    pub fn keeps_tables(mut self) -> Self {
        self.plan.rules.keeps_tables = true;
        self
    }

    /// Says that order within a key means nothing to the handlers, as with `unordered`, or is given up, as with retry topics.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.plan.rules.ordered = false;
        self
    }

    /// Runs one seed.
    pub fn run(&self, seed: u64, mode: Mode) -> Report {
        self.report(seed, mode, None)
    }

    fn report(&self, seed: u64, mode: Mode, schedule: Option<Schedule>) -> Report {
        let Outcome { violations, history, schedule, took } = run(&self.plan, seed, mode, schedule);
        let replay = Replay::of(seed, mode, &self.plan.faults_of(seed), &schedule);
        let hash = history.hash();
        Report { seed, mode, violations, schedule, history, hash, took, replay }
    }

    /// Runs what a report's [`replay`](Report::replay) says: a seed, a mode, and some of the seed's faults or all.
    ///
    /// # Panics
    /// If it is no such line.
    #[track_caller]
    pub fn replay(&self, line: &str) -> Report {
        let replay: Replay = match line.parse() {
            Ok(replay) => replay,
            Err(why) => panic!("{why}"),
        };
        self.run_with(replay.seed, replay.mode, replay.faults(self.plan.faults_of(replay.seed)))
    }

    /// Runs one seed with these faults in place of its own.
    pub fn run_with(&self, seed: u64, mode: Mode, schedule: Schedule) -> Report {
        self.report(seed, mode, Some(schedule))
    }

    /// The report of the same failure with as few of its faults as suffice for it.
    pub fn reduced(&self, failed: &Report) -> Report {
        let mut best = failed.clone();
        let fails = |schedule: Schedule| {
            let report = self.run_with(failed.seed, failed.mode, schedule);
            let same = |one: &Violation| failed.violations.first().is_some_and(|first| first.invariant == one.invariant);
            report.violations.first().is_some_and(same).then_some(report)
        };
        let mut size = best.schedule.0.len().div_ceil(2);
        while size > 0 && !best.schedule.0.is_empty() {
            let mut at = 0;
            while at < best.schedule.0.len() {
                match fails(best.schedule.without(at, size)) {
                    Some(report) => best = report,
                    None => at += size,
                }
            }
            size /= 2;
        }
        best
    }

    /// Runs a report's seed once more: the same report, or one that says that it does not repeat exactly (I14).
    pub fn repeated(&self, report: &Report) -> Report {
        let again = self.run_with(report.seed, report.mode, report.schedule.clone());
        if again.hash == report.hash {
            return again;
        }
        let at = again.history.events().iter().zip(report.history.events()).position(|(a, b)| a != b);
        let (at, text) = match at {
            Some(at) => {
                let (first, second) = (&report.history.events()[at], &again.history.events()[at]);
                (second.at, format!("one run says `{}`, the next one `{}`", first.what, second.what))
            }
            None => (again.took, String::from("one run goes on where the other has ended")),
        };
        let violation = Violation { invariant: "I14".to_owned(), at, text };
        Report { violations: vec![violation], ..again }
    }

    /// Runs seeds in both modes: what a test calls. Each is run twice, and must repeat exactly (I14): a service that asks a
    /// clock, chance or the order of a hash map for what it does cannot be replayed.
    ///
    /// With the environment's `MILLSTREAM_SIM_REPLAY` set to the line that a failure has printed it runs that alone, and
    /// prints all that happened. The variable is for all simulations of the process: name the test.
    ///
    /// # Panics
    /// With the report of the first that fails, its faults reduced.
    #[track_caller]
    pub fn check(&self, seeds: Range<u64>) {
        if let Ok(line) = std::env::var(REPLAY) {
            let report = self.replay(&line);
            assert!(report.is_clean(), "{report:#}");
            return;
        }
        for seed in seeds {
            for mode in [Mode::Safety, Mode::Liveness] {
                let report = self.run(seed, mode);
                if !report.is_clean() {
                    panic!("{}", self.reduced(&report));
                }
                let again = self.repeated(&report);
                assert!(again.is_clean(), "{again}");
            }
        }
    }
}

/// What one run has shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The mode.
    pub mode: Mode,
    /// What must not have happened, in order.
    pub violations: Vec<Violation>,
    /// The faults that befell it.
    pub schedule: Schedule,
    /// All that happened.
    pub history: History,
    /// The history's hash: equal for equal runs.
    pub hash: u64,
    /// How long it took, in virtual time.
    pub took: Duration,
    replay: Option<Replay>,
}

impl Report {
    /// Whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// The line that [`Simulation::replay`] and the environment's `MILLSTREAM_SIM_REPLAY` take, as `17:liveness:2,5`: the seed,
    /// the mode, and numbers of the seed's faults. `None` if the run had others, by [`Simulation::run_with`].
    ///
    /// It says what it says until the code changes: make a found bug a test of its own.
    pub fn replay(&self) -> Option<String> {
        self.replay.as_ref().map(Replay::to_string)
    }
}

/// The environment's name of the line to be replayed.
const REPLAY: &str = "MILLSTREAM_SIM_REPLAY";

/// What was wrong, how to replay it, the faults, and the last of what happened before. All that happened with `{:#}`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.violations.first() else {
            return writeln!(f, "seed {} in {} mode: clean", self.seed, self.mode);
        };
        writeln!(f, "{}: violated at {:.3} s: {}", first.invariant, first.at.as_secs_f64(), first.text)?;
        match self.replay() {
            // A test runs in a thread of its name.
            Some(line) => match std::thread::current().name().filter(|name| *name != "main") {
                Some(test) => writeln!(f, "replay: {REPLAY}={line} cargo test {test}")?,
                None => writeln!(f, "replay: {REPLAY}={line} cargo test")?,
            },
            None => writeln!(f, "replay: Simulation::run_with({}, Mode::{:?}, …) with these faults", self.seed, self.mode)?,
        }
        match self.schedule.0.is_empty() {
            true => writeln!(f, "without any fault")?,
            false => writeln!(f, "faults:\n{}", self.history.named(&self.schedule.to_string()).trim_end())?,
        }
        let until = self.history.events().partition_point(|event| event.at <= first.at);
        let shown = History { events: self.history.events()[..until].to_vec(), names: self.history.names.clone() };
        writeln!(f, "what happened:\n{}", shown.time_line(if f.alternate() { usize::MAX } else { LAST }))
    }
}

/// Events of a failed run that are shown.
const LAST: usize = 60;
