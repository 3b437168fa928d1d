//! Brokers are hurt: restarted, hung, one or two of three lost.

use std::time::Duration;

use crate::Case;
use crate::process::Process;
use crate::scene::{Cluster, Scene, first_after, now};
use crate::service::stop_all;

pub(crate) const CASES: &[Case] = &[
    ("a_restarted_broker_costs_time_and_no_message", restarted),
    ("a_broker_that_accepts_and_never_answers_costs_time_and_no_message", hung),
    ("of_three_brokers_one_may_be_lost", one_of_three),
    ("with_two_of_three_brokers_lost_all_waits_and_nothing_is_lost", two_of_three),
];

/// A producer and a consumer at work.
fn at_work(scene: &Scene) -> (Process, Process) {
    let producer = scene.producer(1, -1, 300);
    let mut consumer = scene.consumer(&[]);
    consumer.until("handled", 200);
    (producer, consumer)
}

/// Waits until the consumer has handled what came after `from`; ends both in order, and accounts for all.
fn recovered(scene: &Scene, producer: &mut Process, consumer: &mut Process, from: u64, what: &str) {
    let before = consumer.count("handled");
    consumer.until("handled", before + 300);
    producer.terminate();
    producer.ended();
    scene.wait_until_committed();
    stop_all(&mut [consumer]);
    let after = first_after(&consumer.lines(), "handled", from).unwrap_or_default();
    scene.account(&[producer.lines()], &[consumer.lines()], &format!("{what}; the first message {after} ms after that"));
}

fn restarted() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("broker-restarted", &mut cluster);
    let (mut producer, mut consumer) = at_work(&scene);
    cluster.kafka().node_mut(1).stop().expect("it stops");
    cluster.kafka().node_mut(1).start().expect("it starts again");
    recovered(&scene, &mut producer, &mut consumer, now(), "the only broker was restarted");
}

fn hung() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("broker-hung", &mut cluster);
    let (mut producer, mut consumer) = at_work(&scene);
    // The kernel accepts for it, and nobody reads.
    cluster.kafka().node_mut(1).pause().expect("it is paused");
    std::thread::sleep(Duration::from_secs(8));
    cluster.kafka().node_mut(1).resume().expect("it goes on");
    recovered(&scene, &mut producer, &mut consumer, now(), "the only broker hung for 8 s");
    let mut cluster_of_none = scene.consumer(&["--bootstrap-server", &silent().to_string()]);
    cluster_of_none.until("startup_complete", 1);
    stop_all(&mut [&mut cluster_of_none]);
}

/// An address that accepts and never answers.
fn silent() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    // It is open as long as the program.
    std::mem::forget(listener);
    address
}

fn one_of_three() {
    let mut cluster = Cluster::of_three();
    let scene = Scene::new("one-of-three", &mut cluster);
    let (mut producer, mut consumer) = at_work(&scene);
    cluster.kafka().node_mut(2).kill().expect("it is killed");
    recovered(&scene, &mut producer, &mut consumer, now(), "one of three brokers was killed");
    cluster.kafka().node_mut(2).start().expect("it starts again");
}

fn two_of_three() {
    let mut cluster = Cluster::of_three();
    let scene = Scene::new("two-of-three", &mut cluster);
    let (mut producer, mut consumer) = at_work(&scene);
    for id in [2, 3] {
        cluster.kafka().node_mut(id).kill().expect("it is killed");
    }
    std::thread::sleep(Duration::from_secs(8));
    for id in [2, 3] {
        cluster.kafka().node_mut(id).start().expect("it starts again");
    }
    recovered(&scene, &mut producer, &mut consumer, now(), "two of three brokers were gone for 8 s and more");
}
