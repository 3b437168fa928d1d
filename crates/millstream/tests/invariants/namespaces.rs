//! I9: what happens in one namespace never touches another. F32, F47, F55, F109; B16, B21.

use super::support::*;
use super::world::*;
use millstream::handler::EmitError;
use millstream::memory::Memory;
use millstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const PAPER: &str = "paper.orders.new";
const ZERODHA: &str = "zerodha.orders.new";

#[derive(Default)]
struct Desk {
    calls: Mutex<BTreeMap<(String, u64), u64>>,
    crossings: Mutex<Vec<String>>,
}

impl Desk {
    async fn on_order(&self, order: Event<Order>, namespace: Namespace, out: &mut Outputs) -> Result<(), HandlerError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((namespace.to_string(), order.number)).or_default() += 1;
        drop(calls);
        let other = if namespace.as_str() == "paper" { "zerodha" } else { "paper" };
        let crossed = out.emit(DONE.of(other.parse::<Namespace>()?), &*order);
        if !matches!(crossed, Err(EmitError::Address(_))) {
            self.crossings.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{crossed:?}"));
        }
        if order.number % 5 == 4 {
            return Err(HandlerError::permanent(format!("refused in {namespace}")));
        }
        out.emit(DONE, &*order)?;
        Ok(())
    }
}

async fn one(memory: &Memory, name: &str) {
    send_orders(memory, name, (0..50).map(|n| order(&format!("account-{}", n % 3), n))).await;
}

async fn both(memory: &Memory) {
    one(memory, PAPER).await;
    one(memory, ZERODHA).await;
}

fn service(memory: &Memory, desk: &Arc<Desk>) -> StreamService {
    builder(memory.clone(), 1)
        .with_deduplicator(store())
        .with_shared_state(desk.clone())
        .add_producer()
        .add_consumer_handler([PAPER, ZERODHA], GROUP, Desk::on_order)
        .build()
        .expect("a valid service")
}

/// B16, B21: the same ids and keys in two namespaces are strangers: to the deduplicator, in outputs, in dead letters, and
/// in commits.
#[tokio::test(start_paused = true)]
async fn equal_ids_and_keys_in_two_namespaces_are_strangers() {
    let (memory, desk) = (log(1), Arc::new(Desk::default()));
    let running = Running::start(service(&memory, &desk)).await;
    // One after the other, so that all marks of the first are made when the second is looked up.
    for (name, settled) in [(PAPER, 50), (ZERODHA, 100)] {
        one(&memory, name).await;
        running.settled(settled).await;
    }
    let account = running.handle.account();
    running.stop().await.expect("a clean end");
    let calls = desk.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(calls.len(), 100);
    assert!(calls.values().all(|&calls| calls == 1), "once in each namespace");
    for name in ["paper", "zerodha"] {
        let counts = account.topic(&format!("{name}.orders.new"));
        assert_eq!((counts.done, counts.dead_lettered, counts.duplicates), (40, 10, 0));
        let expected = |failed| (0..50).filter(|n| (n % 5 == 4) == failed).collect();
        assert_eq!(numbers_in(&memory, &topic(&format!("{name}.orders.done"))), expected(false));
        let letters = memory.records(&topic(&format!("{name}.orders.new.dlq")));
        assert_eq!(numbers_in(&memory, &topic(&format!("{name}.orders.new.dlq"))), expected(true));
        let source = format!("{name}.orders.new");
        assert!(letters.iter().all(|letter| header(letter, "__dlq.errors.topic").as_deref() == Some(&source)));
        let message = format!("refused in {name}");
        assert!(letters.iter().all(|letter| header(letter, "__dlq.errors.message").as_deref() == Some(&message)));
        assert_eq!(committed(&memory, GROUP, &source, 0), Some(50));
    }
    let ids = |name: &str| -> Vec<_> {
        let records = memory.records(&topic(name));
        records
            .iter()
            .map(|r| EventEnvelope::<Order>::from_json(r.value.as_deref().unwrap_or_default()).expect("an envelope").id)
            .collect()
    };
    let (paper, zerodha) = (ids("paper.orders.done"), ids("zerodha.orders.done"));
    assert_eq!((paper.len(), zerodha.len()), (40, 40));
}

#[tokio::test(start_paused = true)]
async fn an_output_never_crosses_into_another_namespace() {
    let (memory, desk) = (log(1), Arc::new(Desk::default()));
    both(&memory).await;
    let running = Running::start(service(&memory, &desk)).await;
    running.settled(100).await;
    running.stop().await.expect("a clean end");
    let crossings = desk.crossings.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(crossings.is_empty(), "{crossings:?}");
}

/// The same topic name under two groups, and the same group name over two namespaces, keep commits of their own.
#[tokio::test(start_paused = true)]
async fn one_namespace_that_fails_leaves_the_others_commits_alone() {
    let (memory, desk) = (log(1), Arc::new(Desk::default()));
    both(&memory).await;
    memory.set_writable(&topic("paper.orders.done"), false).expect("a topic");
    let running = Running::start(service(&memory, &desk)).await;
    tokio::time::sleep(ms(2_000)).await;
    let account = running.handle.account();
    assert_eq!(account.topic(ZERODHA).settled(), 50);
    assert_eq!(account.topic(PAPER).done, 0);
    assert_eq!(committed(&memory, GROUP, ZERODHA, 0), Some(50));
    assert!(committed(&memory, GROUP, PAPER, 0).is_none_or(|offset| offset == 0));
    memory.set_writable(&topic("paper.orders.done"), true).expect("a topic");
    running.settled(100).await;
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, GROUP, PAPER, 0), Some(50));
}
