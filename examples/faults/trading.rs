//! The trading pipeline is hurt: each of its services is two processes, and one of each is killed in the middle. That nothing is
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
    ("killed_in_the_middle_a_member_of_each_trading_service_is_replaced_and_all_equals_the_oracle", killed),
    ("topics_that_are_deleted_are_made_again_at_once", made_again),
];

/// Set for the processes that are `trading`, and not tests of it: an example is not built for the tests of its package.
pub(crate) const IS: &str = "MILLSTREAM_FAULTS_IS_TRADING";

/// In the order in which a tick travels.
const SERVICES: [&str; 4] = ["strategy-runner", "risk-manager", "trading-engine", "portfolio-manager"];

/// Fills that each portfolio manager has taken in when one is killed: a twentieth of all, and some of each instrument.
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
        command.args(["--fresh", "--report", "json", "--ahead", "2048"]);
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
    // All at once, while records come: each group waits for the session of its dead, and what that has not committed comes again.
    let mut killed = Vec::new();
    for (service, [_, second]) in SERVICES.iter().zip(&mut members) {
        second.kill();
        killed.push(std::mem::replace(second, stage.member(service, 3)));
    }
    // Most ticks are to come when the dead have their successors.
    feed.pause();
    let before = fills(&stage);
    for [_, restarted] in &mut members {
        restarted.wait_for("that it is given partitions", |member| member.log().contains("assigned partition="));
    }
    feed.resume();
    for [_, restarted] in &mut members {
        restarted.wait_for("that it goes on where another was killed", |member| done(member) > 0);
    }

    let status = feed.ended();
    let report: Value = serde_json::from_str(&feed.output()).unwrap_or_default();
    for (field, value) in [("lost", 0.into()), ("doubled", 0.into()), ("oracle_equal", Value::Bool(true))] {
        let why = format!("{:#} {:#} {}", report["findings"], report["difference"], feed.words());
        assert_eq!(report[field], value, "{field}; the feed ended with {status}: {why}");
    }
    assert!(status.success(), "all is well, and the feed ended with {status}: {}", feed.words());
    assert_eq!(report["found"]["duplicates"], report["planted"]["duplicates"]);
    assert!(before < fills(&stage), "they were killed in the middle, and not at the end");

    // A trading engine keeps no table.
    let tables = [(0, "strategy.desks"), (1, "risk.exposures"), (3, "portfolio.holdings")];
    let again = tables.map(|(service, table)| (table, restored(&members[service][1], table)));
    let [dead, restarted] =
        [killed.iter().map(done).collect(), members.iter().map(|[_, second]| done(second)).collect::<Vec<_>>()];
    eprintln!("trading: killed after {dead:?} records, restored {again:?}, then {restarted:?} more; {} s", report["seconds"]);
    for (table, restored) in again {
        assert!(
            restored.iter().any(|(_, entries)| *entries > 0),
            "it has restored what another had kept in {table}: {restored:?}"
        );
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
