//! Owns all that members share: the log, the cluster's state, the store, the network and the history; and how a request gets
//! from one to the other. Leaves what members are to `node`, what befalls them to `driver`.

use super::checks::Checks;
use super::cluster::{Coordinator, Leaders, Writers};
use super::dice::Dice;
use super::history::{Event, History, What};
use super::network::{GIVEN_UP, MemberNo, Network, Operation, Server};
use super::rule::{Effect, Request, Rules};
use super::sink::Sink;
use super::store::Store;
use crate::now::instant_now;
use millstream_core::contract::TopicPartition;
use millstream_core::process::Process;
use millstream_core::topic::Topic;
use millstream_memory::{Memory, WallClock};
use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The wall clock at the beginning of each run, in milliseconds since the Unix epoch: a date in 2026.
pub(crate) const WALL_START: u64 = 1_780_000_000_000;

/// What a member's client is to the network: it goes with its process.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) member: MemberNo,
    /// The so many-th process of the member.
    pub(crate) incarnation: u32,
    alive: Arc<AtomicBool>,
}

impl Link {
    pub(crate) fn new(member: MemberNo, incarnation: u32) -> Self {
        Link { member, incarnation, alive: Arc::new(AtomicBool::new(true)) }
    }

    /// Nothing is sent any more.
    pub(crate) fn cut(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It was refused: nothing was done.
    Refused,
    /// Nobody knows whether it was done.
    Unknown,
}

/// What servers keep.
pub(crate) struct Servers {
    pub(crate) network: Network,
    pub(crate) coordinator: Coordinator,
    pub(crate) leaders: Leaders,
    pub(crate) writers: Writers,
    pub(crate) store: Store,
    pub(crate) sink: Sink,
    /// What befalls certain requests.
    pub(crate) rules: Rules,
    /// The process of each member.
    pub(crate) processes: BTreeMap<MemberNo, Process>,
    /// So many commits more are refused as stale.
    pub(crate) stale_commits: u32,
}

pub(crate) struct World {
    pub(crate) memory: Memory,
    pub(crate) start: Instant,
    servers: Mutex<Servers>,
    history: Mutex<History>,
    checks: Mutex<Checks>,
    /// Records were written; who reads at an end waits for it. (A `watch` would wake in random order.)
    written: Notify,
    last_number: AtomicU64,
    /// What users keep outside of their processes, by type.
    outside: Mutex<BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(seed: u64, brokers: u8, partitions: u32, checks: Checks) -> Arc<Self> {
        let memory = Memory::builder().default_partitions(partitions).wall(WallClock::Virtual(WALL_START)).build();
        let servers = Servers {
            network: Network::new(Dice::new(seed, 1)),
            coordinator: Coordinator::default(),
            leaders: Leaders::new(brokers),
            writers: Writers::default(),
            store: Store::default(),
            sink: Sink::default(),
            rules: Rules::default(),
            processes: BTreeMap::new(),
            stale_commits: 0,
        };
        Arc::new(World {
            memory,
            start: instant_now(),
            servers: Mutex::new(servers),
            history: Mutex::default(),
            checks: Mutex::new(checks),
            written: Notify::new(),
            last_number: AtomicU64::new(0),
            outside: Mutex::default(),
        })
    }

    pub(crate) fn servers(&self) -> MutexGuard<'_, Servers> {
        lock(&self.servers)
    }

