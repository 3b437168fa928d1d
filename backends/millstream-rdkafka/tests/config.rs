//! Settings as librdkafka has them in effect: what is forced, what is refused, and what is never shown. No server is needed.

use millstream_core::contract::{ConsumerRequest, Error, ErrorKind, Protocol, TopicPartition, Transport};
use millstream_rdkafka::{GroupProtocol, Preset, Rdkafka, RdkafkaConfig, Sasl};
use std::time::Duration;

const SECRET: &str = "hunter2-is-no-word";

fn refused(config: RdkafkaConfig) -> Error {
    config.build().expect_err("it is refused")
}

fn request() -> ConsumerRequest {
    ConsumerRequest::new("a-group", vec!["shared.a".parse().expect("a topic")])
}

fn scram() -> Sasl {
    Sasl::Scram256 { user: "ann".into(), password: SECRET.into() }
}

#[test]
fn unsafe_defaults_are_off_in_effect() {
    let kafka = Rdkafka::new("localhost:9092").expect("good defaults");
    let producer = kafka.effective_producer().expect("it can be read");
    for (name, value) in [("enable.idempotence", "true"), ("acks", "-1"), ("message.timeout.ms", "0")] {
        assert_eq!(producer.get(name).map(String::as_str), Some(value), "{name}");
    }
    let consumer = kafka.effective_consumer(&request()).expect("it can be read");
    for (name, value) in [
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("isolation.level", "read_committed"),
        ("check.crcs", "true"),
        ("enable.partition.eof", "true"),
        ("allow.auto.create.topics", "false"),
    ] {
        assert_eq!(consumer.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn an_override_of_what_is_safe_is_refused_with_the_reason() {
    let error = refused(Rdkafka::builder("localhost:9092").set("enable.auto.commit", "true"));
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.context().contains("an offset moves after its record is settled"), "{error}");
    let error = refused(Rdkafka::builder("localhost:9092").set("acks", "1"));
    assert!(error.context().contains("all replicas in sync"), "{error}");
}

#[test]
fn the_network_is_encrypted_unless_it_is_this_machine() {
    let protocol = |config: RdkafkaConfig| {
        let kafka = config.build().expect("it is taken");
        kafka.effective_producer().expect("it can be read")["security.protocol"].clone()
    };
    assert_eq!(protocol(Rdkafka::builder("kafka:9092")), "ssl");
    assert_eq!(protocol(Rdkafka::builder("kafka:9092").sasl(scram())), "sasl_ssl");
    assert_eq!(protocol(Rdkafka::builder("localhost:9092,kafka:9092")), "ssl", "one that is away is enough");
    assert_eq!(protocol(Rdkafka::builder("localhost:9092")), "plaintext");
    assert_eq!(protocol(Rdkafka::builder("127.0.0.1:9092").sasl(scram())), "sasl_plaintext");
    assert_eq!(protocol(Rdkafka::builder("kafka:9092").danger_plaintext()), "plaintext");
    let verified = Rdkafka::new("kafka:9092").expect("good defaults").effective_producer().expect("it can be read");
    assert!(!verified.contains_key("enable.ssl.certificate.verification"), "librdkafka's default, which is to verify");
}

#[test]
fn no_secret_is_in_any_output() {
    let config =
        Rdkafka::builder("kafka:9092").sasl(scram()).set("ssl.key.password", SECRET).set("sasl.oauthbearer.config", SECRET);
    let mut seen = format!("{config:?} {:?}", scram());
    let kafka = config.build().expect("it is taken");
    seen.push_str(&format!("{kafka:?} {:?}", kafka.effective_producer()));
    seen.push_str(&format!("{:?}", kafka.effective_consumer(&request())));
    // librdkafka repeats a value that it refuses.
    for name in ["sasl.oauthbearer.method", "linger.ms", "no.such.password", "ssl.key.pem", "ssl.ca.certificate.stores"] {
        let config = Rdkafka::builder("kafka:9092").sasl(scram()).set(name, SECRET);
        match config.build() {
            Ok(kafka) => seen.push_str(&format!("{kafka:?}")),
            Err(error) if name == "linger.ms" || name.starts_with("sasl.oauthbearer.method") || name.contains("stores") => {
                // Names that hold no secret are shown with what is wrong; the password is not, though it is the same text.
                seen.push_str(&format!("{error:?}"));
            }
            Err(error) => seen.push_str(&format!("{error:?} {error}")),
        }
    }
    assert!(!seen.contains(SECRET), "{seen}");
}

#[test]
fn every_preset_is_taken_by_librdkafka() {
    for preset in [Preset::LowLatency, Preset::Throughput, Preset::Durable] {
        let kafka = Rdkafka::builder("localhost:9092").preset(preset).build().expect("it is taken");
        let (producer, consumer) = (kafka.effective_producer(), kafka.effective_consumer(&request()));
        let (producer, consumer) = (producer.expect("it can be read"), consumer.expect("it can be read"));
        for (settings, effective) in [(preset.producer(), producer), (preset.consumer(), consumer)] {
            for setting in settings {
                assert!(effective.contains_key(setting.name), "{preset:?} {}", setting.name);
            }
        }
    }
}

#[test]
fn what_the_user_says_goes_before_a_preset_and_behind_what_is_forced() {
    let kafka = Rdkafka::builder("localhost:9092").preset(Preset::Throughput).set("linger.ms", "7").set("acks", "all").build();
    let producer = kafka.expect("it is taken").effective_producer().expect("it can be read");
    assert_eq!((producer["linger.ms"].as_str(), producer["acks"].as_str()), ("7", "-1"));
    let error = refused(Rdkafka::builder("localhost:9092").set("liger.ms", "7"));
    assert!(error.context().contains("liger.ms"), "{error}");
}

#[test]
fn the_protocol_of_a_request_is_that_of_the_group() {
    let of = |protocol, asked| {
        let kafka = Rdkafka::builder("localhost:9092").group_protocol(protocol).build().expect("it is taken");
        kafka.effective_consumer(&request().protocol(asked).session_timeout(Duration::from_secs(12)))
    };
    let eager = of(GroupProtocol::Classic, Protocol::Eager).expect("it can be read");
    assert_eq!((eager["partition.assignment.strategy"].as_str(), eager["session.timeout.ms"].as_str()), ("range", "12000"));
    let cooperative = of(GroupProtocol::Classic, Protocol::Cooperative).expect("it can be read");
    assert_eq!(cooperative["partition.assignment.strategy"], "cooperative-sticky");
    let consumer = of(GroupProtocol::Consumer, Protocol::Cooperative).expect("it can be read");
    assert_eq!(consumer["group.protocol"], "consumer");
    assert!(!consumer.contains_key("session.timeout.ms") && !consumer.contains_key("partition.assignment.strategy"));
    assert_eq!(of(GroupProtocol::Consumer, Protocol::Eager).expect_err("it has none").kind(), ErrorKind::Unsupported);
}

#[test]
fn a_reader_without_a_group_commits_under_none() {
    let kafka = Rdkafka::new("localhost:9092").expect("good defaults");
    let place = TopicPartition::new("shared.a".parse().expect("a topic"), 0);
    let consumer = kafka.effective_consumer(&ConsumerRequest::assigned(vec![place])).expect("it can be read");
    assert_ne!(consumer["group.id"], "");
    assert!(!consumer.contains_key("group.instance.id"));
}

#[tokio::test]
async fn a_member_without_a_group_or_a_topic_is_refused() {
    let kafka = Rdkafka::new("localhost:1").expect("good defaults");
    let refused = kafka.consumer(ConsumerRequest::new("", vec!["shared.a".parse().expect("a topic")])).await;
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::Invalid));
    let refused = kafka.consumer(ConsumerRequest::new("group", Vec::new())).await;
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::Invalid));
}
