//! I22: a partition with demand and records is served within a bound, whatever the others have.

use super::support::*;
use super::world::*;
use millstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The order in which partitions were served.
#[derive(Default)]
struct Served(Mutex<Vec<u32>>);

impl Served {
    async fn on_order(&self, _order: Event<Order>, at: Position) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(at.partition);
    }

    fn partitions(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const BACKLOG: u64 = 30_000;
/// What a worker has before it must wait for the intake, twice: the batch under way and the two in its inbox.
const BOUND: usize = 2 * 3 * 512;

async fn backlog(memory: &Memory) {
    send(memory, (0..BACKLOG).map(|n| record(NEW, &order("busy", n)).to_partition(0)).collect()).await;
}

fn service(memory: &Memory, served: &Arc<Served>) -> StreamService {
    builder(memory.clone(), 1)
        .with_shared_state(served.clone())
        .add_consumer_handler(NEW, GROUP, Served::on_order)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_huge_backlog_of_one_partition_does_not_starve_the_others() {
    let (memory, served) = (log(6), Arc::new(Served::default()));
    backlog(&memory).await;
    let small = |n: u64| record(NEW, &order("calm", BACKLOG + n)).to_partition(1 + (n % 5) as u32);
    send(&memory, (0..1_000).map(small).collect()).await;
    let running = Running::start(service(&memory, &served)).await;
    running.settled(BACKLOG + 1_000).await;
    running.stop().await.expect("a clean end");
    let mut last = BTreeMap::new();
    for (at, partition) in served.partitions().into_iter().enumerate() {
        last.insert(partition, at);
    }
    let latest = last.iter().filter(|(partition, _)| **partition != 0).map(|(_, at)| *at).max().expect("they were served");
    assert!(latest < BOUND + 1_000, "the last of 1,000 records waited for {latest}");
}

#[tokio::test(start_paused = true)]
async fn what_arrives_in_the_middle_of_a_backlog_is_served_within_a_bound() {
    let (memory, served) = (log(2), Arc::new(Served::default()));
    backlog(&memory).await;
    let running = Running::start(service(&memory, &served)).await;
    let begun = loop {
        let begun = served.partitions().len();
        if begun > 0 {
            break begun;
        }
        tokio::task::yield_now().await;
    };
    send(&memory, vec![record(NEW, &order("calm", BACKLOG)).to_partition(1)]).await;
    running.settled(BACKLOG + 1).await;
    running.stop().await.expect("a clean end");
    let at = served.partitions().iter().position(|partition| *partition == 1).expect("it was served");
    assert!(at - begun < BOUND, "it waited for {} records", at - begun);
}
