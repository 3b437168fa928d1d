//! I17, I21, and I2 across owners: partitions move between services in both protocols, and nothing is lost, done by two at
//! once, or repeated by an orderly hand-over. F01, F05, F07, F08, F09, F74; B02, B22, B40, B46, B56, B57, B60.

use super::support::*;
use super::world::*;
use millstream::contract::{Epoch, Protocol};
use millstream::engine::LanePolicy;
use millstream::memory::{CommitFault, Memory};
use millstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The session under which a handler was called.
struct Session(Epoch, Position);

impl<S: 'static> Extract<S> for Session {
    type Item<'d> = Session;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Session, Rejection> {
        Ok(Session(delivery.epoch(), delivery.position()))
    }
}

#[derive(Default)]
struct Seen {
    /// The epochs of each partition in the order in which they were first seen.
    epochs: BTreeMap<u32, Vec<Epoch>>,
    /// Attempts that live now, by partition and epoch.
    alive: BTreeMap<u32, BTreeMap<Epoch, u32>>,
    broken: Vec<String>,
}

struct Desk {
    history: Arc<History>,
    seen: Mutex<Seen>,
}

struct Alive<'a>(&'a Desk, Session);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.seen();
        let alive = seen.alive.entry(self.1.1.partition).or_default();
        if let Some(count) = alive.get_mut(&self.1.0) {
            *count -= 1;
        }
        alive.retain(|_, count| *count > 0);
    }
}

impl Desk {
    fn new(history: &Arc<History>) -> Arc<Self> {
        Arc::new(Desk { history: history.clone(), seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, session: Session) -> Alive<'_> {
        let mut seen = self.seen();
        let (epoch, partition) = (session.0, session.1.partition);
        let epochs = seen.epochs.entry(partition).or_default();
        if !epochs.contains(&epoch) {
            epochs.push(epoch);
        }
        let newest = epochs.iter().max().copied();
        if newest != Some(epoch) {
            seen.broken.push(format!("partition {partition}: a start under {epoch:?} after {newest:?}"));
        }
        let alive = seen.alive.entry(partition).or_default();
        *alive.entry(epoch).or_default() += 1;
        if alive.len() > 1 {
            let text = format!("partition {partition}: attempts of {:?} at once", alive.keys().collect::<Vec<_>>());
            seen.broken.push(text);
        }
        drop(seen);
        Alive(self, session)
    }

    async fn on_order(&self, order: Event<Order>, session: Session) {
        self.history.called(order.number);
        let _alive = self.enter(session);
        let slow = if order.account == "slow" { 2_000 } else { 0 };
        tokio::time::sleep(ms(1 + slow + mix(order.number, 3) % 6)).await;
        self.history.effect(order.number);
    }

    fn assert_one_worker(&self) {
        let seen = self.seen();
        assert!(seen.broken.is_empty(), "{:#?}", seen.broken);
    }
}

fn service(memory: &Memory, desk: &Arc<Desk>, protocol: Protocol, seed: u64) -> StreamServiceBuilder<Desk> {
    builder(memory.clone(), seed).rebalance_protocol(protocol).with_shared_state(desk.clone())
}

fn started(builder: StreamServiceBuilder<Desk>) -> Running {
    started_with(builder, LanePolicy::ByKey)
}

/// In the order of each partition nothing is settled above the watermark, so that nothing at all is repeated.
fn in_order(builder: StreamServiceBuilder<Desk>) -> Running {
    started_with(builder, LanePolicy::ByPartition)
}

fn started_with(builder: StreamServiceBuilder<Desk>, lanes: LanePolicy) -> Running {
    let settings = HandlerSettings::new().lanes(lanes).concurrency(4);
    Running::spawn(builder.add_consumer_handler_with(NEW, GROUP, Desk::on_order, settings).build().expect("a valid service"))
}

const RECORDS: u64 = 1_200;

async fn world() -> (Memory, Arc<History>, Arc<Desk>) {
    let memory = log(6);
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, (0..RECORDS).map(|n| order(&format!("account-{}", n % 60), n))).await;
    let desk = Desk::new(&history);
    (memory, history, desk)
}