    pub(crate) fn checks(&self) -> MutexGuard<'_, Checks> {
        lock(&self.checks)
    }

    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// What users keep outside of their processes, made at its first mention.
    pub(crate) fn outside<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let made = || Arc::new(T::default()) as Arc<dyn Any + Send + Sync>;
        let found = lock(&self.outside).entry(TypeId::of::<T>()).or_insert_with(made).clone();
        found.downcast().expect("it is filed under its type")
    }

    /// Since the run's beginning.
    pub(crate) fn at(&self) -> Duration {
        self.start.elapsed()
    }

    /// A number that was never given out.
    pub(crate) fn number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Something happened.
    pub(crate) fn note(&self, member: Option<MemberNo>, what: What) {
        let at = self.at();
        self.history().events.push(Event { at, member, what });
    }

    /// Something is wrong.
    pub(crate) fn violated(&self, invariant: &'static str, text: String) {
        let at = self.at();
        self.checks().violated(invariant, at, text);
    }

    /// Records were written.
    pub(crate) fn wrote(&self) {
        self.written.notify_waiters();
    }

    /// Is ready when records are written from now on.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// All partitions of topics.
    pub(crate) fn places<'t>(&self, topics: impl IntoIterator<Item = &'t Topic>) -> Vec<TopicPartition> {
        let mut places = Vec::new();
        for topic in topics {
            let partitions = self.memory.describe(topic).map_or(0, |(_, partitions)| partitions);
            places.extend((0..partitions).map(|partition| TopicPartition::new(topic.clone(), partition)));
        }
        places
    }

    /// Sends a request: `does` runs where and when it arrives, whatever has become of its sender.
    ///
    /// # Cancel safety
    /// Dropped, the request is on its way all the same.
    pub(crate) async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        link: &Link,
        server: Server,
        operation: Operation,
        does: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        if !link.is_alive() {
            std::future::pending::<()>().await;
        }
        let now = instant_now();
        let (fate, down) = {
            let network = &mut self.servers().network;
            (network.fate(link.member, server, operation, now), network.is_down(server, now))
        };
        if down {
            sleep(Duration::from_millis(2)).await;
            return Err(Unanswered::Refused);
        }
        let (tell, answer) = oneshot::channel();
        let world = self.clone();
        let member = link.member;
        tokio::spawn(async move {
            if let Some(arrives) = fate.arrives {
                sleep_until(arrives).await;
                let effect = world.meets(member, operation);
                if effect == Some(Effect::KillsBefore) {
                    world.kill(member);
                }
                // A server that went down meanwhile has not heard it.
                let lost = matches!(effect, Some(Effect::RequestLost | Effect::KillsBefore));
                if !lost && !world.servers().network.is_down(server, instant_now()) {
                    let reply = does(&world);
                    if effect == Some(Effect::KillsWhenDone) {
                        world.kill(member);
                    }
                    if let Some(back) = fate.reply.filter(|_| effect.is_none()) {
                        sleep(back).await;
                        // The caller may have given up, or died.
                        let _ = tell.send(reply);
                        return;
                    }
                }
            }
            if fate.hangs {
                std::future::pending::<()>().await;
            }
            sleep(GIVEN_UP).await;
            drop(tell);
        });
        let answered = match fate.hangs {
            // This client has no deadline of its own: whoever calls needs one (F64).
            true => answer.await.map_err(|_| Unanswered::Unknown),
            false => timeout(GIVEN_UP, answer).await.map_or(Err(Unanswered::Unknown), |a| a.map_err(|_| Unanswered::Unknown)),
        };
        if answered.is_err() {
            self.servers().network.closed(link.member, server, operation);
        }
        answered
    }

    fn meets(&self, member: MemberNo, operation: Operation) -> Option<Effect> {
        let effect = self.servers().rules.meet(member, operation)?;
        let request = Request::of(operation)?;
        self.note(Some(member), What::Fault(format!("its {request} {effect}")));
        Some(effect)
    }

    fn kill(&self, member: MemberNo) {
        let process = self.servers().processes.get(&member).cloned();
        process.into_iter().for_each(|process| process.kill());
    }

    /// As [`call`](Self::call), for a client that gives every call up.
    pub(crate) async fn call_in_time<T: Send + 'static>(
        self: &Arc<Self>,
        link: &Link,
        server: Server,
        operation: Operation,
        does: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let answered = timeout(GIVEN_UP, self.call(link, server, operation, does)).await;
        answered.unwrap_or_else(|_| {
            self.servers().network.closed(link.member, server, operation);
            Err(Unanswered::Unknown)
        })
    }
}
