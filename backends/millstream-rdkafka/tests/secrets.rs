//! A secret is planted in every setting that can hold one, and all that can be said is said, as loudly as can be: librdkafka with
//! `debug=all`, logs at trace level, every `Debug`, every error, a panic over one, what is in effect, metrics. None may show it.
//!
//! It is said by a process of its own, so that nothing escapes that goes by the logs, as librdkafka's own lines to standard error.

mod common;

use common::{Mock, Wait};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use millstream::prelude::*;
use millstream_core::contract::{Consumer, ConsumerRequest, Producer, ProducerExt, Record, TransportExt};
use millstream_rdkafka::{NewTopic, Rdkafka, RdkafkaConfig, Sasl, Secret, Token};
use millstream_services::{KafkaSettings, offered};
use std::fmt::Debug;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Says to the process that it is the one that speaks.
const SPEAKER: &str = "MILLSTREAM_SAYS_EVERYTHING";
/// Names a broker that asks who one is, if there is one.
const SECURED: &str = "MILLSTREAM_SECURED_BROKER";
/// What each planted secret begins with. It is a word in the alphabet of tokens.
const PLANTED: &str = "pl4nted";
/// So that the ears are not deaf: something that must be heard.
const HEARD: &str = "all of it was said";

/// Settings that may hold secrets, as librdkafka has them.
const SETTINGS: [&str; 16] = [
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.key.location",
    "ssl.certificate.pem",
    "ssl.ca.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.jaas.config",
    "sasl.kerberos.kinit.cmd",
    // A mistake of somebody's: librdkafka has no such setting.
    "sasl.passwort",
];

/// How often librdkafka has said that something is wrong, and how often Millstream has.
static COMPLAINTS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
const LIBRDKAFKA: usize = 0;
const MILLSTREAM: usize = 1;

/// Standard error, a whole line at a time.
struct Mouth;

