//! I8: inside one ownership session a key's records start in offset order, retries and dead letters included, however the
//! handlers wait. F30, F31, F32; B17, B62.

use super::support::*;
use super::world::*;
use millstream::prelude::*;
use millstream_testkit::FlakySink;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const KEYS: u64 = 50;
const RECORDS: u64 = 1_500;

/// What a key's handler calls did, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start(u64),
    Done(u64),
}

struct Keyed {
    steps: Mutex<BTreeMap<String, Vec<Step>>>,
    sink: FlakySink,
    broken: Mutex<Vec<String>>,
    seed: u64,
}

impl Keyed {
    fn new(seed: u64) -> Arc<Self> {
        let sink = FlakySink::new();
        sink.switches().slow(ms(9));
        Arc::new(Keyed { steps: Mutex::default(), sink, broken: Mutex::default(), seed })
    }

    fn step(&self, key: &str, step: Step) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = steps.entry(key.to_owned()).or_default();
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Step::Start(number), Some(last)) = (step, steps.last()) {
            match *last {
                // A retry, or the one before it is a dead letter that the sink has accepted.
                Step::Start(before) if before == number => {}
                Step::Start(before) if before < number && self.is_letter(before) => {}
                Step::Done(before) if before < number => {}
                last => broken.push(format!("{key}: {number} starts after {last:?}")),
            }
        }
        steps.push(step);
    }

    fn is_letter(&self, number: u64) -> bool {
        let letters = self.sink.letters();
        letters.iter().any(|letter| letter.record.value.as_deref().and_then(number_of) == Some(number))
    }

    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        self.step(&order.account, Step::Start(order.number));
        let chance = mix(order.number, self.seed);
        for _ in 0..chance % 3 {
            tokio::task::yield_now().await;
        }
        if chance % 5 < 3 {
            tokio::time::sleep(ms(chance % 4)).await;
        }
        if chance.is_multiple_of(13) {
            return Err(HandlerError::transient("by chance"));
        }
        if chance % 29 == 1 {
            return Err(HandlerError::permanent("by chance"));
        }
        self.step(&order.account, Step::Done(order.number));
        Ok(())
    }
}

async fn keeps_order(seed: u64, concurrency: usize, dedup: bool) {
    let memory = log(6);
    let keyed = Keyed::new(seed);
    let mut builder = builder(memory.clone(), seed).with_error_handling(into_sink(&keyed.sink));
    if dedup {
        builder = builder.with_deduplicator(store());
    }
    let service = builder
        .with_shared_state(keyed.clone())
        .add_consumer_handler_with(NEW, GROUP, Keyed::on_order, HandlerSettings::new().concurrency(concurrency))
        .build()
        .expect("a valid service");
    let account = |n: u64| format!("account-{}", mix(n, seed) % KEYS);
    send_orders(&memory, NEW, (0..RECORDS).map(|n| order(&account(n), n))).await;
    let running = Running::start(service).await;
    let settled = tokio::time::timeout(Duration::from_secs(100), running.settled(RECORDS)).await;
    assert!(settled.is_ok(), "stuck at {:?}", running.handle.account().total());
    running.stop().await.expect("a clean end");
    let broken = keyed.broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    let steps = keyed.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(steps.len() as u64, KEYS);
}

#[tokio::test(start_paused = true)]
async fn keys_keep_their_order_on_one_thread() {
    for seed in 0..6 {
        for concurrency in [1, 16, 256] {
            keeps_order(seed, concurrency, seed % 2 == 0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_keep_their_order_on_many_threads() {
    for seed in 100..102 {
        keeps_order(seed, 64, seed % 2 == 0).await;
    }
}

/// F31: records without a key are in no lane: one that waits does not stop the next.
#[tokio::test(start_paused = true)]
async fn records_without_a_key_do_not_wait_for_each_other() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    let seen = history.clone();
    let service = builder(memory.clone(), 1)
        .add_consumer_handler(NEW, GROUP, move |order: Event<Order>| {
            let seen = seen.clone();
            async move {
                if order.number == 0 {
                    tokio::time::sleep(Duration::from_secs(20)).await;
                }
                seen.effect(order.number);
            }
        })
        .build()
        .expect("a valid service");
    send(&memory, (0..10).map(|n| record(NEW, &order("a", n)).without_key()).collect()).await;
    let running = Running::start(service).await;
    running.settled(9).await;
    assert_eq!(history.done(), (1..10).collect());
    running.settled(10).await;
    running.stop().await.expect("a clean end");
}
