//! Errors by their type: what they mean, and how often each is tried.

use super::support::*;
use super::*;
use std::io;

/// Refused for account `refused`, an I/O error for `away`, busy otherwise.
async fn trades(order: Event<Order>) -> Result<(), HandlerError> {
    match order.account.as_str() {
        "refused" => Err(TradeError::Refused.into()),
        "away" => Err(io::Error::other("away").into()),
        "kept" => Err(TradeError::Refused).or_transient("it will pass"),
        _ => Err(TradeError::Busy.into()),
    }
}

fn errors() -> ErrorHandling {
    ErrorHandling::new().retry(retry(3)).classify(|error: &TradeError| match error {
        TradeError::Refused => Failure::Permanent,
        _ => Failure::Transient,
    })
}

/// The reason and the attempts of each letter, by account.
async fn letters(builder: StreamServiceBuilder, memory: &Memory, accounts: &[&str]) -> Vec<(String, String)> {
    for (n, account) in accounts.iter().enumerate() {
        send_orders(memory, NEW, [order(account, n as u64)]).await;
    }
    run_until_settled(builder, accounts.len() as u64).await;
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    let of = |account: &&str| letters.iter().find(|letter| letter.key.as_deref() == Some(account.as_bytes())).expect("a letter");
    let told = |letter: &Record| (said(letter, "millstream-dlq-reason"), said(letter, "millstream-dlq-attempts"));
    accounts.iter().map(of).map(told).collect()
}

fn is(reason: &str, attempts: &str) -> (String, String) {
    (reason.into(), attempts.into())
}

#[tokio::test(start_paused = true)]
async fn an_error_classified_as_permanent_is_called_once_and_one_said_to_pass_at_the_place_again() {
    let memory = Memory::new();
    let builder = desk(&memory, errors()).add_consumer_handler(NEW, GROUP, trades);
    let found = letters(builder, &memory, &["refused", "busy", "kept"]).await;
    assert_eq!(found, [is("permanent", "1"), is("exhausted", "3"), is("exhausted", "3")]);
}

#[tokio::test(start_paused = true)]
async fn an_error_with_a_policy_of_its_own_is_tried_as_often_as_that_says() {
    let memory = Memory::new();
    let errors = errors().retry_for::<io::Error>(retry(7));
    let found = letters(desk(&memory, errors).add_consumer_handler(NEW, GROUP, trades), &memory, &["busy", "away"]).await;
    assert_eq!(found, [is("exhausted", "3"), is("exhausted", "7")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_for_a_handler_is_nearer_than_what_is_said_for_its_service() {
    let memory = Memory::new();
    let settings = HandlerSettings::new().retry(retry(2)).classify(|_: &TradeError| Failure::Transient);
    let builder = desk(&memory, errors().retry_for::<io::Error>(retry(7)));
    let builder = builder.add_consumer_handler_with(NEW, GROUP, trades, settings);
    let found = letters(builder, &memory, &["refused", "away"]).await;
    assert_eq!(found, [is("exhausted", "2"), is("exhausted", "2")]);
}

#[tokio::test(start_paused = true)]
async fn attempts_count_over_all_errors_of_a_record_and_the_latest_decides() {
    let memory = Memory::new();
    let errors = ErrorHandling::new().retry(retry(3)).retry_for::<io::Error>(retry(20));
    // Five I/O errors, and then one whose policy allows three attempts.
    let handler = async |attempt: Attempt| -> Result<(), HandlerError> {
        if attempt.number() <= 5 { Err(io::Error::other("away").into()) } else { Err(TradeError::Busy.into()) }
    };
    let found = letters(desk(&memory, errors).add_consumer_handler(NEW, GROUP, handler), &memory, &["a"]).await;
    assert_eq!(found, [is("exhausted", "6")]);
}

#[tokio::test(start_paused = true)]
async fn a_classification_that_panics_costs_its_record_only_and_says_so() {
    let memory = Memory::new();
    let errors = ErrorHandling::new().retry(retry(3)).classify(|_: &TradeError| -> Failure { panic!("no idea") });
    let found = letters(desk(&memory, errors).add_consumer_handler(NEW, GROUP, trades), &memory, &["refused", "away"]).await;
    assert_eq!(found, [is("permanent", "1"), is("exhausted", "3")]);
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    let told: Vec<String> = letters.iter().map(|letter| said(letter, "__dlq.errors.message")).collect();
    assert!(told.iter().any(|text| text.contains("the classification of this error panicked: no idea")), "{told:?}");
}