impl Write for Mouth {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if text.contains(" WARN") || text.contains("ERROR") {
            let who = if text.contains("millstream_core") { MILLSTREAM } else { LIBRDKAFKA };
            COMPLAINTS[who].fetch_add(1, Ordering::Relaxed);
        }
        std::io::stderr().write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// A secret of its own for whatever holds it, so that the one that leaks is known.
fn planted(holder: &str) -> String {
    format!("{PLANTED}-{}", holder.replace('.', "-"))
}

/// All settings that make librdkafka say the most.
fn loud(servers: &str) -> RdkafkaConfig {
    RdkafkaConfig::new(servers).set("debug", "all")
}

fn show(what: &str, value: &dyn Debug) {
    tracing::info!("{what}: {value:?} {value:#?}");
}

/// Says an error in all the ways in which one is said.
fn tell(what: &str, error: &Error) {
    tracing::error!("{what}: {error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        tracing::error!("because of {cause} {cause:?}");
        source = cause.source();
    }
    let _ = catch_unwind(AssertUnwindSafe(|| panic!("{what}: {error:?}")));
}

/// The client, or what is wrong with its settings.
fn made(what: &str, config: RdkafkaConfig) -> Option<Rdkafka> {
    show(what, &config);
    let made = config.build();
    let kafka = made.map_err(|error| tell(what, &error)).ok()?;
    show(what, &kafka);
    show(what, &millstream::contract::AnyTransport::new(kafka.clone()));
    let reading = ConsumerRequest::new("desk.orders", vec![Topic::literal("shared.orders")]);
    for effective in [kafka.effective_producer(), kafka.effective_consumer(&reading)] {
        match effective {
            Ok(effective) => show(what, &effective),
            Err(error) => tell(what, &error),
        }
    }
    Some(kafka)
}

/// Uses a client for all that it can do, for a while.
async fn used(what: &str, kafka: &Rdkafka) {
    let topic = Topic::literal("shared.orders");
    let short = Duration::from_millis(1_500);
    let all = async {
        let trouble = |error: Error| tell(what, &error);
        match kafka.admin().await {
            Ok(admin) => {
                show(what, &admin);
                let _ = tokio::time::timeout(short, admin.describe(std::slice::from_ref(&topic)))
                    .await
                    .map(|done| done.map_err(trouble));
                let new = [NewTopic::new(topic.clone(), 1)];
                let _ = tokio::time::timeout(short, admin.create(&new)).await.map(|done| done.map_err(trouble));
            }
            Err(error) => tell(what, &error),
        }
        match kafka.producer().await {
            Ok(producer) => {
                let _ = tokio::time::timeout(short, producer.partitions(&topic)).await.map(|done| done.map_err(trouble));
                let record = Record::new(topic.clone(), "key", "value").to_partition(0);
                let _ = tokio::time::timeout(short, producer.send_one(record)).await.map(|done| done.map_err(trouble));
            }
            Err(error) => tell(what, &error),
        }
        match kafka.consumer(ConsumerRequest::new("desk.orders", vec![topic.clone()])).await {
            Ok(mut consumer) => {
                for _ in 0..20 {
                    let Ok(event) = tokio::time::timeout(Duration::from_millis(200), consumer.poll()).await else { continue };
                    show(what, &event);
                }
                let _ = tokio::time::timeout(short, consumer.close(millstream::contract::Close::Leave(short))).await;
            }
            Err(error) => tell(what, &error),
        }
        let _ = tokio::time::timeout(short, kafka.reader("desk.orders", std::slice::from_ref(&topic)))
            .await
            .map(|read| read.map(drop).map_err(trouble));
    };
    // Whoever is turned away tries for ever.
    let _ = tokio::time::timeout(Duration::from_secs(5), all).await;
}

/// Runs a whole service that does not get far: until one of the two has said why.
async fn served(what: &str, kafka: Rdkafka, who: usize) {
    async fn quiet(_: RawEvent<'_>) {}
    let service = StreamServiceBuilder::new("desk", kafka).add_producer().with_metrics();
    let service = service.add_consumer_handler(Topic::literal("shared.orders"), "desk.orders", quiet);
    let service = match service.build() {
        Ok(service) => service,
        Err(error) => return tell(what, &error),
    };
    show(what, &service);
    let handle = service.handle();
    let before = COMPLAINTS[who].load(Ordering::Relaxed);
    let running = tokio::spawn(service.run());
    // Then the secret was on its way, or would have been.
    let complains = async || COMPLAINTS[who].load(Ordering::Relaxed) > before || running.is_finished();
    Wait::until("a complaint", complains).await;
    show(what, &handle.health());
    show(what, &handle.account());
    handle.stop();
    match tokio::time::timeout(Duration::from_secs(40), running).await {
        Ok(Ok(Err(error))) => tell(what, &error),
        ended => show(what, &ended.is_ok()),
    }
}

fn sasls() -> Vec<(&'static str, Sasl)> {
    let user = || "ann".to_owned();
    let password = |holder: &str| Secret::new(planted(holder));
    vec![
        ("plain", Sasl::Plain { user: user(), password: password("plain") }),
        ("scram-256", Sasl::Scram256 { user: user(), password: password("scram-256") }),
        ("scram-512", Sasl::Scram512 { user: user(), password: password("scram-512") }),
        ("token", Sasl::oauth_bearer(|| async { Ok(Token::new(planted("token"), "ann", i64::MAX)) })),
        // No token may hold such a byte, and librdkafka says so.
        (
            "bad-token",
            Sasl::oauth_bearer(|| async { Ok(Token::new(format!("{} {}", planted("bad"), '\u{7f}'), "ann", i64::MAX)) }),
        ),
        ("ended-token", Sasl::oauth_bearer(|| async { Ok(Token::new(planted("ended"), "ann", 1)) })),
        ("panicking", Sasl::oauth_bearer(|| async { Err(format!("no token for {}", planted("setting")).into()) })),
    ]
}

/// Says everything.
async fn speak(secured: Option<String>) {
    let mock = Mock::new();
    mock.create_topic("orders", 1);
    let servers = mock.servers().to_owned();
    let prometheus = millstream::prometheus::Prometheus::install().expect("the only recorder");
    for setting in SETTINGS {
        // By a setting, by one that is taken and used, and by a URL.
        if let Some(kafka) = made(setting, loud(&servers).set(setting, planted(setting))) {
            used(setting, &kafka).await;
        }
        let url = format!("kafka://{servers}?debug=all&{setting}={}", planted(setting));
        drop(RdkafkaConfig::from_url(&url).map(|config| made(setting, config)).map_err(|error| tell(setting, &error)));
    }
    for (what, sasl) in sasls() {
        show(what, &sasl);
        // A broker that turns the client away, or, where there is none, one that knows of no logins.
        let to = secured.as_ref().unwrap_or(&servers);
        // What an error of a source says is cleaned of what was set.
        let config = loud(to).sasl(sasl).set("ssl.key.password", planted("setting"));
        let config = if to.starts_with("127.0.0.1") { config.danger_plaintext() } else { config };
        if let Some(kafka) = made(what, config) {
            used(what, &kafka).await;
            // Millstream complains when an answer has not come for ten seconds: once is enough.
            served(what, kafka, if what == "plain" { MILLSTREAM } else { LIBRDKAFKA }).await;
        }
    }
    for (what, config) in [
        ("sasl.password", loud(&servers).set("sasl.password", planted("password"))),
        ("enable.auto.commit", loud(&servers).set("enable.auto.commit", planted("commit"))),
        ("linger.ms", loud(&servers).set("ssl.key.password", planted("beside")).set("linger.ms", "never")),
    ] {
        drop(made(what, config));
    }
    for url in [
        format!("kafka://ann:{}@{servers}", planted("url")),
        format!("kafka://ann:{}@{servers}?mechanism=NTLM", planted("url")),
        format!("kafka://ann:{}@{servers}/topic", planted("url")),
        format!("kafka://ann:{}@:::", planted("url")),
        format!("kafka://{}@{servers}", planted("url")),
        format!("kafka://ann:{}@{servers}?preset={}", planted("url"), planted("url")),
    ] {
        match Rdkafka::open(&url) {
            Ok(kafka) => show("url", &kafka),
            Err(error) => tell("url", &error),
        }
        match millstream::contract::AnyTransport::open(&url) {
            Ok(transport) => show("url", &transport),
            Err(error) => tell("url", &error),
        }
    }
    // What the environment holds; see who started this process.
    match RdkafkaConfig::from_env() {
        Ok(config) => drop(made("environment", config.set("debug", "all"))),
        Err(error) => tell("environment", &error),
    }
    show("secret", &(Secret::new(planted("secret")), Token::new(planted("secret"), "ann", 0)));
    tracing::info!("{}", prometheus.render());
    tracing::info!("{HEARD}");
}

fn main() -> ExitCode {
    if std::env::var_os(SPEAKER).is_some() {
        tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).with_writer(|| Mouth).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(speak(std::env::var(SECURED).ok()));
        return ExitCode::SUCCESS;
    }
    let unserved = Trial::test("no_planted_secret_is_in_any_output", || hear(None));
    let turned_away = Trial::ignorable_test("no_planted_secret_is_in_any_output_of_who_is_turned_away", || {
        if let Err(absent) = offered::packages() {
            return Ok(Completion::ignored_with(absent));
        }
        let kafka = KafkaSettings::default().secured().start()?;
        let secured = kafka.secured().ok_or("it was asked for")?;
        hear(Some(&secured.sasl_plaintext)).map(|()| Completion::Completed)
    });
    libtest_mimic::run(&Arguments::from_args(), vec![unserved, turned_away]).exit_code()
}

/// Starts the one that speaks, and listens.
fn hear(secured: Option<&str>) -> Result<(), Failed> {
    let mut speaker = Command::new(std::env::current_exe()?);
    speaker.env(SPEAKER, "1").env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1").env("KAFKA_SASL_USERNAME", "ann");
    speaker.env("KAFKA_SASL_PASSWORD", planted("environment")).env("RUST_BACKTRACE", "1");
    if let Some(servers) = secured {
        speaker.env(SECURED, servers);
    }
    let said = speaker.output()?;
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !said.contains(HEARD) {
        return Err(format!("the speaker fell silent:\n{}", tail(&said)).into());
    }
    // Whatever is heard must have been as loud as it can be.
    for sound in ["librdkafka", "conf", "SASL", "millstream_core"] {
        if !said.contains(sound) {
            return Err(format!("nothing was heard of {sound}").into());
        }
    }
    let leaks: Vec<&str> = said.lines().filter(|line| line.contains(PLANTED)).collect();
    match leaks.len() {
        0 => Ok(()),
        count => {
            Err(format!("{count} lines of {} show a secret:\n{}", said.lines().count(), leaks[..count.min(20)].join("\n")).into())
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
