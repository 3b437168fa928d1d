//! Owns how a user says what is to be simulated. Leaves running it to `seeds`.

use super::checks::{Each, Rules};
use super::dice::Dice;
use super::driver::{Members, Plan};
use super::fault::Fault;
use super::history::History;
use super::node::Node;
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Error, Record, RecordView, TopicPartition};
use millstream_core::service::StreamService;
use millstream_memory::{Memory, TopicConfig};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the closure that describes a service may answer: a [`StreamServiceBuilder`], or `build()`'s answer. Nobody else needs
/// to implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service that can be simulated",
    note = "`Simulation::service` takes a closure that answers a `StreamServiceBuilder`, or what its `build()` answers: `Result<StreamService, Error>`"
)]
pub trait Describes {
    /// The service.
    ///
    /// # Errors
    /// If it cannot be built; the simulation reports it as the violation `build`.
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
/// must never happen: the framework's own invariants, and yours.
///
/// [`service`](Self::service) and [`feed`](Self::feed) say what runs and what comes in, [`always`](Self::always) and
/// [`finally`](Self::finally) what must be true. [`check`](Self::check) is what a test calls. What a seed leads to is the
/// same in each run of it, so [`replay`](Self::replay) shows a failure again. All else has a default, said at its method.
///
/// Some of the framework's own invariants depend on the services' settings: [`session`](Self::session),
/// [`stops_within`](Self::stops_within), [`in_flight`](Self::in_flight), [`unordered`](Self::unordered),
/// [`keeps_tables`](Self::keeps_tables). A service with settings of its own says them here too.
///
/// ```
/// use millstream_core::builder::StreamServiceBuilder;
/// use millstream_core::handler::Event;
/// use millstream_testkit::TestEvent;
/// use millstream_testkit::sim::{Node, Simulation};
///
/// async fn ring(node: &Node, guest: Event<String>) {
///     node.note("rang", &**guest);                                // the effect, as the world sees it
/// }
///
/// Simulation::new()
///     .service("bell", 2, |node| {
///         StreamServiceBuilder::new("bell", node.transport())
///             .with_state(node.clone())
///             .add_consumer_handler("door.guests", "bell.guests", ring)
///     })
///     .feed(|dice| {
///         let guest = |number: u64| TestEvent::of_type("guest", "door", &format!("guest {number}")).to("door.guests");
///         (0..dice.between(5, 20)).map(guest).collect()
///     })
///     .finally("the bell rings for somebody", |history, _| {
///         history.noted("rang").next().map(drop).ok_or_else(|| String::from("it was silent"))
///     })
///     .check(0..3);
/// ```
#[derive(Clone)]
pub struct Simulation {
    pub(super) plan: Plan,
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
    /// A world without services: three brokers, topics of three partitions, and in each run up to eight faults within 40 s of
    /// virtual time, so that faults meet each other, and a run is short all the same.
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
            also: Vec::new(),
            each: Vec::new(),
            may_park: false,
            may_stay_open: false,
            deploys: None,
            settles_within: Duration::from_secs(300),
            stops_within: Duration::from_secs(25),
        };
        Simulation { plan }
    }

    /// Adds a service with so many members. `describe` is called for each of their processes, as a `main` would be, and builds
    /// the service from what the [`Node`] has: its transport, and if the service uses them, its deduplicator and error sink.
    /// What it answers is a builder or a built service.
    ///
    /// Members are called by `name` in what is printed, `name-0`, `name-1` if there are several. Two are the least of which
    /// one can take over from another.
    ///
    /// # Panics
    /// If it is to have no members.
    #[must_use]
    #[track_caller]
    pub fn service<D: Describes>(
        mut self,
        name: &str,
        members: usize,
        describe: impl Fn(&Node) -> D + Send + Sync + 'static,
    ) -> Self {
        assert!(members > 0, "the service `{name}` has no members");
        let describe = Arc::new(move |node: &Node| describe(node).service());
        self.plan.services.push(Members { name: name.to_owned(), count: members, describe });
        self
    }

    /// Creates a topic before anything starts. Topics that are not named are created by use, with three partitions.
    ///
    /// Topics that are named and not compacted are the inputs: records of them are sent again by hand, offsets of them hold no
    /// record, and they can always be written, which an output cannot. If none is named, those that are fed are.
    ///
    /// # Panics
    /// If that is no topic's name.
    #[must_use]
    #[track_caller]
    pub fn topic(mut self, name: &str, config: TopicConfig) -> Self {
        let topic = name.parse().unwrap_or_else(|error| panic!("{error}"));
        self.plan.topics.push((topic, config));
        self
    }

    /// Records that come from outside, written in this order over the first 70 % of the time of faults. The dice are those of the
    /// seed: chance from elsewhere, and ids that are not the same each time, make runs that do not repeat. A
    /// [`TestEvent`](crate::TestEvent) makes such records.
    #[must_use]
    pub fn feed(mut self, records: impl Fn(&mut Dice) -> Vec<Record> + Send + Sync + 'static) -> Self {
        self.plan.feeds.push(Arc::new(records));
        self
    }

    /// What must be true whatever happens, told from what was [noted](History::noted) and what lies in the log. `Err`, or a panic as
    /// of an `assert!`, says what is wrong.
    ///
    /// It is asked at the end of every run. Where it says no the run is made once more and asks it all along, so that the
    /// report says when that began: what it once says no to it should say no to for ever.
    #[must_use]
    pub fn always(mut self, name: &str, holds: impl Fn(&History, &Memory) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.plan.always.push((name.to_owned(), Arc::new(holds)));
        self
    }

    /// What must be true once faults have stopped and everything is settled; asked at the end of runs in [`Mode::Liveness`](super::Mode::Liveness).
    /// Answers as [`always`](Self::always) does.
    #[must_use]
    pub fn finally(
        mut self,
        name: &str,
        holds: impl Fn(&History, &Memory) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.plan.finally.push((name.to_owned(), Arc::new(holds)));
        self
    }

    /// What must be true of each record at the moment in which it is written, whatever it is and whoever writes it: inputs,
    /// outputs, dead letters, entries of tables. `Err` says what is wrong.
    #[must_use]
    pub fn each(
        mut self,
        name: &str,
        holds: impl Fn(&Memory, &TopicPartition, RecordView<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.plan.each.push(Each::new(name, holds));
        self
    }

    /// Adds a fault that does not happen everywhere. One in three faults is then one of those that were added.
    #[must_use]
    pub fn also(mut self, fault: Fault) -> Self {
        self.plan.also.push(fault);
        self
    }

    /// Says that a partition need not be settled in the end if its member's health says that it is parked. By default all must
    /// be.
    #[must_use]
    pub fn may_park(mut self) -> Self {
        self.plan.may_park = true;
        self
    }

    /// Says that a partition need not be settled in the end if its member's health says that its breaker is open: a record that
    /// always fails may be all that is left to probe with, and a probe costs it no attempt. By default all must be. Whether others
    /// wait in vain behind it is for an invariant to say, which knows what always fails.
    #[must_use]
    pub fn may_stay_open(mut self) -> Self {
        self.plan.may_stay_open = true;
        self
    }

    /// Says that all members are restarted one after the other so long after the beginning, as when a new version is
    /// deployed: [`Node::version`] is 1 before and 2 from then on. By default there is one version.
    #[must_use]
    pub fn deploys(mut self, after: Duration) -> Self {
        self.plan.deploys = Some(after);
        self
    }

    /// Says that ids are claimed, by [`Node::claiming_deduplicator`]: no two records of one id are handled at once, wherever they
    /// lie. One record may be, by an owner that does not know that it was replaced and by the next one.
    #[must_use]
    pub fn claims(mut self) -> Self {
        self.plan.rules.claims = true;
        self
    }

    /// Says that its services hand dead letters to [`Node::error_sink`]: of the faults of a seed one in four befalls that, which
    /// is then down, hangs, is slow, or its answers are lost.
    #[must_use]
    pub fn error_sink(mut self) -> Self {
        self.plan.rules.error_sink = true;
        self
    }

    /// How long faults come in virtual time, and how many at most; each seed has a number of them from 0 on. 40 s and 8 by default.
    /// Records are fed within that time.
    #[must_use]
    pub fn faults(mut self, long: Duration, most: u64) -> Self {
        (self.plan.faults_for, self.plan.most_faults) = (long, most);
        self
    }

    /// How many calls a record may have while a member holds its partition: the attempts of its retry policy (I5). Not looked at
    /// by default: a breaker's probes are calls that count no attempt.
    #[must_use]
    pub fn most_calls(mut self, calls: u32) -> Self {
        self.plan.rules.most_calls = calls;
        self
    }

    /// How many records of a partition may be in flight (I11). 4,096 by default, the framework's own: say it where
    /// `HandlerSettings::in_flight` does.
    #[must_use]
    pub fn in_flight(mut self, records: u64) -> Self {
        self.plan.rules.in_flight = records;
        self
    }

    /// How long its services have to end when they are told to stop (I12). 25 s by default, the framework's own: say it where
    /// `Shutdown::within` does.
    #[must_use]
    pub fn stops_within(mut self, within: Duration) -> Self {
        self.plan.stops_within = within;
        self
    }

    /// How long its members' sessions are: after a longer pause nothing may start before the group has answered (I16). 45 s by
    /// default, the framework's own: say it where the builder's `membership` does. With a short one, as 10 s, partitions change
    /// hands more often within the time of faults.
    #[must_use]
    pub fn session(mut self, session: Duration) -> Self {
        self.plan.rules.session = session;
        self
    }

    /// Says that handlers keep tables, to which redeliveries are applied again by design: a call for what was marked is then no
    /// violation (I7).
    #[must_use]
    pub fn keeps_tables(mut self) -> Self {
        self.plan.rules.keeps_tables = true;
        self
    }

    /// Says that order within a key means nothing to the handlers, as with `unordered`, or is given up, as with retry topics: it
    /// is not looked at (I8).
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.plan.rules.ordered = false;
        self
    }
}
