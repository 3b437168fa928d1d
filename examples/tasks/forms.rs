//! What a handler may take and return: outputs that are returned, a skip, a deferral, a tombstone, a payload that is not
//! copied, a part of the state, closures.

use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::time::Duration;

const FILLED: Sibling = Sibling::new("orders", "filled");
const AUDITED: Sibling = Sibling::new("orders", "audited");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, EventData)]
#[event(type = "order", key = symbol)]
struct Order {
    symbol: String,
    quantity: u32,
}

/// A part of the state, which handlers ask for by itself.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn note(&self, line: String) {
        self.0.lock().expect("nobody panics under the lock").push(line);
    }
}

#[derive(Default)]
struct App {
    log: Log,
}

impl Provide<Log> for App {
    fn provide(&self) -> &Log {
        &self.log
    }
}

/// One output, or none, returned instead of emitted: a test looks at what the function answers.
async fn perhaps(order: Event<Order>) -> Option<Emit<Order>> {
    (order.quantity > 0).then(|| Emit::to(FILLED, order.into_data()))
}

/// Several, and an error of any kind.
async fn split(order: Event<Order>) -> Result<Vec<Emit<Order>>, std::num::TryFromIntError> {
    let parts = u8::try_from(order.quantity)?;
    // Equal in topic, type and key: a name for each keeps their ids apart, whatever the order.
    let part = |n| Emit::to(FILLED, Order { symbol: order.symbol.clone(), quantity: 1 }).named(format!("part {n}"));
    Ok((0..parts).map(part).collect())
}

/// Nothing to do, or not yet: neither is a failure.
async fn patient(order: Event<Order>, attempt: Attempt, app: &App) -> Outcome {
    app.log.note(format!("{} attempt {attempt}", order.symbol));
    match (order.symbol.as_str(), app.log.0.lock().expect("nobody panics under the lock").len()) {
        ("CLOSED", _) => Outcome::skip("the market is closed"),
        // Comes again in a minute, holds its key meanwhile, and counts no attempt.
        (_, 1) => Outcome::defer_for(Duration::from_secs(60), "the market opens soon"),
        _ => Outcome::Done,
    }
}

/// A record without a value says that its key is gone.
async fn tombstones(order: Option<Event<Order>>, raw: RawEvent<'_>, log: &Log) {
    let key = String::from_utf8_lossy(raw.record().key().unwrap_or_default()).into_owned();
    log.note(if order.is_some() { format!("{key} is here") } else { format!("{key} is gone") });
}

#[derive(Deserialize)]
struct Symbol<'a> {
    symbol: &'a str,
}

/// The payload borrows from the record: nothing is copied.
async fn zero_copy(raw: RawEvent<'_>, topic: Topic, position: Position, log: &Log) -> Result<(), HandlerError> {
    let order: Symbol<'_> = raw.decode()?;
    log.note(format!("{} at {topic} {position}", order.symbol));
    Ok(())
}

fn order(symbol: &str, quantity: u32) -> Order {
    Order { symbol: symbol.into(), quantity }
}

/// A service of one handler; feeds it, and answers the bench when all is settled.
macro_rules! fed {
    ($state:expr, $handler:expr, $($order:expr),*) => {{
        let state = std::sync::Arc::new($state);
        let shared = state.clone();
        let service = move |memory| {
            let builder = StreamServiceBuilder::new("forms", memory).with_shared_state(shared).add_producer();
            builder.add_consumer_handler("paper.orders.new", "forms.orders", $handler).build()
        };
        let bench = TestBench::start(service).await?;
        $(bench.publish("paper.orders.new", &$order).await;)*
        bench.settled().await;
        (bench, state)
    }};
}

pub(crate) async fn run() -> Result<(), Error> {
    let (bench, _) = fed!((), perhaps, order("EURUSD", 10), order("EURUSD", 0));
    assert_eq!(bench.events::<Order>("paper.orders.filled"), [order("EURUSD", 10)]);
    bench.stop().await?;

    let (bench, _) = fed!((), split, order("EURUSD", 3));
    assert_eq!(bench.events::<Order>("paper.orders.filled").len(), 3);
    bench.stop().await?;

    let (bench, app) = fed!(App::default(), patient, order("EURUSD", 1), order("CLOSED", 1));
    assert_eq!((bench.account().done, bench.account().skipped, bench.account().retries), (1, 1, 0));
    assert_eq!(app.log.0.lock().expect("nobody panics under the lock").len(), 3);
    bench.stop().await?;

    let (bench, app) = fed!(App::default(), tombstones, order("EURUSD", 1));
    let mut gone = Record::new(Topic::literal("paper.orders.new"), "EURUSD", Vec::new());
    gone.value = None;
    bench.send(gone).await;
    bench.settled().await;
    assert_eq!(*app.log.0.lock().expect("nobody panics under the lock"), ["EURUSD is here", "EURUSD is gone"]);
    bench.stop().await?;

    let (bench, app) = fed!(App::default(), zero_copy, order("EURUSD", 1));
    assert_eq!(*app.log.0.lock().expect("nobody panics under the lock"), ["EURUSD at paper.orders.new 0@0"]);
    bench.stop().await?;

    // An async closure may borrow, as a function may.
    let closure = async |log: &Log, order: Event<Order>, out: &mut Outputs| {
        log.note(order.symbol.clone());
        out.emit(AUDITED, &*order)?;
        Ok::<(), HandlerError>(())
    };
    let (bench, app) = fed!(App::default(), closure, order("NIFTY", 5));
    assert_eq!(bench.events::<Order>("paper.orders.audited"), [order("NIFTY", 5)]);
    assert_eq!(*app.log.0.lock().expect("nobody panics under the lock"), ["NIFTY"]);
    bench.stop().await
}
