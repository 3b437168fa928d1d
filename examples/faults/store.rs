//! The store of ids is hurt: restarted, hung, emptied.

use std::time::Duration;

use millstream_services::Redis;

use crate::Case;
use crate::scene::{Cluster, Scene, first_after, now};
use crate::service::stop_all;

pub(crate) const CASES: &[Case] = &[
    ("a_restarted_store_is_waited_for", restarted),
    ("a_store_that_hangs_is_waited_for", hung),
    ("an_emptied_store_loses_nothing", emptied),
];

/// A service beside a store that is hurt in the middle; how that is done answers when it was over.
fn hurt(name: &'static str, url: &str, what: &str, hurt: impl FnOnce() -> u64) {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new(name, &mut cluster);
    let mut producer = scene.producer(1, -1, 300);
    let mut consumer = scene.consumer(&["--dedup", "redis", "--redis-url", url]);
    consumer.until("handled", 200);
    let over = hurt();
    let before = consumer.count("handled");
    consumer.until("handled", before + 300);
    producer.terminate();
    producer.ended();
    scene.wait_until_committed();
    stop_all(&mut [&mut consumer]);
    let after = first_after(&consumer.lines(), "handled", over).unwrap_or_default();
    let account =
        scene.account(&[producer.lines()], &[consumer.lines()], &format!("{what}; the first message {after} ms after that"));
    assert_eq!(account.repeated, 0, "no partition changed hands");
}

fn restarted() {
    let mut redis = Redis::start().expect("a Redis starts");
    let url = redis.url();
    hurt("store-restarted", &url, "Redis was killed and started again after 3 s, empty", || {
        redis.node_mut().kill().expect("it is killed");
        std::thread::sleep(Duration::from_secs(3));
        redis.node_mut().start().expect("it starts again");
        now()
    });
}

fn hung() {
    let mut redis = Redis::start().expect("a Redis starts");
    let url = redis.url();
    hurt("store-hung", &url, "Redis accepted and did not answer for 5 s", || {
        // The kernel accepts for it, and nobody reads.
        redis.node_mut().pause().expect("it is paused");
        std::thread::sleep(Duration::from_secs(5));
        redis.node_mut().resume().expect("it goes on");
        now()
    });
}

fn emptied() {
    let redis = Redis::start().expect("a Redis starts");
    hurt("store-emptied", &redis.url(), "Redis was emptied", || {
        use std::io::{Read, Write};
        let mut link = std::net::TcpStream::connect(redis.node().address()).expect("it runs");
        link.write_all(b"FLUSHALL\r\n").expect("it reads");
        let mut answer = [0; 5];
        link.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"+OK\r\n");
        now()
    });
}