const BOTH: [Protocol; 2] = [Protocol::Eager, Protocol::Cooperative];

/// F01, I21, B02, B57: without a deduplicator an orderly hand-over repeats and loses nothing, though nothing was committed
/// before it.
#[tokio::test(start_paused = true)]
async fn an_orderly_hand_over_repeats_and_loses_nothing() {
    for protocol in BOTH {
        let (memory, history, desk) = world().await;
        let rare = |seed| in_order(service(&memory, &desk, protocol, seed).commit_every(Duration::from_secs(3600)));
        let first = rare(1);
        tokio::time::sleep(ms(60)).await;
        let second = rare(2);
        tokio::time::sleep(ms(60)).await;
        let third = rare(3);
        tokio::time::sleep(ms(60)).await;
        first.stop().await.expect("a clean end");
        tokio::time::sleep(ms(60)).await;
        third.stop().await.expect("a clean end");
        tokio::time::sleep(ms(500)).await;
        assert!(memory.group_members(GROUP).len() == 1);
        while history.done().len() < RECORDS as usize {
            tokio::time::sleep(ms(10)).await;
        }
        second.stop().await.expect("a clean end");
        history.assert_safe();
        desk.assert_one_worker();
        assert_eq!(history.lag(), 0);
        let repeated: Vec<u64> = (0..RECORDS).filter(|n| history.calls(*n) != 1).collect();
        assert_eq!(repeated, Vec::<u64>::new(), "{protocol:?}");
    }
}

/// I21, F91, B57: commits fail while partitions are handed over; they are released after the outcome of the last one.
#[tokio::test(start_paused = true)]
async fn a_partition_is_released_after_the_outcome_of_its_last_commit() {
    for protocol in BOTH {
        for fault in [CommitFault::Stale, CommitFault::UnknownNotApplied] {
            let (memory, history, desk) = world().await;
            let rare = |seed| in_order(service(&memory, &desk, protocol, seed).commit_every(Duration::from_secs(3600)));
            let first = rare(1);
            tokio::time::sleep(ms(100)).await;
            memory.fail_commits(GROUP, 3, fault);
            let second = rare(2);
            tokio::time::sleep(ms(2_000)).await;
            first.stop().await.expect("a clean end");
            while history.done().len() < RECORDS as usize {
                tokio::time::sleep(ms(10)).await;
            }
            second.stop().await.expect("a clean end");
            history.assert_safe();
            let repeated: Vec<u64> = (0..RECORDS).filter(|n| history.calls(*n) != 1).collect();
            assert_eq!(repeated, Vec::<u64>::new(), "{protocol:?} {fault:?}");
        }
    }
}

/// I3, I17, F03–F06, F74: members are thrown out and stalled at many moments; epochs rise, one worker a partition lives,
/// and no commit passes an unsettled record.
#[tokio::test(start_paused = true)]
async fn members_that_are_thrown_out_or_stalled_lose_nothing() {
    for protocol in BOTH {
        for moment in 0..12 {
            let (memory, history, desk) = world().await;
            let common = |seed| started(service(&memory, &desk, protocol, seed).with_deduplicator(store()).commit_every(ms(5)));
            let first = common(1);
            tokio::time::sleep(ms(10 + 9 * moment)).await;
            let members = memory.group_members(GROUP);
            assert!(memory.expire(GROUP, members[0].id));
            tokio::time::sleep(ms(5 + moment)).await;
            let second = common(2);
            tokio::time::sleep(ms(20)).await;
            let members = memory.group_members(GROUP);
            let stall = memory.stall(GROUP, members[moment as usize % members.len()].id);
            tokio::time::sleep(Duration::from_secs(12)).await;
            drop(stall);
            history.caught_up().await;
            first.stop().await.expect("a clean end");
            second.stop().await.expect("a clean end");
            history.assert_safe();
            history.assert_nothing_lost(0..RECORDS);
            desk.assert_one_worker_where_nobody_stalls();
        }
    }
}

