//! An open breaker: nothing starts but probes, nothing becomes a dead letter, and nobody spins meanwhile.

mod support;

use millstream::engine::Breaker;
use millstream::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use support::*;

/// A dependency that is down for a number of calls.
struct Down {
    calls: AtomicU64,
    until: u64,
}

impl Down {
    async fn on_order(&self, _: Event<Order>) -> Result<(), HandlerError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.until {
            return Err(HandlerError::transient("nobody answers"));
        }
        Ok(())
    }
}

async fn ride_out_an_outage() -> (u64, u64, u64, u64) {
    let memory = Memory::new();
    let down = Arc::new(Down { calls: AtomicU64::new(0), until: 30 });
    let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(5));
    let errors = ErrorHandling::new()
        .retry(retry)
        .breaker(Breaker::after(10).within(Duration::from_secs(10)).probe_every(Duration::from_secs(1)));
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_error_handling(errors)
        .with_shared_state(down.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Down::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", (0..20).map(|n| order(&n.to_string(), n))).await;
    let running = Running::start(service).await;
    running.settled(20).await;
    let counts = running.handle.account().total();
    running.stop().await.expect("a clean end");
    (counts.done, counts.dead_lettered, counts.retries, down.calls.load(Ordering::SeqCst))
}

/// Paused time passes only while everybody sleeps: where a worker spins it stands still for ever, and no time-out of the
/// runtime's would fire. So the runtime has a thread of its own here, and this one looks at a real clock.
#[test]
fn a_worker_sleeps_while_its_breaker_is_open_and_then_does_everything() {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let _ = tell.send(runtime.expect("a runtime").block_on(ride_out_an_outage()));
    });
    let counted = told.recv_timeout(Duration::from_secs(20)).expect("the worker spins, or died");
    // 30 calls failed, and each was followed by another.
    assert_eq!(counted, (20, 0, 30, 50));
}
