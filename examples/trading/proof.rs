//! Tests of the proof: an audit that has never noticed a fault proves nothing.
//!
//! Owns whole runs on the framework, good ones and broken ones, and the shape of the report. Leaves the parts to the tests
//! beside them. Time is paused, so that no test waits for a backoff.

use tokio::sync::watch;

use crate::cli::AHEAD;
use crate::conductor::Cut;
use crate::faults::{Faults, Rates};
use crate::feed::tests::embedded;
use crate::feed::{Feed, INSTRUMENTS};
use crate::report::Report;
use crate::run::{self, Options};
use crate::tamper::{Lie, Tampered};
use crate::topics::Venue;

async fn play(feed: &Feed, lie: Lie, break_dead_letters: bool) -> Report {
    play_with(feed, lie, break_dead_letters, 0).await
}

async fn play_with(feed: &Feed, lie: Lie, break_dead_letters: bool, restarts: u64) -> Report {
    let (_stay, interrupted) = watch::channel(false);
    let options = Options { break_dead_letters, restarts, ahead: AHEAD, progress: false, interrupted };
    run::run(feed, options, |memory| Tampered::new(memory, lie)).await.expect("the run ends").0
}

fn assert_good(report: &Report) {
    assert!(report.is_good(), "{:#?} {:#?}", report.findings, report.difference);
    let (planted, found) = (report.planted, report.found);
    assert_eq!(found.duplicates, planted.duplicates);
    assert_eq!(found.retries, planted.retries);
    assert_eq!(found.dead_letters, planted.poison + planted.refusals);
    for row in report.topics.iter().filter(|row| row.done > 0) {
        assert_eq!(row.produced, row.done + row.deduplicated + row.dead_lettered + row.skipped + row.lost, "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_and_all_that_was_planted_is_found() {
    for seed in 0..3 {
        let report = play(&embedded(seed, 1), Lie::None, false).await;
        assert_eq!(report.ticks, 9500);
        assert_good(&report);
    }
}

#[tokio::test(start_paused = true)]
async fn laps_and_one_namespace_change_nothing_of_that() {
    assert_good(&play(&embedded(1, 2), Lie::None, false).await);
    for venue in Venue::ALL {
        assert_good(&play(&Feed { venues: vec![venue], ..embedded(1, 1) }, Lie::None, false).await);
    }
}

#[tokio::test(start_paused = true)]
async fn while_dead_letters_cannot_be_written_the_rest_flows_and_then_all_goes_on() {
    let report = play(&embedded(1, 1), Lie::None, true).await;
    assert_good(&report);
    let broken = report.broken.expect("the dead-letter topics were broken");
    assert!(broken.handled_meanwhile > 1000 && broken.held_back > 0, "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn without_faults_nothing_fails() {
    let calm = Rates { duplicates: 0, transient: 0, refusals: 0, outage: 0, poison: 0, session_orders: 50 };
    let feed = embedded(1, 1);
    let feed = Feed { faults: Faults::new(1, calm, feed.extent.ticks, INSTRUMENTS), ..feed };
    let report = play(&feed, Lie::None, true).await;
    assert_good(&report);
    assert_eq!((report.found.duplicates, report.found.retries, report.found.dead_letters), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_settled_without_its_handler_is_lost() {
    for topic in ["market.ticks", "paper.signals.raw", "zerodha.signals.validated", "paper.orders.filled"] {
        let report = play(&embedded(1, 1), Lie::Undelivered(topic, 17), false).await;
        let row = report.topics.iter().find(|row| row.topic == topic).expect("the topic has a row");
        assert!(report.lost >= 1 && row.lost >= 1, "{topic}: {:?}", report.findings);
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_that_was_not_written_is_lost_and_its_topic_named() {
    for topic in ["zerodha.signals.validated", "paper.pnl.snapshots"] {
        let report = play(&embedded(1, 1), Lie::Unwritten(topic, 9), false).await;
        assert!(report.lost >= 1 && !report.is_good(), "{topic}: {:?}", report.findings);
        assert!(report.findings.iter().any(|finding| finding.contains(topic)), "{topic}: {:?}", report.findings);
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_written_under_two_ids_is_doubled() {
    for topic in ["paper.signals.raw", "zerodha.signals.validated", "paper.orders.filled", "paper.pnl.snapshots"] {
        let report = play(&embedded(1, 1), Lie::Echoed(topic, 9), false).await;
        assert!(report.doubled >= 1, "{topic}: {:?}", report.findings);
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_seed_print_the_same_report() {
    let timeless = |report: &Report| {
        let mut json = serde_json::to_value(report).expect("a report serialises");
        let fields = json.as_object_mut().expect("a report is an object");
        fields.retain(|name, _| name != "seconds" && name != "records_per_second");
        json
    };
    let one = play(&embedded(9, 1), Lie::None, false).await;
    let other = play(&embedded(9, 1), Lie::None, false).await;
    assert_eq!(timeless(&one), timeless(&other));
}

#[tokio::test(start_paused = true)]
async fn a_portfolio_manager_that_is_stopped_or_crashes_in_the_middle_changes_nothing_of_what_comes_out() {
    for seed in 0..3 {
        let report = play_with(&embedded(seed, 1), Lie::None, false, 20).await;
        assert!(report.is_good(), "{:#?} {:#?}", report.findings, report.difference);
        let undisturbed = play(&embedded(seed, 1), Lie::None, false).await;
        assert_eq!(format!("{:?}", report.portfolios), format!("{:?}", undisturbed.portfolios));
    }
}

#[tokio::test(start_paused = true)]
async fn a_standstill_is_noticed_and_says_where_it_is() {
    let (_stay, interrupted) = watch::channel(false);
    let options = Options { break_dead_letters: false, restarts: 0, ahead: AHEAD, progress: false, interrupted };
    let lie = Lie::Silent("zerodha.signals.validated");
    let ended = run::run(&embedded(1, 1), options, |memory| Tampered::new(memory, lie)).await;
    let Err(Cut::Failed(why)) = ended else { panic!("the run cannot end well") };
    assert!(why.contains("nothing has moved") && why.contains("zerodha.signals.validated: "), "{why}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_the_run_in_order() {
    let (_stay, interrupted) = watch::channel(true);
    let options = Options { break_dead_letters: false, restarts: 0, ahead: AHEAD, progress: false, interrupted };
    let ended = run::run(&embedded(1, 1), options, |memory| memory).await;
    assert!(matches!(ended, Err(Cut::Interrupted)));
}

#[tokio::test(start_paused = true)]
async fn the_json_report_has_the_documented_fields() {
    let report = play(&embedded(1, 1), Lie::None, true).await;
    let json = serde_json::to_value(&report).expect("a report serialises");
    let names = |value: &serde_json::Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&json),
        "broken dead_letters difference doubled findings found laps lost namespaces oracle_equal planted portfolios records_per_second seconds seed ticks topics"
    );
    assert_eq!(names(&json["topics"][0]), "dead_lettered deduplicated done lost produced retried skipped topic");
    assert_eq!(names(&json["dead_letters"][0]), "attempts id key message reason topic");
    assert_eq!(names(&json["portfolios"][0]), "fills instruments namespace profit realised unrealised");
    assert_eq!(names(&json["planted"]), "duplicates outage poison refusals retries");
    assert_eq!(names(&json["found"]), "dead_letters duplicates retries");
    assert_eq!(names(&json["broken"]), "from_tick handled_meanwhile held_back to_tick");
    assert!(json["portfolios"][0]["profit"].is_string(), "decimals are strings");
    assert_eq!(json["topics"].as_array().expect("a list").len(), 15);
}
