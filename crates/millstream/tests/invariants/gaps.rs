//! I4: offsets that hold no record close only when the transport says so, and then the group's lag is 0. F18, F19, F107;
//! B18, B24.

use super::support::*;
use super::world::*;
use millstream::memory::TopicConfig;
use millstream::prelude::*;
use std::sync::Arc;

struct Seen(Arc<History>);

impl Seen {
    async fn on_order(&self, order: Event<Order>) {
        self.0.effect(order.number);
    }
}

fn service(memory: &Memory, history: &Arc<History>) -> StreamService {
    builder(memory.clone(), 1)
        .with_state(Seen(history.clone()))
        .add_consumer_handler(NEW, GROUP, Seen::on_order)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn control_records_anywhere_leave_no_lag() {
    let memory = log(2);
    memory.create_topic(&topic(NEW), TopicConfig::new(2)).expect("a new topic");
    let history = History::watch(&memory, false);
    let control = || memory.append_control(&topic(NEW), 0).expect("a partition");
    control();
    for n in 0..40 {
        send(&memory, vec![record(NEW, &order("a", n)).to_partition(0)]).await;
        if n % 3 == 0 {
            control();
        }
    }
    let running = Running::start(service(&memory, &history)).await;
    history.caught_up().await;
    // At the tail of a partition that is read already, and in one that has nothing else.
    control();
    memory.append_control(&topic(NEW), 1).expect("a partition");
    history.caught_up().await;
    send(&memory, vec![record(NEW, &order("a", 40)).to_partition(0)]).await;
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    history.assert_safe();
    assert_eq!(history.done(), (0..41).collect());
    assert_eq!(committed(&memory, GROUP, NEW, 0), memory.end(&topic(NEW), 0));
    assert_eq!(committed(&memory, GROUP, NEW, 1), Some(1));
}

#[tokio::test(start_paused = true)]
async fn compaction_leaves_no_lag() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, (0..200).map(|n| order(&format!("account-{}", n % 7), n))).await;
    memory.append_control(&topic(NEW), 0).expect("a partition");
    memory.compact(&topic(NEW)).expect("a topic");
    let left = memory.records(&topic(NEW)).len() as u64;
    assert_eq!(left, 7);
    let running = Running::start(service(&memory, &history)).await;
    history.caught_up().await;
    let account = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((account.delivered, account.done), (left, left));
    assert_eq!(history.done(), (193..200).collect());
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(201));
}

/// An open record before a gap holds the watermark; the gap does not jump over it.
#[tokio::test(start_paused = true)]
async fn a_gap_never_carries_the_commit_over_an_open_record() {
    struct Gate(Arc<History>, tokio::sync::Semaphore);
    impl Gate {
        async fn on_order(&self, order: Event<Order>) {
            if order.number == 1 {
                let _ = self.1.acquire().await;
            }
            self.0.effect(order.number);
        }
    }
    let memory = log(1);
    let history = History::watch(&memory, false);
    let gate = Arc::new(Gate(history.clone(), tokio::sync::Semaphore::new(0)));
    send_orders(&memory, NEW, [order("a", 0), order("b", 1)]).await;
    memory.append_control(&topic(NEW), 0).expect("a partition");
    send_orders(&memory, NEW, [order("c", 2)]).await;
    memory.append_control(&topic(NEW), 0).expect("a partition");
    let service = builder(memory.clone(), 1)
        .with_shared_state(gate.clone())
        .add_consumer_handler(NEW, GROUP, Gate::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(2).await;
    tokio::time::sleep(ms(1000)).await;
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(1));
    gate.1.add_permits(1);
    history.caught_up().await;
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(5));
    running.stop().await.expect("a clean end");
    history.assert_safe();
}
