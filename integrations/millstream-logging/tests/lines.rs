//! Lines as they are written, in both formats.

use millstream::contract::{Producer, ProducerExt};
use millstream::prelude::*;
use millstream_logging::{LogFormat, layer};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic under it").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that `work` writes.
async fn lines(format: LogFormat, work: impl AsyncFnOnce()) -> Vec<String> {
    let written = Written::default();
    let writer = written.clone();
    let _guard =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer(format, false, move || writer.clone())));
    work().await;
    let bytes = written.0.lock().expect("no panic under it").clone();
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.split_terminator('\n').map(str::to_owned).collect()
}

async fn hostile() {
    tracing::warn!(key = "a\r\nb\u{1b}[2J", quoted = r#"x "y" = z"#, number = 7_u64, "one\ntwo\u{1b}[31m\u{202e}");
}

#[tokio::test]
async fn a_human_line_stays_one_line_and_steers_no_terminal() {
    let lines = lines(LogFormat::Human, hostile).await;
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
    let (_, rest) = line.split_once("WARN lines: ").expect("level and target");
    assert_eq!(rest, r#"one\ntwo\u{1b}[31m\u{202e} key=a\r\nb\u{1b}[2J number=7 quoted="x "y" = z""#);
}

#[tokio::test]
async fn a_json_line_is_one_object_with_its_stable_fields() {
    let lines = lines(LogFormat::Json, hostile).await;
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((&line["level"], &line["target"]), (&"WARN".into(), &"lines".into()));
    assert_eq!(line["message"], "one\ntwo\u{1b}[31m\u{202e}");
    assert_eq!(line["fields"], serde_json::json!({ "key": "a\r\nb\u{1b}[2J", "quoted": r#"x "y" = z"#, "number": 7 }));
    let time = line["timestamp"].as_str().expect("a time");
    assert!(time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
}

#[tokio::test(start_paused = true)]
async fn a_handlers_line_says_which_record_it_is_about() {
    let written = async |format| {
        lines(format, async || {
            let memory = Memory::new();
            let service = StreamServiceBuilder::new("desk", memory.clone())
                .add_consumer_handler("paper.orders.new", "desk.orders", async |_: Event<u64>| {
                    tracing::info_span!("mine", step = 1).in_scope(|| tracing::info!(price = 3, "a fill"));
                })
                .build()
                .expect("a valid service");
            let envelope = EventEnvelope::new(EventId::v7(1, 1), "order", Timestamp::from_millis(1), "test", 7_u64);
            let record = Record::new("paper.orders.new".parse().expect("a topic"), "account", envelope.to_json().expect("JSON"))
                .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
            let producer = Transport::producer(&memory).await.expect("a producer");
            producer.send_all(vec![record]).await.expect("topics are known");
            producer.flush(Duration::from_secs(1)).await.expect("all is there");
            let handle = service.handle();
            let running = tokio::spawn(service.run());
            while handle.account().total().settled() < 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            handle.stop();
            running.await.expect("no panic").expect("a clean end");
        })
        .await
    };
    let id = EventId::v7(1, 1).to_string();
    let json = written(LogFormat::Json).await;
    let line = json.iter().find(|line| line.contains("a fill")).expect("the handler's line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["correlation_id"], id);
    assert_eq!(line["message_id"], id);
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&line["topic"], &line["offset"]), (&"paper.orders.new".into(), &0.into()));
    assert!(line["partition"].is_string());
    assert_eq!(line["spans"][1], serde_json::json!({ "name": "mine", "step": 1 }));
    let human = written(LogFormat::Human).await;
    let line = human.iter().find(|line| line.contains("a fill")).expect("the handler's line");
    for part in [format!("correlation_id={id}"), "topic=paper.orders.new".into(), "offset=0".into(), "price=3".into()] {
        assert!(line.contains(&part), "{part} in {line}");
    }
}

#[test]
fn a_format_that_does_not_exist_is_refused_with_those_that_do() {
    let error = "xml\u{1b}".parse::<LogFormat>().expect_err("no format").to_string();
    assert!(error.contains(r"`xml\u{1b}`") && error.contains("write `human` or `json`"), "{error}");
}
