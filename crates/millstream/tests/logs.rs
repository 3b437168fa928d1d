//! What is logged, and what never is: everything is seen from `TRACE` on, in runs full of failures.

#[path = "support/seen.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
mod seen;
mod support;

use millstream::engine::Breaker;
use millstream::memory::Memory;
use millstream::prelude::*;
use seen::Seen;
use std::time::Duration;
use support::*;

const IN: &str = "paper.orders.new";
const DONE: Sibling = Sibling::new("orders", "done");
const MARKER: &str = "PAYLOAD-MARKER";

async fn fails_in_every_way(data: Event<serde_json::Value>, out: &mut Outputs) -> Result<(), HandlerError> {
    let number = data["number"].as_u64().unwrap_or_default();
    match number % 6 {
        0 => drop(serde_json::from_str::<u64>(&format!("{:?}", data["account"].as_str().unwrap_or_default()))?),
        1 => serde_json::from_str::<Order>(&format!("{{{MARKER}")).map(drop).or_permanent("no order")?,
        2 => return Err(std::io::Error::other(serde_json::from_str::<bool>(&format!("{MARKER:?}")).expect_err("no bool")).into()),
        3 => tokio::time::sleep(Duration::from_secs(60)).await,
        4 => out.emit(DONE, &order(MARKER, number)).map(drop)?,
        _ => panic!("a panic"),
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_payload_a_key_and_a_header_never_appear_in_what_is_logged() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let errors = ErrorHandling::new().retry(Retry::exponential(Duration::from_millis(10), Duration::from_millis(10)).attempts(2));
    // Nothing recovers here, so an open breaker would stay open.
    let errors = errors.breaker(Breaker::after(10_000).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5)));
    let settings = HandlerSettings::new().timeout(Duration::from_secs(1));
    let service = StreamServiceBuilder::new("desk", memory.clone())
        .add_producer()
        .with_metrics()
        .with_error_handling(errors)
        .with_deduplicator(WindowDeduplicator::default())
        .add_consumer_handler_with(IN, "desk.raw", fails_in_every_way, settings.clone())
        .add_consumer_handler_with(IN, "desk.typed", async |_: Event<u64>| {}, settings)
        .build()
        .expect("a valid service");
    let mut records: Vec<Record> = (0..24).map(|n| record(IN, &order(&format!("{MARKER}-{n}"), n))).collect();
    records.push(Record::new(topic(IN), MARKER, format!("{{{MARKER}")));
    records.push(Record::new(topic(IN), MARKER, format!("{{\"id\":\"{MARKER} \"}}")));
    // One id, two contents.
    records.push(record_with_id(IN, id(4), &order(MARKER, 1_000)));
    records = records.into_iter().map(|record| record.header("traceparent", MARKER).header("secret", MARKER)).collect();
    let count = records.len() as u64;
    send(&memory, records).await;
    let running = Running::start(service).await;
    let account = running.handle.clone();
    running.settled(2 * count).await;
    running.stop().await.expect("a clean end");
    let total = account.account().total();
    assert!(total.dead_lettered > 20 && total.retries > 5 && total.timeouts > 0, "else there is little to prove: {total:?}");
    assert!(seen.lines("dead letter").len() > 20 && !seen.lines("attempt failed, will be retried").is_empty());
    let everything = seen.everything();
    let found = everything.find(MARKER).map(|at| &everything[at.saturating_sub(300)..(at + 100).min(everything.len())]);
    assert_eq!(found, None);
}

#[tokio::test(start_paused = true)]
async fn words_from_outside_break_no_line_and_are_cut() {
    let (memory, (seen, _guard)) = (Memory::new(), Seen::all());
    let hostile = format!("one\r\ntwo\u{1b}[2J{}", "x".repeat(10_000));
    let handler = move |_: Position| {
        let text = hostile.clone();
        async move { Err::<(), _>(HandlerError::transient(text)) }
    };
    let errors = ErrorHandling::new().retry(Retry::exponential(Duration::from_millis(10), Duration::from_millis(10)).attempts(2));
    let service = StreamServiceBuilder::new("desk", memory.clone())
        .with_error_handling(errors)
        .add_consumer_handler_with(
            IN,
            "desk.orders",
            handler,
            HandlerSettings::new().id_source(millstream::service::IdSource::Position),
        )
        .build()
        .expect("a valid service");
    // A CloudEvent's ids may be any text.
    let wire = Record::new(topic(IN), "k\r\n\u{1b}[2J", "{}")
        .header("ce_specversion", "1.0")
        .header("ce_id", "id\r\n\u{1b}[2J")
        .header("ce_source", "s")
        .header("ce_type", "t");
    send(&memory, vec![wire]).await;
    let running = Running::start(service).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    assert_eq!(seen.lines("dead letter").len(), 1);
    for value in seen.values() {
        assert!(!value.contains(|c: char| c.is_control()), "{value:?}");
        assert!(value.len() <= 320, "{} bytes", value.len());
    }
}
