//! What is said of a failure at the place where it happens.

use super::support::*;
use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs one order through a handler; the reason of its dead letter, if it became one, and how often the handler ran.
async fn outcome(errors: ErrorHandling, fails: fn(u64) -> Result<(), HandlerError>) -> (Option<String>, u64) {
    let (memory, calls) = (Memory::new(), Arc::new(AtomicU64::new(0)));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let counting = calls.clone();
    let handler = move |_: Event<Order>| {
        let call = counting.fetch_add(1, Ordering::Relaxed) + 1;
        async move { fails(call) }
    };
    run_until_settled(desk(&memory, errors).add_consumer_handler(NEW, GROUP, handler), 1).await;
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    (letters.first().map(|letter| said(letter, "millstream-dlq-reason")), calls.load(Ordering::Relaxed))
}

fn busy(_: u64) -> Result<(), HandlerError> {
    Err(TradeError::Busy).or_permanent_if(|error| matches!(error, TradeError::Refused))
}

fn refused(_: u64) -> Result<(), HandlerError> {
    Err(TradeError::Refused).or_permanent_if(|error| matches!(error, TradeError::Refused))
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_said_to_stay_the_same_is_tried_once() {
    let errors = ErrorHandling::new().retry(retry(3)).classify(|_: &TradeError| Failure::Transient);
    assert_eq!(outcome(errors, refused).await, (Some("permanent".into()), 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_which_nothing_is_said_at_the_place_is_what_its_type_is() {
    assert_eq!(outcome(ErrorHandling::new().retry(retry(3)), busy).await, (Some("exhausted".into()), 3));
    let errors = ErrorHandling::new().retry(retry(3)).classify(|_: &TradeError| Failure::Permanent);
    assert_eq!(outcome(errors, busy).await, (Some("permanent".into()), 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_asks_for_time_is_tried_again() {
    let fails = |call| match call {
        1 => Err(HandlerError::after(Duration::from_secs(60), "too many requests")),
        _ => Ok(()),
    };
    assert_eq!(outcome(ErrorHandling::new().retry(retry(3)), fails).await, (None, 2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_asks_for_more_time_than_there_is_gives_up() {
    let fails = |_| Err(HandlerError::after(Duration::from_secs(301), "closed until tomorrow"));
    assert_eq!(outcome(ErrorHandling::new().retry(retry(3)), fails).await, (Some("exhausted".into()), 1));
}

#[test]
fn what_was_said_at_the_place_before_is_kept_behind_what_is_said_now() {
    let away = || Err::<(), _>(HandlerError::transient("the quote server is away"));
    let error = away().or_permanent("no price").expect_err("a failure");
    assert_eq!(error.to_string(), "no price: the quote server is away");
}
