//! Owns what a broker is told: its properties, and its logs'.

use super::secured::{self, Secrets};
use std::collections::BTreeMap;

/// The ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) clients: u16,
    pub(super) controller: u16,
    pub(super) secured: Option<[u16; secured::PORTS]>,
}

impl Ports {
    /// How many a node takes.
    pub(super) fn count(secured: bool) -> usize {
        if secured { 2 + secured::PORTS } else { 2 }
    }

    /// Of so many.
    pub(super) fn of(found: &[u16]) -> Self {
        Self { clients: found[0], controller: found[1], secured: found[2..].try_into().ok() }
    }
}

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

/// Properties of one node, as its file has them; the user's win.
pub(super) fn of_node(
    nodes: &[Ports],
    id: usize,
    data: &str,
    secrets: Option<&Secrets>,
    users: &BTreeMap<String, String>,
) -> String {
    let own = nodes[id - 1];
    let mut listeners =
        vec![format!("PLAINTEXT://127.0.0.1:{}", own.clients), format!("CONTROLLER://127.0.0.1:{}", own.controller)];
    let mut protocols = vec!["PLAINTEXT:PLAINTEXT".to_owned(), "CONTROLLER:PLAINTEXT".to_owned()];
    if let Some(ports) = own.secured {
        let (more, theirs) = Secrets::listeners(ports);
        listeners.extend(more);
        protocols.extend(theirs);
    }
    let replicas = nodes.len().to_string();
    let in_sync = if nodes.len() > 1 { "2" } else { "1" };
    let voters = (1..).zip(nodes).map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller)).collect::<Vec<_>>();
    let secured = secrets.map(Secrets::properties).unwrap_or_default();
    let mut all: BTreeMap<&str, String> = COMMON.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    all.extend([
        ("node.id", id.to_string()),
        ("controller.quorum.voters", voters.join(",")),
        ("listeners", listeners.join(",")),
        ("listener.security.protocol.map", protocols.join(",")),
        ("log.dirs", data.to_owned()),
        ("default.replication.factor", replicas.clone()),
        ("min.insync.replicas", in_sync.to_owned()),
        ("offsets.topic.replication.factor", replicas.clone()),
        ("transaction.state.log.replication.factor", replicas.clone()),
        ("transaction.state.log.min.isr", in_sync.to_owned()),
        ("share.coordinator.state.topic.replication.factor", replicas),
        ("share.coordinator.state.topic.min.isr", in_sync.to_owned()),
    ]);
    all.extend(secured.iter().chain(users).map(|(name, value)| (name.as_str(), value.clone())));
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

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [Ports; 3] = [
        Ports { clients: 1, controller: 2, secured: None },
        Ports { clients: 3, controller: 4, secured: None },
        Ports { clients: 5, controller: 6, secured: None },
    ];

    fn alone(users: &BTreeMap<String, String>) -> String {
        of_node(&NODES[..1], 1, "/data", None, users)
    }

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|one| one == line)
    }

    #[test]
    fn three_brokers_replicate_three_times_and_need_two_in_sync() {
        let text = of_node(&NODES, 2, "/data", None, &BTreeMap::new());
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
        let text = alone(&BTreeMap::new());
        assert!(has(&text, "offsets.topic.replication.factor=1") && has(&text, "min.insync.replicas=1"), "{text}");
    }

    #[test]
    fn a_property_of_the_users_replaces_ours() {
        let users = BTreeMap::from([("group.initial.rebalance.delay.ms".to_owned(), "3000".to_owned())]);
        let text = alone(&users);
        assert!(has(&text, "group.initial.rebalance.delay.ms=3000") && !has(&text, "group.initial.rebalance.delay.ms=0"));
    }

    #[test]
    fn whatever_listens_does_so_on_loopback() {
        let secured = Ports::of(&[1, 2, 3, 4, 5]);
        let text = of_node(&[secured], 1, "/data", None, &BTreeMap::new());
        let listeners = text.lines().find_map(|line| line.strip_prefix("listeners=")).expect("it listens");
        assert_eq!(listeners.split(',').count(), Ports::count(true));
        assert!(listeners.split(',').all(|listener| listener.contains("://127.0.0.1:")), "{listeners}");
    }
}
