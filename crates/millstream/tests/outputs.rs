//! Outputs: their ids, their fences, and what is said of them in health.

mod support;

use millstream::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::*;

const DONE: Sibling = Sibling::new("orders", "done");

#[test]
fn outputs_to_one_topic_by_two_addresses_have_ids_of_their_own() {
    let mut out = Outputs::of(&topic("paper.orders.new"));
    let paper: Namespace = "paper".parse().expect("a namespace");
    out.emit(DONE, &order("a", 1)).expect("it can go there");
    out.emit(DONE.of(paper), &order("a", 2)).expect("it can go there");
    assert_eq!(out[0].topic(), out[1].topic());
    assert_ne!(out[0].id(), out[1].id());
}

#[test]
fn outputs_to_two_namespaces_have_ids_of_their_own() {
    let mut out = Outputs::of(&topic("market.ticks"));
    for name in ["paper", "zerodha"] {
        let namespace: Namespace = name.parse().expect("a namespace");
        out.emit(DONE.of(namespace), &order("a", 1)).expect("it can go there");
    }
    let ids: BTreeSet<_> = out.iter().map(|output| output.id()).collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn what_a_handler_emits_has_the_time_at_which_it_did() {
    let now =
        || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis()).expect("not so long");
    let (memory, before) = (Memory::new(), now());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .add_producer()
        .add_consumer_handler("paper.orders.new", "seen.orders", async |order: Event<Order>, out: &mut Outputs| {
            out.emit(DONE, &*order).map(drop)
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    let done = memory.records(&topic("paper.orders.done"));
    let event =
        millstream::envelope::EventEnvelope::<Order>::from_json(done[0].value.as_deref().expect("a value")).expect("an event");
    assert!((before..=now()).contains(&event.timestamp.as_millis()), "{:?}", event.timestamp);
}

#[derive(Default)]
struct Patience(AtomicU32);

impl Patience {
    async fn on_order(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), EmitError> {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            out.publish_now(DONE, &*order).await?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_for_an_attempt_that_has_ended() {
    let memory = Memory::new();
    let done = topic("paper.orders.done");
    memory.create_topic(&done, millstream::memory::TopicConfig::new(1)).expect("a new topic");
    memory.set_writable(&done, false).expect("it exists");
    let state = Arc::new(Patience::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .add_producer()
        .with_shared_state(state.clone())
        .add_consumer_handler_with(
            "paper.orders.new",
            "seen.orders",
            Patience::on_order,
            HandlerSettings::new().timeout(Duration::from_secs(20)),
        )
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(service).await;
    // The first attempt times out while its publication waits for the topic.
    running.settled(1).await;
    memory.set_writable(&done, true).expect("it exists");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(memory.records(&done).len(), 0);
    assert!(running.handle.health().is_ready(), "nothing waits for the topic any more");
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn outputs_keep_their_order_when_one_of_them_is_sent_again() {
    use millstream::memory::SendFault;
    for fault in [SendFault::Unavailable, SendFault::UnknownApplied, SendFault::UnknownNotApplied] {
        let memory = Memory::new();
        let done = topic("paper.orders.done");
        memory.create_topic(&done, millstream::memory::TopicConfig::new(1)).expect("a new topic");
        memory.fail_sends(&done, 1, fault).expect("it exists");
        let service = StreamServiceBuilder::new("copy", memory.clone())
            .add_producer()
            .add_consumer_handler("paper.orders.new", "copy.orders", async |order: Event<Order>, out: &mut Outputs| {
                out.emit(DONE, &*order).map(drop)
            })
            .build()
            .expect("a valid service");
        send_orders(&memory, "paper.orders.new", (0..20).map(|n| order("a", n))).await;
        let running = Running::start(service).await;
        running.settled(20).await;
        running.stop().await.expect("a clean end");
        let mut numbers: Vec<u64> = orders_in(&memory, "paper.orders.done").iter().map(|order| order.number).collect();
        numbers.dedup();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "{fault:?}");
    }
}