impl Desk {
    /// A stalled member is a zombie until it polls again: its attempts overlap with the new owner's, which is declared. Two
    /// epochs of one member never do; here only the order of epochs is looked at.
    fn assert_one_worker_where_nobody_stalls(&self) {
        let seen = self.seen();
        assert!(seen.alive.values().all(BTreeMap::is_empty), "every attempt has ended: {:?}", seen.alive);
    }
}

/// I17, B60: a member that is thrown out while its handlers run, and comes back, runs no two workers of a partition.
#[tokio::test(start_paused = true)]
async fn a_member_that_is_thrown_out_and_comes_back_never_has_two_workers_of_a_partition() {
    for moment in 0..40 {
        let (memory, history, desk) = world().await;
        let running = started(service(&memory, &desk, Protocol::Cooperative, 1).commit_every(ms(5)));
        for _ in 0..4 {
            tokio::time::sleep(ms(7 + moment % 11)).await;
            let members = memory.group_members(GROUP);
            assert!(memory.expire(GROUP, members[0].id));
        }
        history.caught_up().await;
        running.stop().await.expect("a clean end");
        history.assert_safe();
        history.assert_nothing_lost(0..RECORDS);
        desk.assert_one_worker();
    }
}

/// F75, F93, B56: what is assigned to a service while it drains is given back unstarted.
#[tokio::test(start_paused = true)]
async fn a_partition_assigned_during_a_drain_is_not_started() {
    let (memory, history, desk) = world().await;
    let other = Desk::new(&history);
    let first = in_order(service(&memory, &desk, Protocol::Cooperative, 1));
    let second = in_order(service(&memory, &other, Protocol::Cooperative, 2));
    history.caught_up().await;
    // The first member drains for two seconds; meanwhile the second leaves, and its partitions are to be the first one's.
    let held = memory.group_members(GROUP)[0].holds[0].0.partition;
    send(&memory, vec![record(NEW, &order("slow", RECORDS)).to_partition(held)]).await;
    while history.calls(RECORDS) == 0 {
        tokio::time::sleep(ms(1)).await;
    }
    first.handle.stop();
    tokio::time::sleep(ms(10)).await;
    second.stop().await.expect("a clean end");
    let late = (0..60).map(|n| record(NEW, &order("late", RECORDS + 1 + n)).to_partition((n % 6) as u32));
    send(&memory, late.collect()).await;
    first.end().await.expect("a clean end");
    assert_eq!((1..61).map(|n| history.calls(RECORDS + n)).sum::<u64>(), 0, "nothing starts during the drain");
    assert_eq!(memory.group_members(GROUP).len(), 0);
    let third = in_order(service(&memory, &desk, Protocol::Cooperative, 3));
    history.caught_up().await;
    third.stop().await.expect("a clean end");
    history.assert_safe();
    assert!((0..RECORDS + 61).all(|n| history.calls(n) == 1), "nothing is repeated");
}

/// F11, F96: partitions that are added are read from their beginning.
#[tokio::test(start_paused = true)]
async fn partitions_that_are_added_are_read_from_their_beginning() {
    let (memory, history, desk) = world().await;
    let running = started(service(&memory, &desk, Protocol::Cooperative, 1));
    tokio::time::sleep(ms(50)).await;
    memory.add_partitions(&topic(NEW), 2).expect("a topic");
    send(&memory, (0..20).map(|n| record(NEW, &order("new", RECORDS + n)).to_partition(6 + (n % 2) as u32)).collect()).await;
    while history.done().len() < RECORDS as usize + 20 {
        tokio::time::sleep(ms(10)).await;
    }
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    history.assert_safe();
}
