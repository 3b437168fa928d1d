//! I7, I15: an output's id names one slot of one cause, so whatever is repeated downstream is known there. F41, F42, F82,
//! F86, F87; B38, B39, B42, B49.

use super::support::*;
use super::world::*;
use millstream::memory::Memory;
use millstream::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const TWICE: Sibling = Sibling::new("orders", "twice");

/// Sends each order on in several ways, in an order that changes with every call.
struct Ways(Arc<History>);

impl Ways {
    async fn on_order(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
        let call = self.0.called(order.number);
        let other = Order { account: String::from("other"), ..(*order).clone() };
        if call.is_multiple_of(2) {
            out.emit_named(TWICE, "b", &*order)?;
            out.emit(DONE, &other)?;
            out.emit(DONE, &*order)?;
            out.publish_now(DONE, &*order).await?;
            out.emit_named(TWICE, "a", &*order)?;
            out.emit(TWICE, &*order)?;
        } else {
            out.publish_now(DONE, &*order).await?;
            out.emit(DONE, &*order)?;
            out.emit(TWICE, &*order)?;
            out.emit(DONE, &other)?;
            out.emit_named(TWICE, "a", &*order)?;
            out.emit_named(TWICE, "b", &*order)?;
        }
        tokio::time::sleep(ms(mix(order.number, call) % 5)).await;
        self.0.effect(order.number);
        Ok(())
    }
}

fn ways(memory: &Memory, history: &Arc<History>, seed: u64) -> StreamServiceBuilder<Ways> {
    builder(memory.clone(), seed).with_state(Ways(history.clone())).add_producer()
}

fn ids(memory: &Memory, name: &str) -> Vec<String> {
    let records = memory.records(&topic(name));
    let id = |record: &Record| {
        let value = record.value.as_deref().unwrap_or_default();
        EventEnvelope::<Order>::from_json(value).expect("an envelope").id.to_string()
    };
    records.iter().map(id).collect()
}

/// B38, B39: six slots of one cause have six ids; the same cause run again, in another order, has the same six.
#[tokio::test(start_paused = true)]
async fn a_cause_run_again_emits_the_same_ids_in_whatever_order() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, [order("a", 1)]).await;
    for seed in 0..2 {
        let service = ways(&memory, &history, seed).commit_every(Duration::from_secs(3600));
        let service = service.add_consumer_handler(NEW, GROUP, Ways::on_order).build().expect("a valid service");
        let running = Running::start(service).await;
        running.settled(1).await;
        running.crash().await;
    }
    assert_eq!(history.calls(1), 2);
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids(&memory, OUT).into_iter().chain(ids(&memory, "paper.orders.twice")) {
        *all.entry(id).or_default() += 1;
    }
    assert_eq!(all.len(), 6, "one id a slot: {all:?}");
    assert!(all.values().all(|&times| times == 2), "each of them twice: {all:?}");
    // What is published at once lands first in each run, and has a slot of its own, whenever the equal one is emitted.
    let done = ids(&memory, OUT);
    assert_eq!((done.len(), &done[0]), (6, &done[3]));
}

/// §3: the reprocessing run, the group and the handler's name enter the id.
#[tokio::test(start_paused = true)]
async fn another_run_group_or_handler_emits_other_ids() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, [order("a", 1)]).await;
    for (group, name, run) in [(GROUP, "one", 0), (GROUP, "one", 1), ("desk.others", "one", 0), ("desk.third", "two", 0)] {
        memory.set_committed(group, &topic(NEW), 0, None);
        let service = ways(&memory, &history, 1).reprocessing_run(run);
        let settings = HandlerSettings::new().name(name);
        let service = service.add_consumer_handler_with(NEW, group, Ways::on_order, settings).build().expect("a valid service");
        let running = Running::start(service).await;
        running.settled(1).await;
        running.stop().await.expect("a clean end");
    }
    let all: BTreeSet<String> = ids(&memory, OUT).into_iter().chain(ids(&memory, "paper.orders.twice")).collect();
    assert_eq!(all.len(), 24);
}

/// F42: marked and not committed: the redelivery is a hit, and settles without an effect.
#[tokio::test(start_paused = true)]
async fn a_crash_between_mark_and_commit_repeats_nothing() {
    let (memory, store) = (log(1), store());
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, (0..20).map(|n| order("a", n))).await;
    for seed in 0..3 {
        let service = ways(&memory, &history, seed).commit_every(Duration::from_secs(3600)).with_deduplicator(store.clone());
        let service = service.add_consumer_handler(NEW, GROUP, Ways::on_order).build().expect("a valid service");
        let running = Running::start(service).await;
        running.settled(20).await;
        let account = running.handle.account().total();
        assert_eq!((account.done, account.redeliveries), if seed == 0 { (20, 0) } else { (0, 20) });
        running.crash().await;
    }
    assert!((0..20).all(|n| history.effects(n) == 1));
}

