//! Owns what the store does by itself, and what the deduplicator makes of it. Leaves services to `outages`.

use crate::Log;
use crate::support::{Server, until};
use millstream::clock::Clock;
use millstream::contract::{Applied, DedupScope, Deduplicator, ErrorKind, Fingerprint, Mark, Marked, Seen};
use millstream::redis::{Redis, RedisDeduplicator, RedisSettings};
use redis::Value;
use std::time::Duration;

fn scope() -> DedupScope {
    DedupScope::new("paper", "alpha-panda.risk", 0, "check", "paper.orders.new")
}

fn marks(keys: std::ops::Range<u128>) -> Vec<Mark> {
    keys.map(|key| Mark::new(key, 3, 7, Fingerprint(1))).collect()
}

fn done() -> Seen {
    let Mark { at, fingerprint, .. } = Mark::new(0, 3, 7, Fingerprint(1));
    Seen::Done { at, fingerprint }
}

fn open(server: &Server) -> RedisDeduplicator {
    Redis::open(&server.url()).expect("a URL").deduplicator()
}

/// One that asks the server each time.
fn far(server: &Server) -> RedisDeduplicator {
    open(server).near_cache(0, Duration::ZERO)
}

async fn check(store: &RedisDeduplicator, key: u128) -> Seen {
    let mut answers = Vec::new();
    store.check(&scope(), &[key], &mut answers).await.expect("the server is there");
    answers[0]
}

async fn complete(store: &RedisDeduplicator, keys: std::ops::Range<u128>) -> Vec<Marked> {
    let mut met = Vec::new();
    store.complete(&scope(), &marks(keys), &mut met).await.expect("the server is there");
    met
}

pub(crate) async fn a_mark_ends_by_the_servers_clock_whatever_the_clients_says(_: Log) {
    let (server, clock) = (Server::start(&[]), Clock::new());
    let store = open(&server).ttl(Duration::from_secs(5)).clock(clock.clone());
    complete(&store, 1..2).await;
    clock.suspend_for(Duration::from_secs(3600));
    let Value::Int(left) =
        server.ask(&["PTTL", "paper:alpha-panda.risk@0:check:paper.orders.new:00000000000000000000000000000001"])
    else {
        panic!("a number")
    };
    assert!((1..=5_000).contains(&left), "{left} ms left");
    until("the mark ends", async || check(&store, 1).await != done()).await;
    assert_eq!(complete(&store, 1..2).await, [Marked::First], "an ended mark is none");
}

pub(crate) async fn a_hung_server_is_an_error_and_not_an_answer(_: Log) {
    let server = Server::start(&[]);
    let soon = Duration::from_millis(100);
    let store = RedisSettings::new().connect_within(soon).respond_within(soon).open(&server.url()).expect("a URL").deduplicator();
    until("it connects that soon", async || store.check(&scope(), &[1], &mut Vec::new()).await.is_ok()).await;
    server.hang();
    let error = store.check(&scope(), &[2], &mut Vec::new()).await.expect_err("it hangs");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::TimedOut, true));
    for _ in 0..5 {
        let error = store.complete(&scope(), &marks(3..4), &mut Vec::new()).await.expect_err("it hangs");
        assert!(error.is_retriable(), "{error:?}");
        store.forget(&scope(), &[1]).await.expect_err("it hangs");
    }
    server.go_on();
    until("the server answers", async || store.check(&scope(), &[3], &mut Vec::new()).await.is_ok()).await;
}

pub(crate) async fn a_full_server_refuses_marks_and_forgets_none(_: Log) {
    let server = Server::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let store = far(&server);
    let mut taken = 0;
    let error = loop {
        match store.complete(&scope(), &marks(taken..taken + 500), &mut Vec::new()).await {
            Ok(()) => taken += 500,
            Err(error) => break error,
        }
        assert!(taken < 1_000_000, "it is never full");
    };
    assert_eq!((error.kind(), error.applied(), error.is_retriable()), (ErrorKind::Full, Applied::Unknown, true));
    let mut answers = Vec::new();
    store.check(&scope(), &(0..taken).collect::<Vec<_>>(), &mut answers).await.expect("reading needs no memory");
    assert!(taken > 0 && answers.iter().all(|seen| *seen == done()), "of {taken} some are forgotten");
}

