//! Owns what a case plays in: a cluster that cases share, a topic and a group of its own, and the processes that it starts.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use millstream_services::{Kafka, KafkaSettings};

use crate::account::Account;
use crate::broker::Broker;
use crate::letters::Letters;
use crate::process::{Line, Process};

/// Partitions of a case's topic.
pub(crate) const PARTITIONS: i32 = 6;

/// One of one broker, one of three, and one that asks who its clients are. Each is started by the first case that wants it, and
/// ends with the program.
static CLUSTERS: LazyLock<[Mutex<Option<Kafka>>; 3]> = LazyLock::new(Default::default);

/// A cluster, for one case at a time.
pub(crate) struct Cluster(MutexGuard<'static, Option<Kafka>>);

impl Cluster {
    /// One broker.
    pub(crate) fn of_one() -> Self {
        Self::of(&CLUSTERS[0], KafkaSettings::default())
    }

    /// Three, with three replicas of each record, of which a write needs two.
    pub(crate) fn of_three() -> Self {
        Self::of(&CLUSTERS[1], KafkaSettings::default().brokers(3))
    }

    /// One that asks again and again who its clients are, beside a door where it does not.
    pub(crate) fn secured() -> Self {
        Self::of(&CLUSTERS[2], KafkaSettings::default().secured().property("connections.max.reauth.ms", "3000"))
    }

    fn of(cluster: &'static Mutex<Option<Kafka>>, settings: KafkaSettings) -> Self {
        let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
        // What a case that failed has left is nobody's ground.
        let is_well = cluster
            .as_ref()
            .is_some_and(|kafka| kafka.nodes().iter().all(|node| node.state() == millstream_services::State::Running));
        if !is_well {
            *cluster = None;
            let settings = settings
                .property("group.min.session.timeout.ms", "1000")
                .property("group.consumer.min.session.timeout.ms", "1000")
                .property("group.consumer.session.timeout.ms", "6000")
                .property("group.consumer.heartbeat.interval.ms", "1000")
                .property("group.consumer.min.heartbeat.interval.ms", "500");
            *cluster = Some(settings.start().expect("a cluster starts"));
        }
        Self(cluster)
    }

    pub(crate) fn kafka(&mut self) -> &mut Kafka {
        self.0.as_mut().expect("it was started")
    }
}

/// One case: its names, and what its processes have told.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) servers: String,
    pub(crate) topic: String,
    pub(crate) group: String,
    folder: PathBuf,
    started: AtomicU32,
}

impl Scene {
    /// A case on a cluster, with an empty topic of its own.
    pub(crate) fn new(name: &'static str, cluster: &mut Cluster) -> Self {
        let scene = Self::bare(name, cluster);
        let replicas = i32::try_from(cluster.kafka().nodes().len()).expect("few brokers");
        let settings: &[(&str, &str)] = if replicas > 1 { &[("min.insync.replicas", "2")] } else { &[] };
        scene.broker().create(&scene.topic, PARTITIONS, replicas, settings);
        scene.broker().create(&scene.letters(), PARTITIONS, replicas, settings);
        scene
    }

    /// The same without its topics.
    pub(crate) fn bare(name: &'static str, cluster: &mut Cluster) -> Self {
        let folder = folder(name);
        let servers = cluster.kafka().bootstrap_servers();
        let unique = std::process::id();
        let (topic, group) = (format!("{name}.{unique}"), format!("{name}.{unique}"));
        Self { name, servers, topic: topic.replace('_', "-"), group, folder, started: AtomicU32::new(0) }
    }

    pub(crate) fn broker(&self) -> Broker {
        Broker::at(&self.servers)
    }

    /// A file with these settings for a client.
    pub(crate) fn settings(&self, lines: &str) -> String {
        let file = self.folder.join("client.properties");
        fs::write(&file, lines).expect("the target folder can be written");
        file.display().to_string()
    }

    /// The dead-letter topic.
    pub(crate) fn letters(&self) -> String {
        format!("{}.dlq", self.topic)
    }

    fn start(&self, role: &str, more: &[&str]) -> Process {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.folder.join(format!("{number}-{role}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_verifiable"));
        command.args([role, "--topic", &self.topic]);
        if !more.contains(&"--bootstrap-server") {
            command.args(["--bootstrap-server", &self.servers]);
        }
        command.args(more).env("RUST_LOG", "warn,millstream_core::service::health=info");
        Process::start(command, "shutdown_complete", log)
    }

    /// A consumer of the case's group.
    pub(crate) fn consumer(&self, more: &[&str]) -> Process {
        let mut arguments = vec!["--group-id", self.group.as_str(), "--session-timeout", "6000"];
        arguments.extend(more);
        self.start("consumer", &arguments)
    }

    /// A producer of `count` messages, so many a second; each run's messages are other ones by `prefix`.
    pub(crate) fn producer(&self, prefix: u32, count: i64, rate: u32) -> Process {
        let (prefix, count, rate) = (prefix.to_string(), count.to_string(), rate.to_string());
        self.start(
            "producer",
            &["--value-prefix", &prefix, "--max-messages", &count, "--throughput", &rate, "--repeating-keys", "97"],
        )
    }

    /// Waits until the group has committed all, and accounts for every message. `what` is printed with it: what else was seen.
    #[expect(clippy::print_stderr, reason = "what was seen is for people; tests show it with --nocapture")]
    pub(crate) fn account(&self, producers: &[Vec<Line>], consumers: &[Vec<Line>], what: &str) -> Account {
        let account = Account::of(producers, consumers, &self.letter_ids());
        eprintln!("{}: {account}{}{what}", self.name, if what.is_empty() { "" } else { "; " });
        account.is_right();
        account
    }

    /// The ids of the messages that became dead letters.
    pub(crate) fn letter_ids(&self) -> BTreeSet<String> {
        Letters::of(&self.broker(), &self.letters()).ids()
    }

    /// Waits until all that lies in the topic is committed, as the brokers say.
    pub(crate) fn wait_until_committed(&self) {
        self.broker().wait_until_committed(&self.group, &self.topic);
    }
}

/// An empty folder for what the processes of a case write.
pub(crate) fn folder(case: &str) -> PathBuf {
    let folder = millstream_services::root().join("../faults").join(case);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Milliseconds from `from` until the first line of this name of these lines.
pub(crate) fn first_after(lines: &[Line], name: &str, from: u64) -> Option<u64> {
    lines.iter().filter(|line| line.name == name && line.at >= from).map(|line| line.at - from).min()
}

/// Now, as lines have it.
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
