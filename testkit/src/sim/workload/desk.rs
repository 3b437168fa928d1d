//! Owns the first service: orders become fills.

use super::order::{Audit, Behaviour, Fill, NAMESPACES, Order, topic};
use super::{ATTEMPTS, IN_FLIGHT, NO_BREAKER, SESSION, WITHIN};
use crate::sim::Node;
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::engine::Retry;
use millstream_core::handler::{Attempt, Event, HandlerError, OrFail, Outcome, Outputs};
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::Sibling;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FILLED: Sibling = Sibling::new("orders", "filled");
const AUDITED: Sibling = Sibling::new("orders", "audited");

/// What the desk remembers while its process lives.
#[derive(Default)]
pub(super) struct Desk {
    put_off: Mutex<BTreeSet<u64>>,
    process: u32,
}

impl Desk {
    /// Whether an order is put off now: once a process.
    fn puts_off(&self, number: u64) -> bool {
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner).insert(number)
    }
}

async fn on_order(desk: &Desk, order: Event<Order>, attempt: Attempt, out: &mut Outputs) -> Result<Outcome, HandlerError> {
    let number = attempt.number();
    match order.behaviour {
        Behaviour::Slow(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        Behaviour::Fails(times) if number <= times => {
            tokio::time::sleep(Duration::from_millis(3)).await;
            return Err(HandlerError::transient("the exchange is away"));
        }
        Behaviour::Refuses => return Err(HandlerError::permanent("no such account")),
        Behaviour::Panics(times) if number <= times => panic!("as ordered"),
        Behaviour::Hangs(times) if number <= times => std::future::pending().await,
        Behaviour::Wavers if number == 1 => {
            out.emit_named(FILLED, "wavering", &Fill::of(&order, 99))?;
            return Err(HandlerError::transient("changes its mind"));
        }
        Behaviour::Publishes => {
            if order.fills > 0 {
                let fill = Fill::of(&order, 0);
                // Who cannot wait for long gives it up; nothing of it may be sent then.
                let sent = tokio::time::timeout(Duration::from_secs(2), out.publish_now(FILLED, &fill)).await;
                let _landed = sent.or_transient("it took too long to send")??;
            }
            if number == 1 {
                return Err(HandlerError::transient("only after it was sent"));
            }
        }
        Behaviour::PutsOff if desk.puts_off(order.number) => {
            return Ok(Outcome::defer_for(Duration::from_secs(5), "not before the exchange opens"));
        }
        _ => {}
    }
    let first = u32::from(order.behaviour == Behaviour::Publishes);
    let mut parts: Vec<u32> = (first..order.fills).collect();
    if order.behaviour == Behaviour::Shuffles && desk.process.is_multiple_of(2) {
        parts.reverse();
    }
    for part in parts {
        match order.behaviour {
            // The only one of its kind in its attempt: it needs no name.
            Behaviour::Publishes if part == 1 => out.emit(FILLED, &Fill::of(&order, part))?,
            _ => out.emit_named(FILLED, &part.to_string(), &Fill::of(&order, part))?,
        };
    }
    if order.fills > 0 {
        out.emit(AUDITED, &Audit { order: order.number })?;
    }
    Ok(Outcome::Done)
}

pub(super) fn service(node: &Node) -> StreamServiceBuilder<Desk> {
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let settings = || HandlerSettings::new().in_flight(IN_FLIGHT, 32 << 20).timeout(Duration::from_secs(15)).concurrency(8);
    let mut builder = StreamServiceBuilder::new("desk", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry).breaker(NO_BREAKER))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(SESSION, Duration::from_secs(8))
        .add_producer()
        .with_state(Desk { process: node.process(), ..Desk::default() });
    for namespace in NAMESPACES {
        builder = builder.add_consumer_handler_with(&topic(namespace, "new"), "desk.orders", on_order, settings());
    }
    builder
}
