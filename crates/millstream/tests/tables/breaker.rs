//! An open breaker, where a record that its entry has already says nothing of the dependency.

use super::support::*;
use super::world::*;
use millstream::engine::Breaker;
use millstream::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_record_that_its_entry_has_does_not_close_an_open_breaker() {
    let memory = log(1);
    let orders = [("down", 0), ("down too", 1), ("up", 2), ("up", 3)];
    send_orders(&memory, INPUT, orders.map(|(account, n)| order(account, n))).await;
    // Those of `up` are in the log, and nothing is committed.
    let half = async |order: Event<Order>, journal: &mut Journal, out: &mut Outputs| match &*order.account {
        "up" => on_order(order, journal, out).await,
        _ => std::future::pending().await,
    };
    let running = Running::start(builder(&memory).add_consumer_handler(INPUT, GROUP, half).build().expect("valid")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.stop().await.expect("a clean end");
    assert_eq!((committed(&memory, GROUP, INPUT, 0).unwrap_or(0), &journals(&memory)["up"]), (0, &vec![2, 3]));

    send_orders(&memory, INPUT, [order("asks", 4)]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let down = async |order: Event<Order>, asked: &AtomicUsize, _: &mut Journal| -> Result<(), HandlerError> {
        asked.fetch_add(usize::from(order.account == "asks"), Ordering::Relaxed);
        Err(HandlerError::transient("the dependency is down"))
    };
    let errors = ErrorHandling::new().breaker(Breaker::after(2).probe_every(Duration::from_secs(5)));
    let retry = Retry::exponential(Duration::from_secs(100), Duration::from_secs(100)).within(Duration::from_secs(3_600));
    let service = builder(&memory)
        .with_shared_state(asked.clone())
        .with_error_handling(errors)
        .add_consumer_handler_with(INPUT, GROUP, down, settings().retry(retry))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let troubles = running.handle.health().troubles;
    assert!(troubles.keys().any(|place| place.starts_with("breaker")), "it is open: {troubles:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the probe went to the first that asks");
    running.crash().await;
}
