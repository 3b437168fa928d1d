//! The simulator as users meet it: what it makes of their services, their invariants, and their mistakes.

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::clock::Clock;
use millstream_core::contract::Error;
use millstream_core::envelope::{EventData, Key};
use millstream_core::handler::{Event, HandlerError};
use millstream_core::service::ErrorHandling;
use millstream_core::service::StreamService;
use millstream_testkit::TestEvent;
use millstream_testkit::sim::{Describes, Event as Happened, Fault, History, Mode, Node, Schedule, Simulation, What, workload};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const INVOICES: &str = "paper.billing.invoices";

#[derive(Serialize, Deserialize)]
struct Invoice {
    number: u64,
}

impl EventData for Invoice {
    const TYPE: &'static str = "invoice";
    fn key(&self) -> Key<'_> {
        "billing".into()
    }
}

struct Payments {
    node: Node,
    started: u64,
    count: AtomicU64,
}

/// Pays under a key that it counts itself: after a crash an invoice has another one.
async fn pay_counted(payments: &Payments, invoice: Event<Invoice>) -> Result<(), HandlerError> {
    let number = payments.count.fetch_add(1, Ordering::Relaxed);
    payments.pay(format!("{}-{number}", payments.started), &invoice).await;
    Ok(())
}

/// Pays under the event's id.
async fn pay_by_id(payments: &Payments, invoice: Event<Invoice>) -> Result<(), HandlerError> {
    payments.pay(invoice.id().to_string(), &invoice).await;
    Ok(())
}

impl Payments {
    fn new(node: &Node) -> Self {
        Payments { node: node.clone(), started: Clock::new().wall_millis(), count: AtomicU64::new(0) }
    }

