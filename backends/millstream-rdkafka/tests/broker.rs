//! The contract's clauses against a real broker, in both group protocols: the one that the test run offers, or, where a case does
//! something to the broker, one of the case's own. Without a broker every case is ignored, with that reason.
//!
//! `KAFKA_BOOTSTRAP_SERVERS` may be a URL too (`kafka://user:password@host:port?ssl.ca.location=…`).

mod common;

use common::proxy::{Fault, Proxy};
use common::{Wait, processes, wire};
use millstream_core::contract::{Capabilities, ConsumerRequest, DescribedTopic, Error, TopicPartition, Transport};
use millstream_core::topic::Topic;
use millstream_rdkafka::{GroupProtocol, NewTopic, Rdkafka, RdkafkaAdmin, RdkafkaConfig, RdkafkaConsumer, RdkafkaProducer};
use millstream_services::{Kafka, KafkaSettings, offered};
use millstream_testkit::conformance::{self, Act, Case, Excuse, Harness, Need, Pace, World};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

struct OnBroker(GroupProtocol);

/// How long a segment of a compacted topic is written to.
const SEGMENT: Duration = Duration::from_millis(50);

struct BrokerWorld {
    protocol: GroupProtocol,
    servers: String,
    kafka: Rdkafka,
    admin: RdkafkaAdmin,
    /// What no other case and no other run has.
    unique: String,
    own: Option<Own>,
    /// Whether topics are made to be compacted.
    compacts: bool,
}

/// A broker of a case's own, and the way on which clients reach it.
struct Own {
    kafka: Arc<Mutex<Kafka>>,
    proxy: Proxy,
}

impl Own {
    fn start() -> Self {
        let proxy = Proxy::new();
        // Clients are told where a broker is by itself.
        let advertised = format!("PLAINTEXT://127.0.0.1:{}", proxy.port());
        let kafka = KafkaSettings::default().property("advertised.listeners", &advertised);
        let kafka = kafka.property("log.cleaner.backoff.ms", "200").start();
        let mut kafka = kafka.expect("a broker of the case's own");
        proxy.leads_to(kafka.node_mut(1).address());
        Own { kafka: Arc::new(Mutex::new(kafka)), proxy }
    }

    fn servers(&self) -> String {
        self.kafka.lock().unwrap_or_else(PoisonError::into_inner).bootstrap_servers()
    }

    /// From now on the broker answers nobody, for so long.
    fn fall_silent(&self, time: Duration) {
        self.kafka.lock().unwrap_or_else(PoisonError::into_inner).node_mut(1).pause().expect("it runs");
        let kafka = self.kafka.clone();
        thread::spawn(move || {
            thread::sleep(time);
            kafka.lock().unwrap_or_else(PoisonError::into_inner).node_mut(1).resume().expect("it goes on");
        });
    }
}

/// Whether a case does something to its broker, or to what comes from there.
fn is_rough(case: &Case) -> bool {
    [Need::CommitFaults, Need::Silence, Need::Compaction].into_iter().any(|need| case.needs(need))
}

impl Harness for OnBroker {
    type World = BrokerWorld;

    async fn create(&self, case: &Case) -> BrokerWorld {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let own = if is_rough(case) { Some(blocking(Own::start).await) } else { None };
        let servers = match &own {
            Some(own) => own.servers(),
            None => offered::kafka().expect("cases without a broker are excused"),
        };
        let config = match servers.contains("://") {
            true => RdkafkaConfig::from_url(&servers).expect("a URL"),
            false => RdkafkaConfig::new(&*servers),
        };
        let kafka = config.group_protocol(self.0).build().expect("the settings are good");
        let admin = kafka.admin().await.expect("the cluster is there");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
        let world = WORLDS.fetch_add(1, Ordering::Relaxed);
        let slug: String = case.slug().chars().take(60).collect();
        let unique = format!("{slug}-{now}-{}-{world}", std::process::id());
        BrokerWorld { protocol: self.0, servers, kafka, admin, unique, own, compacts: case.needs(Need::Compaction) }
    }

    fn excuse(&self, case: &Case) -> Option<Excuse> {
        let absent = if is_rough(case) { processes().err() } else { offered::kafka().err().map(String::from) };
        if let Some(absent) = absent {
            return Some(absent.into());
        }
        let eager = matches!(case.name, "epochs_rise_and_end_exactly_once" | "a_pause_does_not_outlive_a_rebalance");
        (eager && self.0 == GroupProtocol::Consumer).then(|| "the `consumer` protocol has no eager mode".into())
    }

    fn pace(&self) -> Pace {
        Pace::real().patience(Duration::from_secs(45)).deadline(Duration::from_secs(240))
    }
}

/// A client; on a broker of a case's own one that does not wait long for answers, of which several get lost in a row.
struct Client {
    kafka: Rdkafka,
    hasty: bool,
}

impl Transport for Client {
    type Producer = RdkafkaProducer;
    type Consumer = RdkafkaConsumer;

    fn capabilities(&self) -> Capabilities {
        self.kafka.capabilities()
    }

    async fn producer(&self) -> Result<RdkafkaProducer, Error> {
        self.kafka.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<RdkafkaConsumer, Error> {
        // An answer is waited for half as long as a revocation may take.
        let budget = request.revoke_budget.min(if self.hasty { Duration::from_secs(6) } else { Duration::MAX });
        self.kafka.consumer(request.revoke_budget(budget)).await
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        self.kafka.describe(topics).await
    }
}

impl World for BrokerWorld {
    type Transport = Client;

