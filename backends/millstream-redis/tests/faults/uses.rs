//! Owns the other uses of a Redis: the cache, and the kept metrics.

use crate::Log;
use crate::service::Running;
use crate::support::{Server, until};
use millstream::contract::{Error, ErrorKind};
use millstream::redis::{Redis, Ttl};
use millstream::topic::Namespace;
use redis::Value;
use std::time::Duration;

fn namespace(name: &str) -> Namespace {
    name.parse().expect("a namespace")
}

pub(crate) async fn a_cache_keeps_namespaces_apart_and_its_entries_end(_: Log) {
    let server = Server::start(&[]);
    let cache = Redis::open(&server.url()).expect("a URL").cache().ttl(Ttl::after(Duration::from_secs(5)));
    let (paper, zerodha) = (cache.of(&namespace("paper")), cache.of(&namespace("zerodha")));
    paper.put("price", &1.5).await.expect("it is there");
    assert_eq!(paper.get::<f64>("price").await.expect("it is there"), Some(1.5));
    assert_eq!(zerodha.get::<f64>("price").await.expect("it is there"), None);
    assert_eq!(cache.shared().get::<f64>("price").await.expect("it is there"), None);
    assert!(matches!(server.ask(&["PTTL", "paper:cache:price"]), Value::Int(1..=5_000)));
    let error = paper.get::<Vec<u8>>("price").await.expect_err("a number is no list");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    until("the entry ends", async || paper.get::<f64>("price").await.expect("it is there").is_none()).await;
    paper.put("price", "text").await.expect("it is there");
    paper.remove("price").await.expect("it is there");
    assert_eq!(paper.get::<String>("price").await.expect("it is there"), None);
}

pub(crate) async fn a_sliding_life_begins_anew_with_each_read(_: Log) {
    let server = Server::start(&[]);
    let cache = Redis::open(&server.url()).expect("a URL").cache().of(&namespace("paper"));
    cache.clone().ttl(Ttl::after(Duration::from_secs(5))).put("session", &1).await.expect("it is there");
    let sliding = cache.ttl(Ttl::sliding(Duration::from_secs(500)));
    assert_eq!(sliding.get("session").await.expect("it is there"), Some(1));
    assert!(matches!(server.ask(&["TTL", "paper:cache:session"]), Value::Int(400..)));
}

pub(crate) async fn what_is_not_cached_is_made_once_and_made_anew_while_redis_is_away(_: Log) {
    let mut server = Server::start(&[]);
    let cache = Redis::open(&server.url()).expect("a URL").cache().of(&namespace("paper"));
    let mut made = 0;
    for _ in 0..3 {
        let make = async || {
            made += 1;
            Ok::<_, Error>(made)
        };
        assert_eq!(cache.get_or_make("x", make).await.expect("it is made"), 1);
    }
    server.kill();
    let make = async || Ok::<_, Error>(7);
    assert_eq!(cache.get_or_make("x", make).await.expect("it is made"), 7);
    assert_eq!(cache.get_or_none::<u32>("x").await, None);
}

pub(crate) async fn a_services_numbers_are_kept_by_namespace(_: Log) {
    let server = Server::start(&[]);
    let redis = Redis::open(&server.url()).expect("a URL");
    let running = Running::start(&redis);
    running.send(0..20).await;
    running.settled(20).await;
    // The last report is made at the end.
    running.stop().await;
    let kept = redis.metrics().of("paper").await.expect("it is there");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(
        (kept[0].service.as_str(), kept[0].numbers.get("paper.orders.new orders.new paper.orders.new done")),
        ("orders", Some(&20))
    );
    assert_eq!(redis.metrics().of("zerodha").await.expect("it is there"), []);
    let Value::Array(keys) = server.ask(&["KEYS", "*metrics*"]) else { panic!("a list") };
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(matches!(server.ask(&["TTL", &format!("paper:metrics:orders:{}", kept[0].member)]), Value::Int(80_000..)));
}
