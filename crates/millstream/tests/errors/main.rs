//! What can be said of failures, end to end: what errors mean, where dead letters go, and who is told.

#![allow(unreachable_pub, missing_docs, reason = "a test is no library")]

#[path = "../support/seen.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod seen;
#[path = "../support/mod.rs"]
mod support;

mod classify;
mod followers;
mod naming;
mod outages;
mod places;
mod retry_topics;
mod sinks;
mod visible;

use millstream::prelude::*;
use std::fmt;
use std::time::Duration;

pub const NEW: &str = "paper.orders.new";
pub const GROUP: &str = "desk.orders";

/// What a broker answers.
#[derive(Debug)]
pub enum TradeError {
    Refused,
    Busy,
}

impl fmt::Display for TradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the broker is {self:?}")
    }
}

impl std::error::Error for TradeError {}

/// Few and quick attempts.
pub fn retry(attempts: u32) -> Retry {
    Retry::exponential(Duration::from_millis(10), Duration::from_millis(10)).attempts(attempts)
}

pub fn desk(memory: &Memory, errors: ErrorHandling) -> StreamServiceBuilder {
    StreamServiceBuilder::new("desk", memory.clone()).with_error_handling(errors)
}

/// Runs a service until it has settled so many records.
pub async fn run_until_settled(builder: StreamServiceBuilder, records: u64) -> Account {
    let running = support::Running::start(builder.build().expect("a valid service")).await;
    running.settled(records).await;
    let handle = running.handle.clone();
    running.stop().await.expect("a clean end");
    handle.account()
}

/// A text of a dead letter's headers.
pub fn said(letter: &Record, name: &str) -> String {
    let value = letter.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref());
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}
