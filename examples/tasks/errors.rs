//! What follows failures: errors by their type, more attempts for some, retry topics, and a pager beside the dead-letter
//! topic.

use millstream::contract::{DeadLetter, DeadLetterReason, Durability, ErrorSink};
use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct Order {
    account: String,
    quantity: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order_placed";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

/// What the broker answers.
#[derive(Debug)]
enum TradeError {
    Refused(&'static str),
    Busy,
}

impl fmt::Display for TradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TradeError::Refused(why) => write!(f, "the broker refuses: {why}"),
            TradeError::Busy => f.write_str("the broker is busy"),
        }
    }
}

impl std::error::Error for TradeError {}

/// A broker that is busy for the first calls.
struct Broker(Mutex<u32>);

impl Broker {
    async fn on_order(&self, order: Event<Order>) -> Result<(), TradeError> {
        if order.quantity == 0 {
            return Err(TradeError::Refused("nothing to buy"));
        }
        let mut busy = self.0.lock().expect("no panic under it");
        *busy = busy.saturating_sub(1);
        if *busy > 0 { Err(TradeError::Busy) } else { Ok(()) }
    }
}

/// Tells somebody, who may not hear it.
#[derive(Clone, Default)]
struct Pager(Arc<Mutex<Vec<String>>>);

impl ErrorSink for Pager {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let mut told = self.0.lock().expect("no panic under it");
        told.extend(letters.iter().map(|letter| letter.message.clone()));
        letters.iter().map(|_| Ok(())).collect()
    }

    fn durability(&self) -> Durability {
        Durability::Lossy
    }
}

fn service(transport: impl Transport, pager: Pager) -> Result<StreamService, Error> {
    let errors = ErrorHandling::new()
        .retry(Retry::exponential(Duration::from_millis(100), Duration::from_secs(10)).attempts(3))
        // True of the error wherever it comes from: trying again is no use.
        .classify(|error: &TradeError| match error {
            TradeError::Refused(_) => Failure::Permanent,
            TradeError::Busy => Failure::Transient,
        })
        // Before it is given up: later, and without holding the account's other orders.
        .retry_topics([Duration::from_secs(10), Duration::from_secs(300)])
        // In `paper.orders.placed.dlq`, and somebody is told if that works.
        .error_sink_with(move |to_topic| to_topic.and(pager.clone().only([DeadLetterReason::Permanent]).best_effort()))
        .breaker(Breaker::after(50).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5)));
    StreamServiceBuilder::new("desk", transport)
        .with_error_handling(errors)
        .with_state(Broker(Mutex::new(6)))
        .add_consumer_handler("paper.orders.placed", "desk.orders", Broker::on_order)
        .build()
}

pub(crate) async fn run() -> Result<(), Error> {
    let pager = Pager::default();
    let bench = TestBench::start(|memory| service(memory, pager.clone())).await?;
    bench.publish("paper.orders.placed", &Order { account: "ann".into(), quantity: 5 }).await;
    bench.publish("paper.orders.placed", &Order { account: "ben".into(), quantity: 0 }).await;
    bench.settled().await;
    // Ben's was refused, once. Ann's had three attempts, three more after 10 s, and the last of them succeeded.
    let letters = bench.dead_letters("paper.orders.placed.dlq");
    assert_eq!(letters.iter().map(|letter| (letter.reason.as_str(), letter.attempts)).collect::<Vec<_>>(), [("permanent", 1)]);
    let account = bench.account();
    assert_eq!((account.done, account.handed_on, account.dead_lettered, account.retries), (1, 1, 1, 4));
    assert_eq!(*pager.0.lock().expect("no panic under it"), ["the broker refuses: nothing to buy"]);
    bench.stop().await
}