    async fn pay(&self, key: String, invoice: &Invoice) {
        self.node.note("pay", format!("invoice {} under {key}", invoice.number));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often the bank has paid each invoice: under a key that it knows it pays nothing.
fn paid(history: &History) -> BTreeMap<&str, u32> {
    let (mut keys, mut paid) = (BTreeSet::new(), BTreeMap::new());
    for (_, order) in history.noted("pay") {
        let (invoice, key) = order.split_once(" under ").expect("it is noted so");
        if keys.insert(key) {
            *paid.entry(invoice).or_default() += 1;
        }
    }
    paid
}

fn payments<D: Describes + 'static>(service: fn(&Node) -> D) -> Simulation {
    Simulation::new()
        .service("payments", 2, service)
        .feed(|_| (0..30).map(|number| TestEvent::of(Invoice { number }).to(INVOICES)).collect())
        .always("no invoice is paid twice", |history, _| match paid(history).into_iter().find(|(_, times)| *times > 1) {
            Some((invoice, times)) => Err(format!("{invoice} was paid {times} times")),
            None => Ok(()),
        })
        .finally("every invoice is paid", |history, _| {
            assert_eq!(paid(history).len(), 30);
            Ok(())
        })
}

fn counted(node: &Node) -> StreamServiceBuilder<Payments> {
    StreamServiceBuilder::new("payments", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_state(Payments::new(node))
        .add_consumer_handler(INVOICES, "payments.invoices", pay_counted)
}

fn by_id(node: &Node) -> StreamServiceBuilder<Payments> {
    StreamServiceBuilder::new("payments", node.transport()).with_state(Payments::new(node)).add_consumer_handler(
        INVOICES,
        "payments.invoices",
        pay_by_id,
    )
}

#[test]
fn a_users_invariant_finds_what_is_wrong_and_its_line_replays_it() {
    let wrong = payments(counted);
    let found = wrong.find(0..50).expect("a payment is made twice");
    assert_eq!(found.violations[0].invariant, "no invoice is paid twice", "{found}");
    let again = wrong.replay(&found.replay().expect("the seed's own faults"));
    assert_eq!(again.violations, found.violations);
}

#[test]
fn a_violation_of_a_users_is_dated_at_the_event_that_makes_it_one() {
    let found = payments(counted).find(0..50).expect("a payment is made twice");
    let first = &found.violations[0];
    let last = found.history.events().iter().rfind(|event| event.at <= first.at).expect("something happened");
    let about = first.text.split(" was").next().expect("it names the invoice");
    assert!(matches!(&last.what, What::Noted(name, order) if &**name == "pay" && order.starts_with(about)), "{found}");
}

#[test]
fn a_violation_that_the_log_tells_is_not_dated_before_it_lies_there() {
    let simulation = payments(by_id).always("three invoices at most", |_, log| {
        assert!(log.records(&INVOICES.parse().expect("a topic's name")).len() <= 3);
        Ok(())
    });
    let report = simulation.run(0, Mode::Safety);
    let is_written = |event: &&Happened| matches!(&event.what, What::Landed(place, _) if place.topic.as_str() == INVOICES);
    let events = report.history.events().iter().filter(is_written);
    let written = events.filter(|event| event.at <= report.violations[0].at).count();
    assert_eq!(written, 4, "{report}");
}

#[test]
fn the_mended_service_is_clean() {
    payments(by_id).check(0..40);
}

/// What a call panics with.
fn panics(call: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).expect_err("it should panic");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .expect("words")
}

#[test]
fn an_invariant_that_panics_is_violated_in_its_words() {
    let simulation = payments(by_id).finally("as many as there are", |history, _| {
        assert!(paid(history).len() > 30, "{} are not enough", paid(history).len());
        Ok(())
    });
    let report = simulation.run(0, Mode::Liveness);
    assert_eq!(report.violations.len(), 1, "{report}");
    assert_eq!(report.violations[0].text, "30 are not enough");
}

#[test]
fn a_simulation_in_which_no_handler_is_called_fails_its_check() {
    let simulation = Simulation::new()
        .service("payments", 1, by_id)
        .feed(|_| vec![TestEvent::of(Invoice { number: 1 }).to("paper.billing.typo")]);
    assert!(panics(|| simulation.check(0..1)).starts_with("no handler was called"));
}

#[test]
fn a_service_that_cannot_be_built_is_a_violation_that_says_why() {
    fn nothing(node: &Node) -> Result<StreamService, Error> {
        StreamServiceBuilder::new("payments", node.transport()).build()
    }
    let report = payments(nothing).run(0, Mode::Safety);
    assert_eq!(report.violations[0].invariant, "build");
    assert!(report.violations[0].text.starts_with("payments-"), "{report}");
}

#[test]
fn topics_that_nobody_named_take_all_that_is_fed_to_them() {
    let simulation = payments(by_id).finally("all is there", |_, log| {
        assert_eq!(log.records(&INVOICES.parse().expect("a topic's name")).len(), 30);
        Ok(())
    });
    let closed = Schedule(vec![(Duration::from_secs(2), Fault::OutputsClosed { long: Duration::from_secs(30) })]);
    for seed in 0..5 {
        let report = simulation.run_with(seed, Mode::Liveness, closed.clone());
        assert!(report.is_clean(), "{report}");
    }
}

#[derive(Default)]
struct Till(AtomicU64);

#[test]
fn what_is_outside_is_one_for_all_members_of_a_run_and_another_in_the_next() {
    async fn on_invoice(node: &Node, _: Event<Invoice>) {
        let before = node.outside::<Till>().0.fetch_add(1, Ordering::Relaxed);
        node.note("before", before.to_string());
    }
    fn service(node: &Node) -> StreamServiceBuilder<Node> {
        StreamServiceBuilder::new("till", node.transport()).with_state(node.clone()).add_consumer_handler(
            INVOICES,
            "till.invoices",
            on_invoice,
        )
    }
    let simulation = Simulation::new()
        .service("till", 2, service)
        .feed(|_| (0..30).map(|number| TestEvent::of(Invoice { number }).key(format!("k{number}")).to(INVOICES)).collect());
    for seed in [0, 0, 1] {
        let report = simulation.run_with(seed, Mode::Liveness, Schedule::default());
        let mut counted: Vec<u64> = report.history.noted("before").map(|(_, count)| count.parse().expect("a number")).collect();
        counted.sort_unstable();
        assert_eq!(counted, (0..30).collect::<Vec<_>>());
        let members: BTreeSet<_> = report.history.noted("before").map(|(member, _)| member).collect();
        assert!(members.len() == 2 || seed != 0, "both members are at work");
    }
}

#[test]
fn seeds_of_the_sinks_are_clean_and_repeat_exactly() {
    workload::sinks().check(0..20);
}

#[test]
fn a_sink_that_loses_what_it_has_accepted_is_found() {
    for at in [20, 39] {
        let forgets = Schedule(vec![(Duration::from_secs(at), Fault::SinkForgets { letters: 3 })]);
        let report = workload::sinks().run_with(1, Mode::Liveness, forgets);
        let lost = report.history.events().iter().filter(|event| matches!(event.what, What::Lost(..))).count();
        assert!(lost > 0, "there was nothing to lose");
        assert!(report.violations.iter().any(|violation| ["I1", "I2"].contains(&violation.invariant.as_str())), "{report}");
    }
}

#[test]
fn a_letter_whose_answer_was_lost_is_handed_over_again_and_kept_once() {
    use millstream_testkit::sim::{Effect, Request, Rule};
    let lost = (0..3).map(|member| (Duration::ZERO, Fault::Rule(Rule::new(member, Request::Letter, 1, Effect::ReplyLost))));
    let report = workload::sinks().run_with(3, Mode::Liveness, Schedule(lost.collect()));
    assert!(report.is_clean(), "{report}");
    let mut names = BTreeSet::new();
    let once =
        report.history.letters().iter().all(|letter| names.insert((&letter.group, &letter.partition, letter.position.offset)));
    assert!(once && !names.is_empty());
    let met = report
        .history
        .events()
        .iter()
        .filter(|event| matches!(&event.what, What::Fault(text) if text.starts_with("its dead letter is done")));
    assert!(met.count() > 0, "no answer was lost");
}

#[test]
fn who_waits_for_a_sink_that_hung_may_take_its_time_to_stop() {
    let hangs = (Duration::from_millis(1_280), Fault::SinkDown { long: Duration::from_millis(2_255), hangs: true });
    // A letter of which the sink has told nothing is given up 45 s after it was handed over: until then it may still be told.
    let restart = |member| (Duration::from_secs(39), Fault::Restart { member, down: Duration::from_millis(300), twice: false });
    let schedule = Schedule([hangs].into_iter().chain((0..3).map(restart)).collect());
    let mut longest = Duration::ZERO;
    for seed in 0..10 {
        let report = workload::sinks().run_with(seed, Mode::Liveness, schedule.clone());
        assert!(report.is_clean(), "{report}");
        let events = report.history.events();
        for (index, told) in events.iter().enumerate() {
            if matches!(&told.what, What::Fault(text) if text.contains("is restarted")) {
                let ends = |event: &&millstream_testkit::sim::Event| {
                    event.member == told.member && matches!(event.what, What::Stopped(_))
                };
                let ended = events[index..].iter().find(ends).expect("it ends");
                longest = longest.max(ended.at - told.at);
            }
        }
    }
    assert!(longest > Duration::from_secs(5), "nobody waited: {longest:?}");
}

#[test]
fn a_service_that_takes_a_sink_of_which_the_simulation_says_nothing_is_a_violation() {
    fn service(node: &Node) -> StreamServiceBuilder<Payments> {
        by_id(node).with_error_handling(ErrorHandling::new().error_sink(node.error_sink()))
    }
    let report = payments(service).run(0, Mode::Safety);
    assert_eq!(report.violations[0].invariant, "build", "{report}");
    assert!(report.violations[0].text.contains(".error_sink()"));
}
