//! Owns what a suite reports: ignored with the reason, failed in words, worlds taken down, and never a pass for what was not
//! shown.

use millstream_core::contract::{Capabilities, ConsumerRequest, DescribedTopic, Error, Support, Transport};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, MemoryConsumer, MemoryProducer};
use millstream_testkit::conformance::{self, Case, Excuse, Harness, MemoryWorld, Need, Pace, Verdict, World};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is odd about a harness or its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    Nothing,
    Excuses,
    NoWorld,
    TopicsNeverCome,
    TopicsFail,
    CannotBeTakenDown,
    RealTime,
    NoAssignment,
}

#[derive(Default)]
struct Counts {
    created: AtomicUsize,
    destroyed: AtomicUsize,
}

struct Examined(Odd, Arc<Counts>);

impl Harness for Examined {
    type World = Bare;

    async fn create(&self, _case: &Case) -> Bare {
        self.1.created.fetch_add(1, Ordering::Relaxed);
        assert!(self.0 != Odd::NoWorld, "the broker is away");
        Bare(MemoryWorld::new(), self.0)
    }

    async fn destroy(&self, _world: Bare) {
        self.1.destroyed.fetch_add(1, Ordering::Relaxed);
        assert!(self.0 != Odd::CannotBeTakenDown, "the topics stay");
    }

    fn excuse(&self, case: &Case) -> Option<Excuse> {
        (self.0 == Odd::Excuses && case.needs(Need::Sharing)).then(|| "one member has all".into())
    }

    fn pace(&self) -> Pace {
        if self.0 == Odd::RealTime { Pace::real() } else { Pace::paused().deadline(Duration::from_secs(99)) }
    }
}

/// A log in memory in which nothing can be arranged.
struct Bare(MemoryWorld, Odd);

impl World for Bare {
    type Transport = Client;

    async fn transport(&self) -> Client {
        Client(self.0.memory().clone(), self.1)
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        match self.1 {
            Odd::TopicsNeverCome => pending().await,
            Odd::TopicsFail => panic!("no permission to create {name}"),
            _ => self.0.create_topic(name, partitions).await,
        }
    }
}

struct Client(Memory, Odd);

impl Transport for Client {
    type Producer = MemoryProducer;
    type Consumer = MemoryConsumer;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        if self.1 == Odd::NoAssignment {
            capabilities.assignment = Support::No("it knows groups only");
        }
        capabilities
    }

    async fn producer(&self) -> Result<MemoryProducer, Error> {
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<MemoryConsumer, Error> {
        self.0.consumer(request).await
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        Transport::describe(&self.0, topics).await
    }
}

/// The case's verdict, and how many worlds were created and taken down.
fn examine(odd: Odd, case: &str) -> (Verdict, usize, usize) {
    let counts = Arc::new(Counts::default());
    let verdict = conformance::transport(Examined(odd, counts.clone())).examine(case);
    (verdict, counts.created.load(Ordering::Relaxed), counts.destroyed.load(Ordering::Relaxed))
}

const ANY: &str = "send_answers_once_per_record_in_order";

fn words(verdict: Verdict) -> String {
    let Verdict::Failed(words) = verdict else { panic!("{verdict:?}") };
    words
}

#[test]
fn what_a_world_cannot_arrange_is_ignored_and_all_else_runs() {
    let suite = conformance::transport(Examined(Odd::Nothing, Arc::default()));
    let mut ignored = BTreeMap::new();
    for case in suite.cases() {
        match suite.examine(case.name) {
            Verdict::Ignored(reason) => drop(ignored.insert(case.name, reason)),
            verdict => assert_eq!(verdict, Verdict::Passed, "{case}"),
        }
    }
    let harmless = [Need::Groups, Need::Sharing, Need::Assignment];
    let needy = suite.cases().filter(|case| case.needs.iter().any(|need| !harmless.contains(need)));
    assert_eq!(ignored.keys().copied().collect::<Vec<_>>(), {
        let mut names: Vec<_> = needy.map(|case| case.name).collect();
        names.sort_unstable();
        names
    });
    assert_eq!(ignored["an_offset_without_a_record_is_passed_over"], "the harness cannot take an offset without a record");
    assert!(ignored.values().all(|reason| reason.starts_with("the harness cannot ")), "{ignored:?}");
}

#[test]
fn what_a_harness_excuses_is_ignored_without_a_world() {
    let excused = Verdict::Ignored("one member has all".into());
    assert_eq!(examine(Odd::Excuses, "epochs_rise_and_end_exactly_once"), (excused, 0, 0));
    assert_eq!(examine(Odd::Excuses, ANY), (Verdict::Passed, 1, 1));
}

#[test]
fn what_capabilities_exclude_is_ignored_in_their_words() {
    let (verdict, ..) = examine(Odd::NoAssignment, "named_partitions_are_read_from_end_to_end");
    assert_eq!(verdict, Verdict::Ignored("memory has no assignment: it knows groups only".into()));
    assert_eq!(examine(Odd::NoAssignment, "records_are_appended_in_the_order_of_the_requests").0, Verdict::Passed);
    // What it says it cannot do must be refused, and this one does it all the same.
    let (verdict, ..) = examine(Odd::NoAssignment, "what_cannot_be_read_is_refused");
    assert_eq!(words(verdict), "there is no such reader");
}

#[test]
fn a_world_that_cannot_be_made_fails_the_case() {
    let (verdict, created, destroyed) = examine(Odd::NoWorld, ANY);
    assert_eq!((words(verdict).as_str(), created, destroyed), ("no world: the broker is away", 1, 0));
}

#[test]
fn a_failed_case_says_why_and_its_world_is_taken_down() {
    let (verdict, created, destroyed) = examine(Odd::TopicsFail, ANY);
    assert_eq!((words(verdict).as_str(), created, destroyed), ("no permission to create answers", 1, 1));
}

#[test]
fn a_case_that_hangs_ends_at_its_deadline() {
    let (verdict, _, destroyed) = examine(Odd::TopicsNeverCome, ANY);
    assert_eq!((words(verdict).as_str(), destroyed), ("it took more than 99s", 1));
}

#[test]
fn a_world_that_cannot_be_taken_down_fails_a_case_that_passed() {
    let (verdict, ..) = examine(Odd::CannotBeTakenDown, ANY);
    assert_eq!(words(verdict), "its world is not taken down: the topics stay");
}

#[test]
fn cases_run_in_real_time_too() {
    for case in [ANY, "a_dropped_poll_loses_nothing", "two_members_leaving_at_once_are_replaced"] {
        assert_eq!(examine(Odd::RealTime, case), (Verdict::Passed, 1, 1), "{case}");
    }
}

#[test]
#[should_panic(expected = "there is no case of_this_name")]
fn a_misspelt_case_is_no_pass() {
    examine(Odd::Nothing, "of_this_name");
}
