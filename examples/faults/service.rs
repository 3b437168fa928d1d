//! The service is hurt: killed at random moments, paused past its session, told to stop in the middle.

use std::time::{Duration, Instant};

use millstream_services::Redis;

use crate::Case;
use crate::process::{Line, Process};
use crate::scene::{Cluster, Scene, first_after, now};

pub(crate) const CASES: &[Case] = &[
    ("killed_at_random_moments_a_service_loses_nothing", killed),
    ("killed_at_random_moments_beside_redis_a_service_loses_nothing", killed_beside_redis),
    ("paused_past_its_session_a_service_goes_on_with_what_is_its_own", paused),
    ("told_to_stop_in_the_middle_a_service_ends_in_order", stopped),
];

/// How often it is killed: as often as `MILLSTREAM_KILL9_CYCLES` says, which `cargo xtask kill9 --cycles N` sets.
fn cycles() -> usize {
    std::env::var("MILLSTREAM_KILL9_CYCLES").ok().and_then(|cycles| cycles.parse().ok()).unwrap_or(8)
}

/// A number below `most`, the same in each run: when a process dies is random enough by itself.
fn below(state: &mut u64, most: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % most
}

fn killed() {
    kill(&[], "without a store of ids");
}

fn killed_beside_redis() {
    let redis = Redis::start().expect("a Redis starts");
    kill(&["--dedup", "redis", "--redis-url", &redis.url()], "with Redis");
}

fn kill(more: &[&str], how: &str) {
    let mut cluster = Cluster::of_one();
    let name = if more.is_empty() { "killed" } else { "killed-beside-redis" };
    let scene = Scene::new(name, &mut cluster);
    let (cycles, began) = (cycles(), Instant::now());
    let mut producer = scene.producer(1, -1, 300);
    // A member with a name comes back to its partitions without waiting for its session to end.
    let quick: Vec<&str> = ["--group-instance-id", "one"].iter().chain(more).copied().collect();
    let arguments = [&quick[..], &["--handler-delay", "2"]].concat();
    let (mut told, mut state): (Vec<Vec<Line>>, u64) = (Vec::new(), now());
    for cycle in 1..=cycles {
        let mut consumer = scene.consumer(&arguments);
        consumer.until("handled", 1);
        // Most die while they still go one by one, as after any crash; some live to go on as they always do.
        let longest = if cycle % 8 == 0 { 3_000 } else { 400 };
        std::thread::sleep(Duration::from_millis(below(&mut state, longest)));
        consumer.kill();
        told.push(consumer.lines());
    }
    producer.terminate();
    producer.ended();
    // However much was sent meanwhile, the last one is done with it soon.
    let mut last = scene.consumer(&quick);
    scene.wait_until_committed();
    last.stop();
    told.push(last.lines());
    scene.account(&[producer.lines()], &told, &format!("{cycles} × kill -9 {how} in {:.0?}", began.elapsed()));
}

fn paused() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("paused", &mut cluster);
    let mut producer = scene.producer(1, 8_000, 500);
    let (mut sleeper, mut other) = (scene.consumer(&["--handler-delay", "5"]), scene.consumer(&["--handler-delay", "5"]));
    for process in [&mut sleeper, &mut other] {
        process.until("handled", 20);
    }
    sleeper.pause();
    let from = now();
    // The session of six seconds ends, and the other one gets all partitions.
    other.until("partitions_assigned", usize::try_from(crate::scene::PARTITIONS).expect("few"));
    sleeper.resume();
    let resumed = now();
    producer.ended();
    scene.wait_until_committed();
    stop_all(&mut [&mut sleeper, &mut other]);
    let taken = first_after(&other.lines(), "partitions_assigned", from).unwrap_or_default();
    let back = first_after(&sleeper.lines(), "partitions_assigned", resumed);
    let back = back.map_or("not within the run".to_owned(), |millis| format!("{millis} ms after it went on"));
    let what = format!("its partitions were the other's {taken} ms after it stood still, and it had some again {back}");
    scene.account(&[producer.lines()], &[sleeper.lines(), other.lines()], &what);
}

fn stopped() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("stopped", &mut cluster);
    let mut producer = scene.producer(1, -1, 500);
    let mut told = Vec::new();
    for _ in 0..3 {
        let mut consumer = scene.consumer(&["--handler-delay", "20"]);
        consumer.until("handled", 100);
        consumer.stop();
        told.push(consumer.lines());
    }
    producer.terminate();
    producer.ended();
    let mut last = scene.consumer(&[]);
    scene.wait_until_committed();
    last.stop();
    told.push(last.lines());
    let account = scene.account(&[producer.lines()], &told, "three times SIGTERM");
    assert_eq!(account.repeated, 0, "who ends in order leaves nothing to be done again");
}

/// Ends them in order.
pub(crate) fn stop_all(processes: &mut [&mut Process]) {
    processes.iter_mut().for_each(|process| process.stop());
}
