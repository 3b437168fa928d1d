//! Users' code that panics where nobody expects it: each costs its own record, and nothing else.

mod support;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use support::*;

const NEW: &str = "paper.orders.new";
const LETTERS: &str = "paper.orders.new.dlq";

/// An error that cannot say what happened.
#[derive(Debug)]
struct Speechless;

impl fmt::Display for Speechless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words");
    }
}

impl std::error::Error for Speechless {}

/// Panics when it is dropped.
#[derive(Debug)]
struct Clinging;

impl Drop for Clinging {
    fn drop(&mut self) {
        panic!("not without a fight");
    }
}

#[derive(Debug)]
struct ClingingError(#[allow(dead_code, reason = "held for its end")] Clinging);

impl fmt::Display for ClingingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it clings")
    }
}

impl std::error::Error for ClingingError {}

fn letter(memory: &Memory, index: usize, name: &str) -> String {
    let letters = memory.records(&topic(LETTERS));
    let found = letters[index].headers.iter().find(|(known, _)| known == name);
    let value = found.and_then(|(_, value)| value.as_deref()).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}

/// Runs a service over orders 1 to 3, of which exactly the second must become a dead letter, and the service must end well.
async fn run(build: impl FnOnce(StreamServiceBuilder) -> StreamServiceBuilder) -> Memory {
    let memory = Memory::new();
    send_orders(&memory, NEW, (1..4).map(|n| order("a", n))).await;
    let service = build(StreamServiceBuilder::new("panics", memory.clone())).build().expect("a valid service");
    let running = Running::start(service).await;
    running.settled(3).await;
    let total = running.handle.account().total();
    assert_eq!((total.done, total.dead_lettered), (2, 1));
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, "panics", NEW, 0), Some(3));
    memory
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_text_panics_fails_its_record_under_a_text_of_ours() {
    let memory = run(|builder| {
        builder.add_consumer_handler(NEW, "panics", async |order: Event<Order>| match order.number {
            2 => Err(Speechless),
            _ => Ok(()),
        })
    });
    let memory = memory.await;
    assert_eq!(letter(&memory, 0, "millstream-dlq-reason"), "exhausted", "it is tried again like any other");
    assert_eq!(letter(&memory, 0, "__dlq.errors.message"), "the error's own text panicked");
    assert!(letter(&memory, 0, "millstream-dlq-error-type").ends_with("Speechless"));
}

#[tokio::test(start_paused = true)]
async fn what_was_said_at_the_place_stays_beside_a_text_that_panics() {
    let memory = run(|builder| {
        builder.add_consumer_handler(NEW, "panics", async |order: Event<Order>| -> Result<(), HandlerError> {
            if order.number == 2 { Err(Speechless).or_permanent("the desk refused") } else { Ok(()) }
        })
    });
    assert_eq!(letter(&memory.await, 0, "__dlq.errors.message"), "the desk refused: the error's own text panicked");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_panics_when_it_is_dropped_fails_its_record() {
    let memory = run(|builder| {
        builder.add_consumer_handler(NEW, "panics", async |order: Event<Order>| match order.number {
            2 => Err(ClingingError(Clinging)),
            _ => Ok(()),
        })
    });
    assert_eq!(letter(&memory.await, 0, "__dlq.errors.message"), "it clings");
}

/// An order that panics when it is dropped, if it is the second.
#[derive(Serialize, Deserialize)]
struct ClingingOrder {
    number: u64,
}

impl Drop for ClingingOrder {
    fn drop(&mut self) {
        assert_ne!(self.number, 2, "not without a fight");
    }
}

#[tokio::test(start_paused = true)]
async fn data_that_panics_when_it_is_dropped_fails_its_record() {
    let memory = run(|builder| builder.add_consumer_handler(NEW, "panics", async |_: Event<ClingingOrder>| {}));
    assert_eq!(letter(&memory.await, 0, "millstream-dlq-reason"), "panic");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_and_panics_when_it_is_dropped_fails_its_record() {
    let settings = HandlerSettings::new().timeout(Duration::from_secs(1));
    let memory = run(|builder| {
        let handler = async |order: Event<ClingingOrder>| {
            if order.number == 2 {
                std::future::pending::<()>().await;
            }
        };
        builder.add_consumer_handler_with(NEW, "panics", handler, settings)
    });
    assert!(letter(&memory.await, 0, "__dlq.errors.message").contains("took longer than 1s"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_carries_what_panics_when_it_is_dropped_fails_its_record() {
    let memory = run(|builder| {
        builder.add_consumer_handler(NEW, "panics", async |order: Event<Order>| {
            if order.number == 2 {
                std::panic::panic_any(Clinging);
            }
        })
    });
    assert_eq!(letter(&memory.await, 0, "millstream-dlq-reason"), "panic");
}

/// An error whose cause cannot be asked for.
#[derive(Debug)]
struct Secretive;

impl fmt::Display for Secretive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secretive")
    }
}

impl std::error::Error for Secretive {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        panic!("nobody's business");
    }
}

/// An error that is its own cause.
#[derive(Debug)]
struct Ring;

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ring")
    }
}

impl std::error::Error for Ring {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_cause_panics_or_never_ends_costs_its_own_record() {
    for ring in [false, true] {
        let handler = move |order: Event<Order>| async move {
            match (order.number, ring) {
                (2, true) => Err(HandlerError::from(Ring)),
                (2, false) => Err(HandlerError::from(Secretive)),
                _ => Ok(()),
            }
        };
        run(|builder| builder.add_consumer_handler(NEW, "panics", handler)).await;
    }
}