pub(crate) async fn an_evicting_server_is_warned_of_once(log: Log) {
    let server = Server::start(&["--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl"]);
    let redis = Redis::open(&server.url()).expect("a URL");
    check(&redis.deduplicator(), 1).await;
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    let _ = redis.deduplicator().check(&scope(), &[1], &mut Vec::new()).await;
    check(&redis.deduplicator(), 1).await;
    let warned = log.text().lines().filter(|line| line.contains("volatile-ttl") && line.contains(&server.url())).count();
    assert_eq!(warned, 1);
    let why = redis.eviction().await.expect("it is there").unsafe_because();
    assert!(why.is_some_and(|why| why.contains("`maxmemory-policy` is `volatile-ttl`")));
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    assert_eq!(redis.eviction().await.expect("it is there").unsafe_because(), None);
}

pub(crate) async fn a_connection_that_was_cut_is_made_again(_: Log) {
    let server = Server::start(&[]);
    let store = far(&server);
    complete(&store, 1..2).await;
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    // At most the call that finds out fails.
    let _ = store.check(&scope(), &[1], &mut Vec::new()).await;
    assert_eq!(check(&store, 1).await, done());
}

pub(crate) async fn failing_open_is_counted(_: Log) {
    let mut server = Server::start(&[]);
    let store = far(&server).fail_open();
    complete(&store, 1..3).await;
    assert_eq!((check(&store, 1).await, store.opened()), (done(), 0));
    server.kill();
    assert_eq!(check(&store, 1).await, Seen::Fresh);
    assert_eq!(complete(&store, 5..8).await, [Marked::First; 3]);
    assert_eq!(store.opened(), 4);
}

pub(crate) async fn the_near_cache_answers_for_own_marks_without_the_server(_: Log) {
    let (mut server, clock) = (Server::start(&[]), Clock::new());
    let (store, other) = (open(&server).clock(clock.clone()), open(&server));
    complete(&store, 1..3).await;
    assert_eq!(complete(&store, 1..2).await, [Marked::Known]);
    complete(&other, 3..4).await;
    server.kill();
    assert_eq!((check(&store, 1).await, check(&store, 2).await), (done(), done()));
    store.check(&scope(), &[3], &mut Vec::new()).await.expect_err("another has marked it");
    store.check(&scope(), &[1, 4], &mut Vec::new()).await.expect_err("it knows nothing of 4");
    clock.suspend_for(Duration::from_secs(11));
    store.check(&scope(), &[1], &mut Vec::new()).await.expect_err("ten seconds are over");
}

pub(crate) async fn what_another_process_has_marked_is_known_and_what_it_forgot_is_fresh(_: Log) {
    let (server, clock) = (Server::start(&[]), Clock::new());
    let (store, other) = (open(&server).clock(clock.clone()), open(&server));
    complete(&other, 1..2).await;
    assert_eq!(check(&store, 1).await, done());
    complete(&store, 2..3).await;
    other.forget(&scope(), &[1, 2]).await.expect("it is there");
    assert_eq!(check(&store, 1).await, Seen::Fresh);
    clock.suspend_for(Duration::from_secs(10));
    assert_eq!(check(&store, 2).await, Seen::Fresh, "the near cache outlived its ten seconds");
    complete(&store, 3..4).await;
    store.forget(&scope(), &[3]).await.expect("it is there");
    assert_eq!(check(&store, 3).await, Seen::Fresh, "an own one is forgotten at once");
}

pub(crate) async fn an_id_costs_what_the_readme_says(_: Log) {
    let server = Server::start(&[]);
    let used = || match server.ask(&["INFO", "memory"]) {
        Value::BulkString(text) => {
            let text = String::from_utf8_lossy(&text).into_owned();
            let used = text.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("it says so");
            used.trim().parse::<u64>().expect("a number")
        }
        other => panic!("{other:?}"),
    };
    let before = used();
    let store = far(&server);
    // A power of two, at which the tables of keys are full.
    for start in (0..1 << 16).step_by(1 << 10) {
        complete(&store, start..start + (1 << 10)).await;
    }
    let all = used() - before;
    assert!((200..=240).contains(&(all >> 16)), "{} bytes an id", all >> 16);
}

pub(crate) async fn a_foreign_value_is_an_error_and_not_an_answer(_: Log) {
    let server = Server::start(&[]);
    server.ask(&["SET", "paper:alpha-panda.risk@0:check:paper.orders.new:00000000000000000000000000000001", "1"]);
    let error = far(&server).check(&scope(), &[1], &mut Vec::new()).await.expect_err("nobody can tell what it means");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
