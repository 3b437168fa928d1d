//! Owns what a service does while its Redis is away: it waits, says so, goes on by itself, and loses nothing (F43, F45).

use crate::Log;
use crate::service::Running;
use crate::support::Server;
use millstream::redis::{Redis, RedisSettings};
use std::time::Duration;

/// One whose hung server is found out soon.
fn impatient(server: &Server) -> Redis {
    let soon = Duration::from_millis(200);
    RedisSettings::new().connect_within(soon).respond_within(soon).open(&server.url()).expect("a URL")
}

pub(crate) async fn a_service_waits_out_a_killed_redis_and_loses_nothing(_: Log) {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let running = Running::start(server.url());
    running.send(0..100).await;
    running.settled(100).await;
    server.kill();
    running.send(100..200).await;
    let why = running.waits().await;
    assert!(why.contains("deduplication"), "{why}");
    assert_eq!(running.handled(100..200), [0; 100], "started without a look-up");
    server.restart();
    // The marks of the first hundred are on its disk: sent again they are duplicates.
    running.send(0..100).await;
    running.settled(300).await;
    running.is_ready().await;
    assert_eq!(running.handled(0..200), [1; 200]);
    assert_eq!(running.handle.account().total().duplicates, 100);
    running.stop().await;
}

pub(crate) async fn a_service_waits_out_a_hung_redis_and_loses_nothing(_: Log) {
    let server = Server::start(&[]);
    let running = Running::start(impatient(&server));
    running.send(0..100).await;
    running.settled(100).await;
    server.hang();
    running.send(100..200).await;
    let why = running.waits().await;
    assert!(why.contains("deduplication"), "{why}");
    assert_eq!(running.handled(100..200), [0; 100], "started without a look-up");
    server.go_on();
    running.settled(200).await;
    running.is_ready().await;
    assert_eq!(running.handled(0..200), [1; 200]);
    running.stop().await;
}

pub(crate) async fn an_emptied_redis_makes_duplicates_and_no_losses(_: Log) {
    let server = Server::start(&[]);
    let redis = Redis::open(&server.url()).expect("a URL");
    let running = Running::start(&redis);
    running.send(0..50).await;
    running.settled(50).await;
    running.stop().await;
    // Another process would have no near cache of these.
    let running = Running::start(server.url());
    running.send(0..50).await;
    running.settled(50).await;
    assert_eq!(running.handled(0..50), [0; 50], "its marks are in the store");
    server.ask(&["FLUSHALL"]);
    running.send(0..100).await;
    running.settled(150).await;
    assert_eq!(running.handled(0..100), [1; 100], "what was forgotten is handled again, what is new once");
    running.stop().await;
}

pub(crate) async fn a_service_that_starts_before_its_redis_waits_for_it(_: Log) {
    let mut server = Server::start(&[]);
    server.kill();
    let running = Running::start(server.url());
    running.send(0..10).await;
    running.waits().await;
    server.restart();
    running.settled(10).await;
    running.is_ready().await;
    assert_eq!(running.handled(0..10), [1; 10]);
    running.stop().await;
}