/// B04, B43: a mark is made after the outputs are in the log, never before.
#[tokio::test(start_paused = true)]
async fn a_mark_is_made_only_after_the_outputs_are_in_the_log() {
    let (memory, store) = (log(1), store());
    let history = History::watch(&memory, true);
    memory.set_writable(&topic(OUT), false).expect("a topic");
    send_orders(&memory, NEW, (0..20).map(|n| order("a", n))).await;
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .add_producer()
        .add_consumer_handler(NEW, GROUP, async |order: Event<Order>, out: &mut Outputs| {
            out.emit(DONE, &*order)?;
            out.emit(TWICE, &*order).map(drop)
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(memory.records(&topic("paper.orders.twice")).len(), 20, "one of two outputs has landed");
    assert_eq!(store.mark_calls().len(), 0, "the other has not");
    memory.set_writable(&topic(OUT), true).expect("a topic");
    running.settled(20).await;
    running.stop().await.expect("a clean end");
    assert_eq!(store.mark_calls().len(), 20);
    drop(history);
}

/// F40, F82, B42: of twins that wait for each other one takes effect; if the first fails, the second runs.
#[tokio::test(start_paused = true)]
async fn of_twins_in_flight_one_takes_effect() {
    struct Twins(Arc<History>);
    impl Twins {
        async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
            let call = self.0.called(order.number);
            tokio::time::sleep(ms(50)).await;
            if order.number % 2 == 1 && call == 1 {
                return Err(HandlerError::permanent("the first one fails"));
            }
            self.0.effect(order.number);
            Ok(())
        }
    }
    let (memory, store) = (log(1), store());
    let history = History::watch(&memory, false);
    // In one batch, with other keys, so that no lane keeps the twins apart.
    let twins = |n: u64| (0..3).map(move |copy| record_with_id(NEW, id(n), &order("a", n)).header("copy", format!("{copy}")));
    let keyed = |(at, mut record): (usize, Record)| {
        record.key = Some(format!("key-{at}").into());
        record
    };
    send(&memory, (0..20).flat_map(twins).enumerate().map(keyed).collect()).await;
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .with_state(Twins(history.clone()))
        .add_consumer_handler_with(NEW, GROUP, Twins::on_order, HandlerSettings::new().name("seen"))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(60).await;
    let account = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert!((0..20).all(|n| history.effects(n) == 1), "one effect each");
    assert!((0..20).all(|n| history.calls(n) == 1 + n % 2));
    assert_eq!((account.done, account.dead_lettered, account.duplicates), (20, 10, 30));
    let marked: BTreeSet<u128> = store.mark_calls().into_iter().map(|call| call.mark.key).collect();
    assert_eq!(marked.len(), 20);
}

/// I7, I1 end to end: two services in a row, both dying again and again; each order takes effect downstream once.
#[tokio::test(start_paused = true)]
async fn a_pipeline_that_dies_again_and_again_is_effectively_once() {
    let memory = log(2);
    let (upstream, store) = (History::watch(&memory, false), store());
    let effects = Arc::new(std::sync::Mutex::new(BTreeMap::<(String, String), u64>::new()));
    send_orders(&memory, NEW, (0..120).map(|n| order(&format!("account-{}", n % 10), n))).await;
    let first = |seed| {
        // Without a store upstream everything in flight at a crash is sent again.
        let service = ways(&memory, &upstream, seed).commit_every(ms(20));
        service.add_consumer_handler(NEW, GROUP, Ways::on_order).build().expect("a valid service")
    };
    let second = |seed| {
        let effects = effects.clone();
        builder(memory.clone(), seed)
            .with_deduplicator(store.clone())
            .commit_every(ms(20))
            .add_consumer_handler([OUT, "paper.orders.twice"], "books.orders", move |order: Event<Order>, topic: Topic| {
                *effects.lock().expect("no panic").entry((topic.to_string(), order.id().into_owned())).or_default() += 1;
                std::future::ready(())
            })
            .build()
            .expect("a valid service")
    };
    for life in 0..8 {
        let (a, b) = (Running::start(first(life)).await, Running::start(second(100 + life)).await);
        tokio::time::sleep(ms(9 + 7 * life)).await;
        a.crash().await;
        b.crash().await;
    }
    let (a, b) = (Running::start(first(50)).await, Running::start(second(150)).await);
    upstream.caught_up().await;
    while lag(&memory, "books.orders", &topic(OUT)) + lag(&memory, "books.orders", &topic("paper.orders.twice")) > 0 {
        tokio::time::sleep(ms(10)).await;
    }
    a.stop().await.expect("a clean end");
    b.stop().await.expect("a clean end");
    upstream.assert_safe();
    let effects = effects.lock().expect("no panic").clone();
    assert_eq!(effects.len(), 120 * 6, "six outputs of each order, all of them known downstream");
    assert!((0..120).any(|n| upstream.calls(n) > 1), "something was redone");
    assert!(ids(&memory, OUT).len() > 120 * 3, "and sent again");
    // The one way to repeat: the effect was there and its mark was not when the process died (F41).
    let repeated = effects.values().filter(|&&times| times > 1).count();
    assert_eq!(repeated, 0, "effects are marked in the turn in which they happen here");
}