    async fn transport(&self) -> Client {
        Client { kafka: self.kafka.clone(), hasty: self.own.is_some() }
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
        match (act, &self.own) {
            (Act::Trim { place, before }, _) => self.admin.trim(place, before).await.expect("the broker drops records"),
            (Act::Recreate { topic }, _) => {
                let partitions = self.count(topic).await.expect("the case has made it");
                self.admin.delete(std::slice::from_ref(topic)).await.expect("the broker deletes topics");
                self.make(topic, partitions).await;
            }
            (Act::Gap { place }, _) => self.mark(place).await?,
            (Act::Expire { group, client_id }, _) => {
                let (server, group, client_id) = (self.plain()?, group.to_owned(), client_id.to_owned());
                let expel = if self.protocol == GroupProtocol::Classic { wire::expel } else { wire::expel_lone };
                blocking(move || expel(&server, &group, &client_id)).await;
            }
            (Act::StaleCommit { .. }, Some(own)) => own.proxy.next(Fault::Stale),
            (Act::UnknownCommit { written, .. }, Some(own)) => {
                own.proxy.next(if written { Fault::Unanswered } else { Fault::Lost });
            }
            // For longer than the case waits for who asks it.
            (Act::Silence { .. }, Some(own)) => own.fall_silent(Pace::real().session + Duration::from_secs(1)),
            (Act::FailSend { .. } | Act::UnknownSend { .. }, _) => {
                return Err("librdkafka sends again by itself what passes, idempotently: no caller hears of it".into());
            }
            (Act::Truncate { .. }, _) => {
                return Err("a broker cuts no log off whose only leader it is: that takes an unclean election".into());
            }
            (Act::Compact { topic }, Some(own)) => self.compact(topic, own).await,
            (act, _) => return Err(act.unsupported()),
        }
        Ok(())
    }
}

fn quickly_compacted(topic: NewTopic) -> NewTopic {
    let topic = topic.compacted().set("segment.ms", SEGMENT.as_millis().to_string());
    topic.set("min.cleanable.dirty.ratio", "0.01")
}

/// What `work` answers, which waits for a broker, without holding up the clients of the case.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the broker does it")
}

impl BrokerWorld {
    /// One of the servers, to whom anybody may say anything.
    fn plain(&self) -> Result<String, Excuse> {
        let server = self.servers.split(',').next().filter(|server| !server.contains("://"));
        server.map(str::to_owned).ok_or_else(|| "the harness speaks to brokers in the open only".into())
    }

    /// Closes the segment that is written to, and waits until the cleaner has been there. The topic has one partition.
    async fn compact(&self, topic: &Topic, own: &Own) {
        let folder = own.kafka.lock().unwrap_or_else(PoisonError::into_inner).folder().to_owned();
        let segment = folder.join(format!("data-1/{topic}-0/00000000000000000000.log"));
        let size = || std::fs::metadata(&segment).map(|of| of.len());
        let before = size().expect("the log's first segment");
        tokio::time::sleep(SEGMENT * 4).await;
        let place = TopicPartition::new(topic.clone(), 0);
        self.mark(&place).await.expect("the broker is plain");
        Wait::within(Duration::from_secs(40), "the cleaner", async || {
            // In between, when the cleaner puts a smaller file in its place, there is none.
            size().is_ok_and(|size| size < before)
        })
        .await;
    }

    /// Lets a transaction's marker take the partition's next offset.
    async fn mark(&self, place: &TopicPartition) -> Result<(), Excuse> {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", self.unique, MARKS.fetch_add(1, Ordering::Relaxed));
        let (server, topic, partition) = (self.plain()?, place.topic.clone(), place.partition);
        blocking(move || wire::mark(&server, &name, topic.as_str(), partition)).await;
        Ok(())
    }

    /// Creates a topic and waits until it can be used.
    async fn make(&self, topic: &Topic, partitions: u32) {
        let new = NewTopic::new(topic.clone(), partitions);
        let new = [if self.compacts { quickly_compacted(new) } else { new }];
        let (mut made, mut lost) = (false, false);
        let is_made = async || {
            if !made {
                match self.admin.create(&new).await {
                    // A topic of that name may be about to be deleted; or it was made by a request whose answer was lost.
                    Ok(answer) => made = answer == [true] || lost,
                    Err(error) if error.is_retriable() => lost = true,
                    Err(error) => panic!("the broker creates no topics: {error}"),
                }
            }
            made && self.count(topic).await == Some(partitions)
        };
        Wait::within(Duration::from_secs(30), "the topic", is_made).await;
    }

    async fn count(&self, topic: &Topic) -> Option<u32> {
        let described = self.admin.describe(std::slice::from_ref(topic)).await.ok()?;
        described[topic].as_ref().map(|topic| topic.partitions)
    }
}

fn main() -> ExitCode {
    let classic = conformance::transport(OnBroker(GroupProtocol::Classic)).named("classic");
    let both = classic.and(conformance::transport(OnBroker(GroupProtocol::Consumer)).named("consumer"));
    // Most of a case is waiting. More brokers of their own than that are too much for a small machine.
    both.at_a_time(6).run()
}
