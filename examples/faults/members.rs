//! The group changes: members join and leave under each protocol, and a second process takes a static member's name.

use crate::Case;
use crate::process::Line;
use crate::scene::{Cluster, PARTITIONS, Scene};
use crate::service::stop_all;

pub(crate) const CASES: &[Case] = &[
    ("three_members_join_and_leave_under_range", range),
    ("three_members_join_and_leave_under_cooperative_sticky", cooperative),
    ("three_members_join_and_leave_under_the_consumer_protocol", consumer_protocol),
    ("the_older_of_two_members_of_one_name_ends", fenced),
];

fn range() {
    join_and_leave("range", &["--assignment-strategy", "range"]);
}

fn cooperative() {
    join_and_leave("cooperative-sticky", &["--assignment-strategy", "cooperative-sticky"]);
}

fn consumer_protocol() {
    join_and_leave("consumer-protocol", &["--group-protocol", "consumer"]);
}

/// Three members: one after the other joins, and one after the other leaves, while messages come.
fn join_and_leave(name: &'static str, protocol: &[&str]) {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new(name, &mut cluster);
    let mut producer = scene.producer(1, -1, 400);
    let mut first = scene.consumer(protocol);
    first.until("handled", 200);
    let mut second = scene.consumer(protocol);
    second.until("handled", 200);
    let mut third = scene.consumer(protocol);
    third.until("handled", 200);
    let before: Vec<usize> = [&first, &second].map(|process| process.count("handled")).into();
    first.stop();
    second.until("handled", before[1] + 200);
    second.stop();
    third.wait_for("all partitions are its own", |third| held(&third.lines()) == PARTITIONS as usize);
    producer.terminate();
    producer.ended();
    scene.wait_until_committed();
    third.stop();
    let account = scene.account(&[producer.lines()], &[first.lines(), second.lines(), third.lines()], "three joined, two left");
    assert_eq!(account.repeated, 0, "partitions that change hands in order leave nothing to be done again");
}

/// How many partitions a process has, by its lines.
fn held(lines: &[Line]) -> usize {
    let of = |name: &str| lines.iter().filter(|line| line.name == name).count();
    of("partitions_assigned") - of("partitions_revoked")
}

fn fenced() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("fenced", &mut cluster);
    let mut producer = scene.producer(1, -1, 400);
    let mut older = scene.consumer(&["--group-instance-id", "one"]);
    older.until("handled", 200);
    let mut newer = scene.consumer(&["--group-instance-id", "one"]);
    newer.until("handled", 200);
    let status = older.ended();
    assert!(!status.success(), "it was told that another one has its name, and ended as if nothing were wrong");
    assert!(older.words().contains("fenced") || older.words().contains("instance"), "it says why: {}", older.words());
    producer.terminate();
    producer.ended();
    scene.wait_until_committed();
    stop_all(&mut [&mut newer]);
    scene.account(&[producer.lines()], &[older.lines(), newer.lines()], &format!("the older one ended with {status}"));
}
