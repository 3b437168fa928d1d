//! Tests of the proof: an audit that has never noticed a fault proves nothing.
//!
//! Owns whole runs of the rehearsal, good ones and broken ones, and the shape of the report. Leaves the parts
//! to the tests beside them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::effects::Effects;
use crate::feed::Feed;
use crate::feed::tests::embedded;
use crate::market_feed;
use crate::oracle::Oracle;
use crate::readback::Readback;
use crate::rehearsal::{Rehearsal, Tamper};
use crate::report::Report;
use crate::topics::Venue;

async fn run(feed: &Feed, tamper: fn(&str, u64) -> Tamper, break_dead_letters: bool) -> Report {
    let oracle = Oracle::run(feed, |_, _, _| {}).expect("the embedded ticks are valid");
    let effects = Arc::new(Effects::new(&feed.venues));
    let mut readback = Readback::new(feed, &oracle);
    let mut rehearsal = Rehearsal::new(feed, &effects, &mut readback, break_dead_letters).with_tamper(tamper);
    market_feed::publish(feed, &effects, &mut rehearsal).await.expect("the list takes everything");
    rehearsal.mend_dead_letters();
    let retried = std::mem::take(&mut rehearsal.retried);
    drop(rehearsal);
    let findings = readback.finish(&effects, &retried, &BTreeMap::new()).expect("the embedded ticks are valid");
    Report::new(feed, &oracle, &findings, Duration::from_secs(1))
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

#[tokio::test]
async fn nothing_is_lost_or_doubled_for_any_of_many_seeds_and_all_that_was_planted_is_found() {
    for seed in 0..=20 {
        let report = run(&embedded(seed, 1), |_, _| Tamper::Nothing, false).await;
        assert_eq!(report.ticks, 9500);
        assert_good(&report);
    }
}

#[tokio::test]
async fn laps_one_namespace_and_broken_dead_letters_change_nothing_of_that() {
    assert_good(&run(&embedded(1, 3), |_, _| Tamper::Nothing, false).await);
    assert_good(&run(&embedded(1, 1), |_, _| Tamper::Nothing, true).await);
    for venue in Venue::ALL {
        let feed = Feed { venues: vec![venue], ..embedded(1, 1) };
        assert_good(&run(&feed, |_, _| Tamper::Nothing, false).await);
    }
}

#[tokio::test]
async fn a_record_settled_without_its_handler_is_lost() {
    for topic in ["market.ticks", "paper.signals.raw", "zerodha.signals.validated", "paper.orders.filled"] {
        let tamper: fn(&str, u64) -> Tamper = match topic {
            "market.ticks" => {
                |topic, offset| if topic == "market.ticks" && offset == 77 { Tamper::Lose } else { Tamper::Nothing }
            }
            "paper.signals.raw" => {
                |topic, offset| if topic == "paper.signals.raw" && offset == 77 { Tamper::Lose } else { Tamper::Nothing }
            }
            "zerodha.signals.validated" => {
                |topic, offset| if topic == "zerodha.signals.validated" && offset == 7 { Tamper::Lose } else { Tamper::Nothing }
            }
            _ => |topic, offset| if topic == "paper.orders.filled" && offset == 17 { Tamper::Lose } else { Tamper::Nothing },
        };
        let report = run(&embedded(1, 1), tamper, false).await;
        let row = report.topics.iter().find(|row| row.topic == topic).expect("the topic has a row");
        assert!(report.lost >= 1 && row.lost >= 1, "{topic}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn a_handler_that_runs_twice_is_noticed_although_its_state_is_safe() {
    let tamper =
        |topic: &str, offset| if topic == "paper.signals.validated" && offset == 9 { Tamper::Repeat } else { Tamper::Nothing };
    let report = run(&embedded(1, 1), tamper, false).await;
    assert!(report.doubled >= 1, "{:?}", report.findings);
    assert_eq!(report.lost, 0);
}

#[tokio::test]
async fn forgotten_outputs_are_lost_and_name_their_topic() {
    let tamper = |topic: &str, offset| if topic == "zerodha.signals.raw" && offset == 9 { Tamper::Mute } else { Tamper::Nothing };
    let report = run(&embedded(1, 1), tamper, false).await;
    assert!(report.lost >= 1 && !report.is_good());
    assert!(report.findings.iter().any(|finding| finding.contains("zerodha.signals.validated")), "{:?}", report.findings);
}

#[tokio::test]
async fn outputs_under_other_ids_are_doubled() {
    let tamper = |topic: &str, offset| if topic == "paper.orders.filled" && offset == 3 { Tamper::Echo } else { Tamper::Nothing };
    let report = run(&embedded(1, 1), tamper, false).await;
    assert!(report.doubled >= 1, "{:?}", report.findings);
}

#[tokio::test]
async fn two_runs_of_one_seed_print_the_same_report() {
    let json = |report: &Report| serde_json::to_string(report).expect("a report serialises");
    let one = run(&embedded(9, 1), |_, _| Tamper::Nothing, false).await;
    let other = run(&embedded(9, 1), |_, _| Tamper::Nothing, false).await;
    assert_eq!(json(&one), json(&other));
}

#[tokio::test]
async fn the_json_report_has_the_documented_fields() {
    let report = run(&embedded(1, 1), |_, _| Tamper::Nothing, false).await;
    let json = serde_json::to_value(&report).expect("a report serialises");
    let names = |value: &serde_json::Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&json),
        "dead_letters difference doubled findings found laps lost namespaces oracle_equal planted portfolios records_per_second seconds seed ticks topics"
    );
    assert_eq!(names(&json["topics"][0]), "dead_lettered deduplicated done lost produced retried skipped topic");
    assert_eq!(names(&json["dead_letters"][0]), "attempts id key message reason topic");
    assert_eq!(names(&json["portfolios"][0]), "fills instruments namespace profit realised unrealised");
    assert_eq!(names(&json["planted"]), "duplicates outage poison refusals retries");
    assert_eq!(names(&json["found"]), "dead_letters duplicates retries");
    assert!(json["portfolios"][0]["profit"].is_string(), "decimals are strings");
    assert_eq!(json["topics"].as_array().expect("a list").len(), 15);
}
