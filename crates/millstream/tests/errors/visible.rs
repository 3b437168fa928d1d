//! What is seen of failures: lines and the account, each with the reason.

use super::seen::Seen;
use super::support::*;
use super::*;
use millstream::contract::DeadLetterReason;
use millstream_core::process::Process;

async fn fails(order: Event<Order>) -> Result<(), HandlerError> {
    match order.account.as_str() {
        "refused" => Err(HandlerError::permanent("refused\nby the broker")),
        "panics" => panic!("no idea"),
        _ => Err(TradeError::Busy.into()),
    }
}

/// Runs a refused, a panicking and a busy record, and one that cannot be read.
async fn account(errors: ErrorHandling, memory: &Memory) -> Account {
    let records = ["refused", "panics", "busy"].iter().zip(0..).map(|(account, n)| record(NEW, &order(account, n)));
    send(memory, records.chain([Record::new(topic(NEW), "poison", "{not json")]).collect()).await;
    run_until_settled(desk(memory, errors).add_consumer_handler(NEW, GROUP, fails), 4).await
}

#[tokio::test(start_paused = true)]
async fn the_account_tells_dead_letters_by_reason() {
    let account = account(ErrorHandling::new().retry(retry(2)), &Memory::new()).await;
    let told: Vec<(DeadLetterReason, u64)> = account.dead_letters().into_iter().collect();
    let reasons = [DeadLetterReason::Poison, DeadLetterReason::Permanent, DeadLetterReason::Exhausted, DeadLetterReason::Panic];
    assert_eq!(told, reasons.map(|reason| (reason, 1)));
    assert_eq!(account.lines[0].dead_letters, account.dead_letters());
}

#[tokio::test(start_paused = true)]
async fn every_dead_letter_is_one_warning_with_its_reason_and_every_retry_a_line_with_its_delay() {
    let (seen, _guard) = Seen::all();
    account(ErrorHandling::new().retry(retry(3)), &Memory::new()).await;
    let letters = seen.lines("dead letter");
    let told: Vec<[&str; 3]> = letters
        .iter()
        .map(|line| ["reason", "attempts", "error"].map(|name| line.fields.get(name).map_or("", String::as_str)))
        .collect();
    for part in [
        ["permanent", "1", r"refused\nby the broker"],
        ["panic", "1", "the handler panicked: no idea"],
        ["exhausted", "3", "the broker is Busy"],
        ["poison", "0", "the envelope is not JSON at byte 1"],
    ] {
        assert_eq!(told.iter().filter(|line| **line == part).count(), 1, "{part:?} in {told:?}");
    }
    assert_eq!(told.len(), 4);
    assert!(letters.iter().any(|line| line.fields["error_type"].ends_with("TradeError")));
    let retries = seen.lines("attempt failed, will be retried");
    let attempts: Vec<&str> = retries.iter().map(|line| line.fields["attempt"].as_str()).collect();
    assert_eq!(attempts, ["1", "2"]);
    for line in retries {
        let delay: u64 = line.fields["delay_ms"].parse().expect("a number");
        assert!((5..=10).contains(&delay) && line.fields["reason"] == "transient", "{:?}", line.fields);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_to_a_retry_topic_is_a_line_that_says_where_to() {
    let (seen, _guard) = Seen::all();
    let memory = Memory::new();
    send_orders(&memory, NEW, [order("busy", 1)]).await;
    let errors = ErrorHandling::new().retry(retry(2)).retry_topics([Duration::from_secs(10)]);
    run_until_settled(desk(&memory, errors).add_consumer_handler(NEW, GROUP, fails), 2).await;
    let lines = seen.lines("attempts used up, handed on to a retry topic");
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].fields["attempts"].as_str(), lines[0].fields["to"].as_str()), ("2", "paper.orders.new.retry.1"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_says_when_its_record_failed_first_and_when_last() {
    let memory = Memory::new();
    let slow = Retry::exponential(Duration::from_secs(10), Duration::from_secs(10)).attempts(3);
    // A process has a wall clock of its own, which goes with the test's.
    let process = Process::new("desk", 1, 1_780_000_000_000);
    process.run(account(ErrorHandling::new().retry(slow), &memory)).await;
    let failed = |reason: &str| {
        let letters = memory.records(&topic("paper.orders.new.dlq"));
        let letter = letters.iter().find(|letter| said(letter, "millstream-dlq-reason") == reason).expect("a letter");
        ["millstream-dlq-first-failed-at", "millstream-dlq-last-failed-at"].map(|name| said(letter, name))
    };
    let [first, last] = failed("exhausted");
    assert!(first.starts_with("2026-05-28T20:26:40"), "{first}");
    assert!(
        "2026-05-28T20:26:50" < last.as_str() && last.as_str() < "2026-05-28T20:27:02",
        "{last}, two pauses of 5 s to 10 s later"
    );
    let [first, last] = failed("permanent");
    assert_eq!(first, last);
}
