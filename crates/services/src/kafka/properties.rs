//! Owns what a broker is told: its properties, its logs' and its Java's. Leaves starting it to `kafka`.

use super::KafkaSettings;
use std::collections::BTreeMap;

/// The ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) clients: u16,
    pub(super) controller: u16,
}

/// How many ports a node takes.
pub(super) const PORTS: usize = 2;

/// Properties of every broker. Whatever makes a test wait for nothing is off or short.
const COMMON: [(&str, &str); 20] = [
    ("process.roles", "broker,controller"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    ("controller.listener.names", "CONTROLLER"),
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.num.partitions", "3"),
    ("transaction.state.log.num.partitions", "3"),
    ("share.coordinator.state.topic.num.partitions", "1"),
    // Kafka's 3 s for more members to come are 3 s of every test.
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("group.consumer.min.session.timeout.ms", "3000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.heartbeat.interval.ms", "500"),
    ("group.consumer.heartbeat.interval.ms", "500"),
    // A killed node cannot register again before its session has ended: 9 s by default. Below 3 s a loaded machine fences itself.
    ("broker.session.timeout.ms", "3000"),
    ("broker.heartbeat.interval.ms", "500"),
    ("controller.quorum.election.timeout.ms", "1000"),
    ("controller.quorum.fetch.timeout.ms", "2000"),
    // 128 MiB by default, which does not fit the heap.
    ("log.cleaner.dedupe.buffer.size", "10485760"),
    ("log.retention.check.interval.ms", "10000"),
    ("num.partitions", "3"),
];

/// Properties of one node, as its file has them.
pub(super) fn of_node(settings: &KafkaSettings, nodes: &[Ports], id: usize, data: &str) -> String {
    let own = nodes[id - 1];
    let replicas = nodes.len().to_string();
    let in_sync = if nodes.len() > 1 { "2" } else { "1" };
    let voters = (1..).zip(nodes).map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller)).collect::<Vec<_>>();
    let mut all: BTreeMap<&str, String> = COMMON.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    all.extend([
        ("node.id", id.to_string()),
        ("controller.quorum.voters", voters.join(",")),
        ("listeners", format!("PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{}", own.clients, own.controller)),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned()),
        ("log.dirs", data.to_owned()),
        ("default.replication.factor", replicas.clone()),
        ("min.insync.replicas", in_sync.to_owned()),
        ("offsets.topic.replication.factor", replicas.clone()),
        ("transaction.state.log.replication.factor", replicas.clone()),
        ("transaction.state.log.min.isr", in_sync.to_owned()),
        ("share.coordinator.state.topic.replication.factor", replicas),
        ("share.coordinator.state.topic.min.isr", in_sync.to_owned()),
    ]);
    all.extend(settings.properties.iter().map(|(name, value)| (name.as_str(), value.clone())));
    all.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// Warnings and worse, to standard output.
pub(super) const LOGS: &str = "\
rootLogger.level=warn
rootLogger.appenderRef.console.ref=CONSOLE
appender.console.type=Console
appender.console.name=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss,SSS} %p %c{1} %m%n
";

/// Java's own flags: a small heap, and the quick compiler only, which halves the time until a broker is ready.
pub(super) const JAVA: [&str; 6] =
    ["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"];

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [Ports; 3] =
        [Ports { clients: 1, controller: 2 }, Ports { clients: 3, controller: 4 }, Ports { clients: 5, controller: 6 }];

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|one| one == line)
    }

    #[test]
    fn three_brokers_replicate_three_times_and_need_two_in_sync() {
        let text = of_node(&KafkaSettings::default().brokers(3), &NODES, 2, "/data");
        for line in [
            "node.id=2",
            "default.replication.factor=3",
            "min.insync.replicas=2",
            "offsets.topic.replication.factor=3",
            "transaction.state.log.min.isr=2",
            "controller.quorum.voters=1@127.0.0.1:2,2@127.0.0.1:4,3@127.0.0.1:6",
            "listeners=PLAINTEXT://127.0.0.1:3,CONTROLLER://127.0.0.1:4",
        ] {
            assert!(has(&text, line), "{line} in\n{text}");
        }
    }

    #[test]
    fn one_broker_replicates_nothing() {
        let text = of_node(&KafkaSettings::default(), &NODES[..1], 1, "/data");
        assert!(has(&text, "offsets.topic.replication.factor=1") && has(&text, "min.insync.replicas=1"), "{text}");
    }

    #[test]
    fn a_property_of_the_users_replaces_ours() {
        let settings = KafkaSettings::default().property("group.initial.rebalance.delay.ms", "3000");
        let text = of_node(&settings, &NODES[..1], 1, "/data");
        assert!(has(&text, "group.initial.rebalance.delay.ms=3000") && !has(&text, "group.initial.rebalance.delay.ms=0"));
    }

    #[test]
    fn whatever_listens_does_so_on_loopback() {
        let text = of_node(&KafkaSettings::default(), &NODES[..1], 1, "/data");
        let listeners = text.lines().find_map(|line| line.strip_prefix("listeners=")).expect("it listens");
        assert!(listeners.split(',').all(|listener| listener.contains("://127.0.0.1:")), "{listeners}");
    }
}
