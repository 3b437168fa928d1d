//! SASL OAUTHBEARER against a broker of one's own that takes unsecured tokens, as Kafka does where nothing else is set.

mod common;

use common::{Wait, processes};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use millstream_core::contract::{
    Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Error, ErrorKind, ProducerExt, Record, Transport,
};
use millstream_core::topic::Topic;
use millstream_rdkafka::{NewTopic, Rdkafka, Sasl, Token};
use millstream_services::{Kafka, KafkaSettings};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TOPIC: Topic = Topic::literal("shared.orders");
/// How long a connection may live before its client proves again who it is.
const REAUTHENTICATE: &str = "4000";

fn main() -> ExitCode {
    let tests = [
        test("a_token_lets_producers_consumers_and_administration_in", let_in),
        test("a_token_that_has_ended_turns_the_client_away_with_the_reason", turned_away),
        test("a_token_is_asked_for_again_before_it_ends_and_work_goes_on", refreshed),
        test("a_source_that_has_no_token_for_a_while_is_told_of_and_then_work_goes_on", without),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests.into()).exit_code()
}

fn test<F: Future<Output = ()> + 'static>(name: &'static str, body: fn(String) -> F) -> Trial {
    Trial::ignorable_test(name, move || {
        if let Err(absent) = processes() {
            return Ok(Completion::ignored_with(absent));
        }
        let kafka = start().map_err(|error| Failed::from(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(body(kafka.bootstrap_servers()));
        Ok(Completion::Completed)
    })
}

fn start() -> Result<Kafka, millstream_services::Error> {
    let login =
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";";
    KafkaSettings::default()
        .property("listener.security.protocol.map", "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT")
        .property("sasl.enabled.mechanisms", "OAUTHBEARER")
        .property("sasl.mechanism.inter.broker.protocol", "OAUTHBEARER")
        .property("listener.name.plaintext.oauthbearer.sasl.jaas.config", login)
        .property("connections.max.reauth.ms", REAUTHENTICATE)
        .start()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// An unsecured token from `from` to `to`, in seconds since the Unix epoch.
fn text(from: u64, to: u64) -> String {
    let claims = format!(r#"{{"sub":"engine","iat":{from},"exp":{to}}}"#);
    format!("{}.{}.", base64(br#"{"alg":"none"}"#), base64(claims.as_bytes()))
}

fn token(from: u64, to: u64) -> Token {
    Token::new(text(from, to), "engine", i64::try_from(to * 1_000).expect("it is not that late"))
}

/// Base 64 for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let of = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |nth| char::from(LETTERS[(bits >> (18 - 6 * nth)) as usize & 63])).collect::<String>()
    };
    bytes.chunks(3).map(of).collect()
}

/// A cluster whose tokens live so long, and how many were asked for.
fn cluster(servers: &str, seconds: u64) -> (Rdkafka, Arc<AtomicU64>) {
    let asked: Arc<AtomicU64> = Arc::default();
    let count = asked.clone();
    let source = move || {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            // An identity provider takes its time.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(token(now() - 1, now() + seconds))
        }
    };
    let kafka = Rdkafka::builder(servers).sasl(Sasl::oauth_bearer(source)).build();
    (kafka.expect("the settings are good"), asked)
}

async fn made(kafka: &Rdkafka) -> Result<Vec<bool>, Error> {
    kafka.admin().await?.create(&[NewTopic::new(TOPIC, 1)]).await
}

async fn let_in(servers: String) {
    let (kafka, _) = cluster(&servers, 3_600);
    assert_eq!(made(&kafka).await.expect("it may"), [true]);
    Wait::until("the topic", async || kafka.producer().await.is_ok() && described(&kafka).await).await;
    let producer = kafka.producer().await.expect("it may");
    producer.send_one(Record::new(TOPIC, "key", "value").to_partition(0)).await.expect("it may");
    let mut consumer = kafka.consumer(ConsumerRequest::new("desk.orders", vec![TOPIC])).await.expect("it may");
    Wait::for_event(&mut consumer, |event| matches!(event, ConsumerEvent::Assigned(_))).await;
    consumer.close(Close::Leave(Duration::from_secs(10))).await.expect("it leaves");
}

async fn described(kafka: &Rdkafka) -> bool {
    let described = kafka.describe(&[TOPIC]).await;
    described.is_ok_and(|topics| topics[0].as_ref().is_some_and(|topic| topic.partitions == 1 && topic.retention.is_some()))
}

async fn turned_away(servers: String) {
    // The client takes it, since it believes that it will end later; the broker reads it.
    let ended = || async { Ok(Token::new(text(1, 2), "engine", i64::MAX)) };
    let kafka = Rdkafka::builder(&*servers).sasl(Sasl::oauth_bearer(ended)).build().expect("the settings are good");
    let error = made(&kafka).await.expect_err("its token has ended");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unauthorized, false), "{error}");
    assert!(!error.to_string().contains(&text(1, 2)), "{error}");
}

async fn refreshed(servers: String) {
    let (kafka, asked) = cluster(&servers, 10);
    made(&kafka).await.expect("it may");
    let producer = kafka.producer().await.expect("it may");
    let before = asked.load(Ordering::Relaxed);
    let mut sent = 0_u64;
    // A client asks again at four fifths of a token's life, and proves anew who it is before its connection ends.
    Wait::until("the next tokens, and work with them", async || {
        sent += 1;
        producer.send_one(Record::new(TOPIC, "key", sent.to_string()).to_partition(0)).await.expect("work goes on");
        asked.load(Ordering::Relaxed) >= before + 4
    })
    .await;
    assert!(sent > 10, "it went on meanwhile: {sent}");
}

async fn without(servers: String) {
    let down: Arc<AtomicBool> = Arc::default();
    let is_down = down.clone();
    let source = move || {
        let down = is_down.load(Ordering::Relaxed);
        async move { if down { Err("the identity provider is down".into()) } else { Ok(token(now() - 1, now() + 8)) } }
    };
    let kafka = Rdkafka::builder(servers).sasl(Sasl::oauth_bearer(source)).build().expect("the settings are good");
    made(&kafka).await.expect("it may");
    Wait::until("the topic", async || described(&kafka).await).await;
    let producer = kafka.producer().await.expect("it may");
    let mut consumer = kafka.consumer(ConsumerRequest::new("desk.orders", vec![TOPIC])).await.expect("it may");
    Wait::for_event(&mut consumer, |event| matches!(event, ConsumerEvent::Assigned(_))).await;
    down.store(true, Ordering::Relaxed);
    let told = |event: &ConsumerEvent| matches!(event, ConsumerEvent::Degraded(error) if error.kind() == ErrorKind::Unauthorized);
    Wait::for_event(&mut consumer, told).await;
    // Past the end of the last token, so that nobody is let in any more.
    tokio::time::sleep(Duration::from_secs(10)).await;
    down.store(false, Ordering::Relaxed);
    consumer.submit(Command::Confirm);
    Wait::for_event(&mut consumer, |event| matches!(event, ConsumerEvent::Confirmed)).await;
    producer.send_one(Record::new(TOPIC, "key", "value").to_partition(0)).await.expect("work goes on");
    consumer.close(Close::Leave(Duration::from_secs(10))).await.expect("it leaves");
}
