//! The trading pipeline is hurt: each of its services is two processes, and some of them are killed in the middle. That nothing is
//! lost, doubled or unequal to the oracle is said by its own feed, which reads everything back from Kafka.

use std::path::PathBuf;
use std::process::Command;

use millstream_services::Redis;
use serde_json::Value;

use crate::Case;
use crate::broker::Broker;
use crate::process::Process;
use crate::scene::{Cluster, folder};

pub(crate) const CASES: &[Case] = &[
    ("a_trading_pipeline_whose_members_are_killed_equals_its_oracle", killed),
    ("topics_that_are_deleted_are_made_again_at_once", made_again),
];

/// Set for the processes that are `trading`, and not tests of it: an example is not built for the tests of its package.
pub(crate) const IS: &str = "MILLSTREAM_FAULTS_IS_TRADING";

/// In the order in which a tick travels.
const SERVICES: [&str; 4] = ["strategy-runner", "risk-manager", "trading-engine", "portfolio-manager"];

/// Fills that a member has taken in when it is killed: so many that each of its partitions has some in all likelihood.
const FILLS: u64 = 100;

/// What the processes of a case have in common.
struct Stage {
    folder: PathBuf,
    servers: String,
    redis: Redis,
}

impl Stage {
    fn new(name: &str, cluster: &mut Cluster) -> Self {
        let redis = Redis::start().expect("a Redis starts");
        Self { folder: folder(name), servers: cluster.kafka().bootstrap_servers(), redis }
    }

    fn command(&self, service: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a process knows what it is"));
        command.args(["--transport", "rdkafka", "--dedup", "redis", "--bootstrap-server", &self.servers, "--service", service]);
        command.envs([(IS, "1"), ("REDIS_URL", &self.redis.url()), ("NO_COLOR", "1"), ("RUST_LOG", "millstream_core=info")]);
        command
    }

    fn member(&self, service: &str, number: u32) -> Process {
        Process::start(self.command(service), "ended", self.folder.join(format!("{service}-{number}.log")))
    }

    /// The feed, once it has made the topics.
    fn feed(&self, number: u32) -> Process {
        let mut command = self.command("feed");
        command.args(["--fresh", "--report", "json"]);
        let mut feed = Process::start_plain(command, self.folder.join(format!("feed-{number}.log")));
        feed.wait_for("that the topics are made", |feed| feed.log().contains("the topics are made"));
        feed
    }
}

/// How many records of all topics a member has done, by its last account.
fn done(member: &Process) -> u64 {
    let lines = member.lines();
    let last = lines.iter().rev().find(|line| line.fields["topics"].is_object());
    let topics = last.and_then(|line| line.fields["topics"].as_object().cloned()).unwrap_or_default();
    topics.values().filter_map(|topic| topic["done"].as_u64()).sum()
}

/// By partition of the table: how many entries a member has restored, by its log.
fn restored(member: &Process, table: &str) -> Vec<(String, u64)> {
    let field = |line: &str, name: &str| {
        let at = line.find(&format!(" {name}="))? + name.len() + 2;
        line[at..].split_whitespace().next().map(str::to_owned)
    };
    let log = member.log();
    let lines = log.lines().filter(|line| line.contains("restored") && line.contains(table));
    lines.filter_map(|line| Some((field(line, "place")?, field(line, "entries")?.parse().ok()?))).collect()
}

#[expect(clippy::print_stderr, reason = "what was seen is for people; tests show it with --nocapture")]
fn killed() {
    let mut cluster = Cluster::of_one();
    let stage = Stage::new("trading", &mut cluster);
    let mut feed = stage.feed(1);
    let mut members = SERVICES.map(|service| [1, 2].map(|number| stage.member(service, number)));
    members.iter_mut().flatten().for_each(|member| member.until("ready", 1));

    let [.., managers] = &mut members;
    for manager in managers.iter_mut() {
        manager.wait_for("that it has taken fills in", |manager| done(manager) >= FILLS);
    }
    // Both at once, of services that keep tables: each is waited for by its group, and what it has not committed comes again.
    let mut killed = Vec::new();
    for service in [3, 1] {
        members[service][1].kill();
        let dead = std::mem::replace(&mut members[service][1], stage.member(SERVICES[service], 3));
        killed.push(dead);
    }
    let before: u64 = fills(&stage);
    for service in [3, 1] {
        members[service][1].wait_for("that it goes on where another was killed", |member| done(member) > 0);
    }

    let status = feed.ended();
    assert!(status.success(), "the feed ended with {status}: {}\n{}", feed.words(), feed.output());
    let report: Value = serde_json::from_str(&feed.output()).expect("the report is JSON");
    for (field, value) in [("lost", 0.into()), ("doubled", 0.into()), ("oracle_equal", Value::Bool(true))] {
        assert_eq!(report[field], value, "{field}: {:#}", report["findings"]);
    }
    assert_eq!(report["found"]["duplicates"], report["planted"]["duplicates"]);
    assert!(before < fills(&stage), "they were killed in the middle, and not at the end");

    let again: Vec<_> =
        [(3, "portfolio.holdings"), (1, "risk.exposures")].map(|(service, table)| restored(&members[service][1], table)).into();
    eprintln!(
        "trading: killed after {:?} records, restored {again:?}, then {} and {} more; {} s",
        killed.iter().map(done).collect::<Vec<_>>(),
        done(&members[3][1]),
        done(&members[1][1]),
        report["seconds"],
    );
    for restored in again {
        assert!(restored.iter().any(|(_, entries)| *entries > 0), "it has restored what another had kept: {restored:?}");
    }
    members.iter_mut().flatten().for_each(Process::stop);
}

/// Fills that lie in Kafka.
fn fills(stage: &Stage) -> u64 {
    let broker = Broker::at(&stage.servers);
    let ends = ["paper.orders.filled", "zerodha.orders.filled"].map(|topic| {
        let places = broker.places("nobody", topic);
        places.values().map(|(_, end)| u64::try_from(*end).unwrap_or(0)).sum::<u64>()
    });
    ends.iter().sum()
}

fn made_again() {
    let mut cluster = Cluster::of_one();
    let stage = Stage::new("trading-topics", &mut cluster);
    for number in 1..=3 {
        let mut feed = stage.feed(number);
        feed.terminate();
        let status = feed.ended();
        assert!(status.success(), "the feed ended with {status}: {}", feed.words());
    }
}
