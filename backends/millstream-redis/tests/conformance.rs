//! Owns the harnesses that put the deduplicator through the contract's suite: on the Redis that the run offers, and on a
//! cluster of three that it starts itself. What is not there is reported as ignored.
//!
//! Cases of all runs may share a server: each store has scopes of its own, by the first letters of their namespaces. Time on
//! the server passes by shortening what its keys have left to live, as it would by itself; what the case takes is given back.

mod support;

use millstream_core::clock::Clock;
use millstream_core::contract::{DedupScope, Deduplicator, Error, Mark, Marked, Position, Scope, Seen};
use millstream_redis::{Redis, RedisDeduplicator, RedisSettings};
use millstream_services::offered;
use millstream_testkit::conformance::deduplicator::{Harness, Limits};
use millstream_testkit::conformance::{self, Excuse, Pace, Suite};
use redis::{Client, Commands, Connection, Value};
use std::cell::RefCell;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::{Cluster, Server};

/// What slow machines take between two steps of a case; far below what the suite allows for.
const SLACK: Duration = Duration::from_millis(300);

/// What a case is about, on its thread.
struct Current {
    salt: String,
    clock: Clock,
    touched: Instant,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The deduplicator in namespaces of its own.
struct Own {
    of: RedisDeduplicator,
    salt: String,
}

impl Own {
    fn scope(&self, scope: &DedupScope) -> DedupScope {
        let parts: Vec<&str> = scope.as_str().split([':', '@']).collect();
        let [namespace, group, run, handler, topic] = parts[..] else { panic!("a scope has five parts: {scope:?}") };
        DedupScope::new(&format!("{}{namespace}", self.salt), group, run.parse().expect("a number"), handler, topic)
    }
}

impl Deduplicator for Own {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.of.check(&self.scope(scope), keys, answers).await
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        self.of.complete(&self.scope(scope), marks, met).await
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        self.of.forget(&self.scope(scope), keys).await
    }

    fn claims(&self) -> bool {
        self.of.claims()
    }

    async fn claim(&self, scope: &DedupScope, records: &[(u128, Position)], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.of.claim(&self.scope(scope), records, answers).await
    }

    fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        self.of.release(&self.scope(scope), records);
    }

    fn scope(&self) -> Scope {
        self.of.scope()
    }

    fn retention(&self) -> Option<Duration> {
        self.of.retention()
    }
}

struct Store {
    url: String,
    /// All nodes, for the harness' own look at the keys.
    nodes: Vec<String>,
    near: bool,
}

impl Store {
    fn keys(&self, salt: &str) -> Vec<(Connection, Vec<String>)> {
        let of_node = |url: &String| {
            let mut connection = Client::open(url.as_str()).and_then(|client| client.get_connection()).expect("it is there");
            let keys = connection.scan_match::<_, String>(format!("{salt}*")).expect("it answers");
            let keys = keys.collect::<Result<Vec<_>, _>>().expect("keys are text");
            (connection, keys)
        };
        self.nodes.iter().map(of_node).collect()
    }
}

impl Harness for Store {
    type Deduplicator = Own;

    async fn create(&self, limits: Limits) -> Own {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let salt = format!("t{:x}x{}x", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let clock = Clock::new();
        let store = Redis::open(&self.url).expect("a URL").deduplicator().ttl(limits.ttl).clock(clock.clone());
        let of = if self.near { store } else { store.near_cache(0, Duration::ZERO) };
        let touched = Instant::now();
        CURRENT.with_borrow_mut(|current| *current = Some(Current { salt: salt.clone(), clock, touched }));
        Own { of, salt }
    }

    async fn claiming(&self, lease: Duration) -> Result<(Own, Own), Excuse> {
        let one = self.create(Limits::WIDE).await;
        let other = Redis::open(&self.url).expect("a URL").deduplicator().claiming(lease);
        Ok((Own { of: one.of.claiming(lease), salt: one.salt.clone() }, Own { of: other, salt: one.salt }))
    }

    async fn evicted(&self, _: &Own) -> u64 {
        // A server without a limit evicts nothing.
        0
    }

    fn capped(&self) -> Result<(), Excuse> {
        Err("its cap is the server's `maxmemory`, which no one client can set".into())
    }

    async fn unreachable(&self) -> Result<Own, Excuse> {
        // Nobody listens on the first port.
        let settings = RedisSettings::new().connect_within(Duration::from_secs(1));
        let of = settings.open("redis://127.0.0.1:1").expect("a URL").deduplicator();
        Ok(Own { of, salt: "t".into() })
    }

    async fn advance(&self, by: Duration) {
        // First, since it takes time that is not the case's.
        let salt = CURRENT.with_borrow(|current| current.as_ref().expect("a store was created on this thread").salt.clone());
        let all = self.keys(&salt);
        let given_back = CURRENT.with_borrow_mut(|current| {
            let current = current.as_mut().expect("a store was created on this thread");
            current.clock.suspend_for(by);
            let took = std::mem::replace(&mut current.touched, Instant::now()).elapsed();
            took + SLACK
        });
        for (mut connection, keys) in all {
            for key in keys {
                let left: i64 = connection.pttl(&key).expect("it answers");
                assert!(left != -1, "`{key}` never ends");
                let left =
                    left + i64::try_from(given_back.as_millis()).expect("short") - i64::try_from(by.as_millis()).expect("short");
                let _: Value = if left > 0 { connection.pexpire(&key, left) } else { connection.del(&key) }.expect("it answers");
            }
        }
    }

    fn pace(&self) -> Pace {
        Pace::real()
    }
}

fn suite(store: Store) -> Suite {
    conformance::deduplicator(store)
}

fn main() -> ExitCode {
    let nowhere = || Store { url: String::new(), nodes: Vec::new(), near: true };
    let single = |near| match offered::redis() {
        Ok(url) => suite(Store { nodes: vec![url.clone()], url, near }),
        Err(absent) => suite(nowhere()).excused(&Excuse::from(absent.to_string())),
    };
    // Kept until the cases are over.
    let cluster = support::missing().map_or_else(|| Ok(Arc::new(Cluster::start())), Err);
    let clustered = match &cluster {
        Ok(cluster) => {
            let nodes = cluster.0.iter().map(Server::url).collect();
            suite(Store { url: cluster.url(), nodes, near: true })
        }
        Err(missing) => suite(nowhere()).excused(&Excuse::from(*missing)),
    };
    single(true).named("redis").and(single(false).named("without-near-cache")).and(clustered.named("cluster")).run()
}
