//! The contract's clauses against a real broker, in both group protocols. `KAFKA_BOOTSTRAP_SERVERS` says where it is, as
//! servers or as a URL (`kafka://user:password@host:port?ssl.ca.location=…`); without it every case is ignored, with that reason.

use millstream_core::topic::Topic;
use millstream_rdkafka::{GroupProtocol, NewTopic, Rdkafka, RdkafkaAdmin, RdkafkaConfig};
use millstream_testkit::conformance::{self, Act, Case, Excuse, Harness, Pace, World};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

struct OnBroker(GroupProtocol);

struct BrokerWorld {
    kafka: Rdkafka,
    admin: RdkafkaAdmin,
    /// What no other case and no other run has.
    unique: String,
}

impl Harness for OnBroker {
    type World = BrokerWorld;

    async fn create(&self, case: &Case) -> BrokerWorld {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let servers = std::env::var(SERVERS).expect("cases without a broker are excused");
        let config = match servers.contains("://") {
            true => RdkafkaConfig::from_url(&servers).expect("a URL"),
            false => RdkafkaConfig::new(servers),
        };
        let kafka = config.group_protocol(self.0).build().expect("the settings are good");
        let admin = kafka.admin().await.expect("the cluster is there");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
        let world = WORLDS.fetch_add(1, Ordering::Relaxed);
        let slug: String = case.slug().chars().take(60).collect();
        BrokerWorld { kafka, admin, unique: format!("{slug}-{now}-{}-{world}", std::process::id()) }
    }

    fn excuse(&self, case: &Case) -> Option<Excuse> {
        if std::env::var_os(SERVERS).is_none() {
            return Some(Excuse::from(format!("{SERVERS} names no broker")));
        }
        let eager = matches!(case.name, "epochs_rise_and_end_exactly_once" | "a_pause_does_not_outlive_a_rebalance");
        (eager && self.0 == GroupProtocol::Consumer).then(|| "the `consumer` protocol has no eager mode".into())
    }

    fn pace(&self) -> Pace {
        Pace::real().patience(Duration::from_secs(45)).deadline(Duration::from_secs(240))
    }
}

impl World for BrokerWorld {
    type Transport = Rdkafka;

    async fn transport(&self) -> Rdkafka {
        self.kafka.clone()
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        let topic: Topic = format!("shared.{name}-{}", self.unique).parse().expect("cases name topics well");
        self.make(&topic, partitions).await;
        topic
    }

    fn group(&self, name: &str) -> String {
        format!("{name}-{}", self.unique)
    }

    async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        match act {
            Act::Trim { place, before } => {
                self.admin.trim(place, before).await.expect("the broker drops records");
                Ok(())
            }
            Act::Recreate { topic } => {
                let described = self.admin.describe(std::slice::from_ref(topic)).await.expect("the broker answers");
                let partitions = described[topic].as_ref().expect("the case has made it").partitions;
                self.admin.delete(std::slice::from_ref(topic)).await.expect("the broker deletes topics");
                self.make(topic, partitions).await;
                Ok(())
            }
            Act::Gap { .. } => Err("a transaction's marker never comes alone: it takes a record along".into()),
            Act::FailSend { .. } | Act::UnknownSend { .. } => {
                Err("librdkafka sends again by itself what passes, idempotently: no caller hears of it".into())
            }
            act => Err(act.unsupported()),
        }
    }
}

impl BrokerWorld {
    /// Creates a topic and waits until it can be used.
    async fn make(&self, topic: &Topic, partitions: u32) {
        loop {
            // A topic of that name may be about to be deleted.
            let created =
                self.admin.create(&[NewTopic::new(topic.clone(), partitions)]).await.expect("the broker creates topics");
            if created == [true] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let made = async {
            while self.count(topic).await != Some(partitions) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), made).await.expect("the topic is there in time");
    }

    async fn count(&self, topic: &Topic) -> Option<u32> {
        let described = self.admin.describe(std::slice::from_ref(topic)).await.ok()?;
        described[topic].as_ref().map(|topic| topic.partitions)
    }
}

fn main() -> ExitCode {
    let classic = conformance::transport(OnBroker(GroupProtocol::Classic)).named("classic");
    classic.and(conformance::transport(OnBroker(GroupProtocol::Consumer)).named("consumer")).run()
}
