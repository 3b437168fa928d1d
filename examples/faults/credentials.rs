//! Who the service is, is not accepted any more: its password is changed on the broker, which asks again and again.

use std::time::Duration;

use millstream_services::Secured;

use crate::Case;
use crate::process::Process;
use crate::scene::{Cluster, Scene, first_after, now};
use crate::service::stop_all;

pub(crate) const CASES: &[Case] = &[
    ("credentials_that_stay_refused_end_a_service_and_one_with_others_goes_on", ended),
    ("credentials_that_are_refused_for_a_while_cost_time_and_no_message", refused),
];

/// A consumer that logs in, with a password that can be looked for.
fn consumer(scene: &Scene, secured: &Secured) -> Process {
    let (user, password) = (&secured.username, &secured.password);
    let settings = format!("sasl.mechanism=SCRAM-SHA-256\nsasl.username={user}\nsasl.password={password}\n");
    scene.consumer(&["--bootstrap-server", &secured.sasl_plaintext, "--command-config", &scene.settings(&settings)])
}

/// Says the password of the cluster's user, another one, or the first again.
fn secured(cluster: &mut Cluster, password: Option<&str>) -> Secured {
    if let Some(password) = password {
        cluster.kafka().set_password(password).expect("the password is changed");
    }
    cluster.kafka().secured().expect("it was asked for").clone()
}

/// Waits until the service says what is wrong, and answers when that was.
fn waits(consumer: &mut Process) -> u64 {
    let degraded = "degraded place=\"credentials of group";
    consumer.wait_for("it says that it is turned away", |consumer| consumer.log().contains(degraded));
    now()
}

/// How often the service tried to log in and failed, as the client says: what is equal to the line before it counts only.
fn tries(consumer: &Process) -> usize {
    let log = consumer.log();
    let failed = log.lines().filter(|line| line.contains("SASL authentication error") && line.contains("facility"));
    let suppressed = |line: &str| {
        let (before, _) = line.split_once(" identical error(s) suppressed")?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    };
    failed.map(|line| 1 + suppressed(line).unwrap_or_default()).sum()
}

fn holds_no_secret(consumer: &Process, passwords: &[&str]) {
    let log = consumer.log();
    let leak = log.lines().find(|line| passwords.iter().any(|password| line.contains(password)));
    assert_eq!(leak, None, "a password is in the log");
}

fn refused() {
    let mut cluster = Cluster::secured();
    let scene = Scene::new("credentials-refused", &mut cluster);
    let first = secured(&mut cluster, None);
    let mut producer = scene.producer(1, -1, 300);
    let mut consumer = consumer(&scene, &first);
    consumer.until("handled", 200);
    secured(&mut cluster, Some("other-for-a-while"));
    waits(&mut consumer);
    // Past its session, so that its partitions are nobody's.
    std::thread::sleep(Duration::from_secs(7));
    let (tried, before) = (tries(&consumer), consumer.count("handled"));
    assert!(tried < 300, "{tried} tries within some seconds are a busy loop");
    let over = now();
    secured(&mut cluster, Some(&first.password));
    consumer.until("handled", before + 300);
    producer.terminate();
    producer.ended();
    scene.wait_until_committed();
    consumer.wait_for("it says that it was let in", |consumer| consumer.log().contains("recovered place=\"credentials of group"));
    stop_all(&mut [&mut consumer]);
    holds_no_secret(&consumer, &[&first.password, "other-for-a-while"]);
    let after = first_after(&consumer.lines(), "handled", over).unwrap_or_default();
    let what = format!(
        "the user's password was another one for 7 s and more, {tried} tries to log in; the first message {after} ms after that"
    );
    scene.account(&[producer.lines()], &[consumer.lines()], &what);
}

fn ended() {
    let mut cluster = Cluster::secured();
    let scene = Scene::new("credentials-ended", &mut cluster);
    let first = secured(&mut cluster, None);
    let mut producer = scene.producer(1, 2_000, 300);
    let mut old = consumer(&scene, &first);
    old.until("handled", 200);
    let other = secured(&mut cluster, Some("other-for-good"));
    let from = waits(&mut old);
    let status = old.ended();
    let took = now().saturating_sub(from) / 1_000;
    assert_eq!(status.code(), Some(69), "a service that may not do its work says so: {}", old.words());
    assert!(old.words().contains("turn this client away"), "it says why: {}", old.words());
    holds_no_secret(&old, &[&first.password, "other-for-good"]);
    let tried = tries(&old);
    assert!(tried < 1_000, "{tried} tries within {took} s are a busy loop");
    producer.ended();
    let mut new = consumer(&scene, &other);
    scene.wait_until_committed();
    stop_all(&mut [&mut new]);
    let what = format!("its password was another one: it ended with {status} after {took} s and {tried} tries to log in");
    scene.account(&[producer.lines()], &[old.lines(), new.lines()], &what);
    secured(&mut cluster, Some(&first.password));
}
