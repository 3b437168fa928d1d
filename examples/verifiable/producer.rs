//! The producer: numbered messages at a pace, each told with its receipt or why there is none.
//!
//! Owns numbers, pace and account. It is no service, for nothing is consumed: it uses a transport's producer directly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream::contract::{Error, ErrorKind, Operation, Producer, ProducerExt, Receipt, TryAgain};
use millstream::prelude::*;
use serde_json::json;
use tokio::time::Instant;

use crate::cli::ProducerFlags;
use crate::consumer::ID;
use crate::lines::{Lines, text};
use crate::listening::first_poll;

/// Messages of one request, at most.
const BATCH: u64 = 500;

/// How often messages go at a pace.
const TICK: Duration = Duration::from_millis(10);

/// How long what has no answer is waited for at the end.
const FLUSH: Duration = Duration::from_secs(8);

/// What has become of the messages.
#[derive(Default)]
struct Tally {
    sent: u64,
    acked: u64,
}

/// Produces what the flags say, or until it is told to stop; what is sent is waited for.
pub(crate) async fn run(flags: ProducerFlags, lines: &Lines) -> Result<(), Error> {
    let topic: Topic = flags
        .topic
        .parse()
        .map_err(|error| Error::new(ErrorKind::Configuration, Operation::Build, "a topic's name").with_source(error))?;
    let producer = flags.cluster.open()?.producer().await?;
    let stopped = Arc::new(AtomicBool::new(false));
    let mut told = Box::pin(terminated());
    let now = first_poll(told.as_mut()).await.is_ready();
    stopped.store(now, Ordering::Relaxed);
    if !now {
        let stopped = stopped.clone();
        tokio::spawn(async move {
            told.await;
            stopped.store(true, Ordering::Relaxed);
        });
    }
    lines.tell("startup_complete", json!({}));
    produce(&flags, &topic, &producer, &stopped, lines).await?;
    producer.flush(FLUSH).await
}

async fn produce(
    flags: &ProducerFlags,
    topic: &Topic,
    producer: &impl Producer,
    stopped: &AtomicBool,
    lines: &Lines,
) -> Result<(), Error> {
    let (mut tally, started) = (Tally::default(), Instant::now());
    let most = u64::try_from(flags.max_messages).unwrap_or(u64::MAX);
    let rate = u64::try_from(flags.throughput).ok();
    while tally.sent < most && !stopped.load(Ordering::Relaxed) {
        let due = rate.map_or(u64::MAX, |rate| (rate * millis(started) / 1000).saturating_sub(tally.sent));
        let end = most.min(tally.sent.saturating_add(due.min(BATCH)));
        let messages: Vec<Record> = (tally.sent..end).map(|number| message(flags, topic, number, millis(started))).collect();
        if !messages.is_empty() {
            tally.sent = end;
            match producer.send_all(messages.clone()).await {
                Ok(answers) => {
                    for (message, answer) in messages.iter().zip(answers) {
                        tally.acked += u64::from(answer.is_ok());
                        tell(message, answer.as_ref(), lines);
                    }
                }
                // Nothing of it was sent: where a topic's partitions are is not known.
                Err(error) if error.retry() == TryAgain::No => return Err(error),
                Err(error) => messages.iter().for_each(|message| tell(message, Err(&error), lines)),
            }
        }
        if rate.is_some() {
            tokio::time::sleep(TICK).await;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let average = tally.sent as f64 * 1000.0 / millis(started).max(1) as f64;
    let (sent, acked, target) = (tally.sent, tally.acked, flags.throughput);
    let fields = json!({ "sent": sent, "acked": acked, "target_throughput": target, "avg_throughput": average });
    lines.tell("tool_data", fields);
    Ok(())
}

fn message(flags: &ProducerFlags, topic: &Topic, number: u64, since: u64) -> Record {
    let value = flags.value_prefix.map_or_else(|| number.to_string(), |prefix| format!("{prefix}.{number}"));
    let mut message = match flags.repeating_keys {
        Some(keys) => Record::new(topic.clone(), (number % keys).to_string(), value.clone()),
        None => Record::new(topic.clone(), Vec::new(), value.clone()).without_key(),
    };
    if let Ok(first) = u64::try_from(flags.message_create_time) {
        message = message.at(i64::try_from(first.saturating_add(since)).unwrap_or(i64::MAX));
    }
    message.header(ID, value)
}

fn tell(message: &Record, answer: Result<&Receipt, &Error>, lines: &Lines) {
    let (key, value, topic) = (text(message.key.as_deref()), text(message.value.as_deref()), message.topic.as_str());
    match answer {
        Ok(receipt) => {
            let (partition, offset, timestamp) = (receipt.partition, receipt.offset, receipt.timestamp);
            let fields = json!({
                "topic": topic, "partition": partition, "offset": offset, "key": key, "value": value, "record_timestamp": timestamp,
            });
            lines.tell("producer_send_success", fields);
        }
        Err(error) => {
            let (exception, words) = (format!("{:?}", error.kind()), error.to_string());
            let fields = json!({ "topic": topic, "key": key, "value": value, "exception": exception, "message": words });
            lines.tell("producer_send_error", fields);
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn terminated() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Args, Role};
    use crate::lines::tests::Page;

    fn flags(more: &[&str]) -> ProducerFlags {
        let args = ["verifiable", "producer", "--bootstrap-server", "127.0.0.1:1", "--topic", "numbers"];
        match Args::parse_from(args.iter().chain(more)).role {
            Role::Producer(flags) => flags,
            Role::Consumer(_) => panic!("a producer was asked for"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_message_is_told_with_its_receipt_and_all_are_counted() {
        let (memory, page, topic) = (Memory::new(), Page::default(), Topic::literal("numbers"));
        let flags = flags(&["--max-messages", "3", "--value-prefix", "7", "--repeating-keys", "2", "--throughput", "100"]);
        let producer = memory.producer().await.expect("memory is always there");
        produce(&flags, &topic, &producer, &AtomicBool::new(false), &Lines::to(page.clone())).await.expect("it is sent");
        let lines = page.lines();
        let told: Vec<_> = lines.iter().map(|line| (line["key"].as_str(), line["value"].as_str())).collect();
        assert_eq!(told[..3], [(Some("0"), Some("7.0")), (Some("1"), Some("7.1")), (Some("0"), Some("7.2"))]);
        assert_eq!((&lines[3]["name"], &lines[3]["sent"], &lines[3]["acked"]), (&"tool_data".into(), &3.into(), &3.into()));
    }

    #[test]
    fn a_message_without_keys_and_prefix_is_its_number() {
        let message = message(&flags(&[]), &Topic::literal("numbers"), 5, 0);
        assert_eq!((message.key, message.value.as_deref()), (None, Some(&b"5"[..])));
    }

    #[test]
    fn fewer_acknowledgements_than_all_are_refused() {
        let args = ["verifiable", "producer", "--bootstrap-server", "127.0.0.1:1", "--topic", "numbers", "--acks", "1"];
        assert!(Args::try_parse_from(args).is_err());
    }
}
