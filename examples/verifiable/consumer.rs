//! The consuming service: a handler that tells its effect, and the flags' settings around it.
//!
//! Owns the handler. Leaves everything that is told of partitions, records and commits to `told`.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use millstream::contract::{AnyDeduplicator, AnyTransport, Error, Protocol};
use millstream::prelude::*;
use millstream::service::HandlerSettings;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::cli::{ConsumerFlags, Dedup, Strategy};
use crate::lines::Lines;
use crate::listening::first_poll;
use crate::told::Told;

/// The header with a record's id, by which it is deduplicated.
pub(crate) const ID: &str = "id";

/// Until when it ends after it is told to: Kafka's system tests kill after ten seconds.
const WITHIN: Duration = Duration::from_secs(8);

/// The shortest time in which a commit goes out: what is told as settled is told then.
const COMMITS: Duration = Duration::from_millis(100);

struct Work {
    lines: Lines,
    delay: Duration,
    fail_rate: f64,
    refuse_rate: f64,
    seed: u64,
}

impl Work {
    async fn on_record(&self, record: RawEvent<'_>, attempt: Attempt) -> Result<(), HandlerError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let id = id_of(&record);
        if chance(self.seed, &id, 0) < self.refuse_rate {
            return Err(HandlerError::permanent("refused as told"));
        }
        if chance(self.seed, &id, attempt.number()) < self.fail_rate {
            return Err(HandlerError::transient("failed as told"));
        }
        self.lines.tell("handled", json!({ "id": id }));
        Ok(())
    }
}

/// The record's `id` header, else its envelope's id, else where it lies.
fn id_of(record: &RawEvent<'_>) -> String {
    if let Some(id) = record.headers().text(ID) {
        return id.to_owned();
    }
    let envelope = EventEnvelope::<Value>::from_json(record.value());
    envelope.map_or_else(|_| format!("{}-{}", record.topic(), record.position()), |envelope| envelope.id.to_string())
}

/// A number from 0 to below 1 for an attempt, the same in each run.
fn chance(seed: u64, id: &str, attempt: u32) -> f64 {
    let mut hash = seed ^ (u64::from(attempt) << 48) ^ 0xcbf2_9ce4_8422_2325;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let bits = u32::try_from(hash >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// Consumes until it is told to stop, or has settled as many records as it should.
pub(crate) async fn run(flags: ConsumerFlags, lines: &Lines) -> Result<(), Error> {
    let (settled, mut told) = watch::channel(0_u64);
    let service = service(&flags, lines, flags.open()?, settled)?;
    let handle = service.handle();
    if let Ok(most @ 1..) = u64::try_from(flags.max_messages) {
        tokio::spawn(async move {
            if told.wait_for(|settled| *settled >= most).await.is_ok() {
                handle.stop();
            }
        });
    }
    let mut running = pin!(service.run_until_signal());
    match first_poll(running.as_mut()).await {
        Poll::Ready(result) => result,
        Poll::Pending => {
            lines.tell("startup_complete", json!({}));
            running.await
        }
    }
}

fn service(
    flags: &ConsumerFlags,
    lines: &Lines,
    transport: AnyTransport,
    settled: watch::Sender<u64>,
) -> Result<StreamService, Error> {
    let protocol = match flags.assignment_strategy {
        Strategy::Range => Protocol::Eager,
        Strategy::CooperativeSticky => Protocol::Cooperative,
    };
    let work = Work {
        lines: lines.clone(),
        delay: Duration::from_millis(flags.handler_delay),
        fail_rate: flags.fail_rate,
        refuse_rate: flags.refuse_rate,
        seed: flags.seed,
    };
    let builder = StreamServiceBuilder::new("verifiable-consumer", Told::new(transport, lines, settled));
    let builder = match deduplicator(flags)? {
        Some(deduplicator) => builder.with_deduplicator(deduplicator),
        None => builder,
    };
    builder
        .with_error_handling(ErrorHandling::default())
        .with_shutdown(Shutdown::within(WITHIN))
        .rebalance_protocol(protocol)
        .membership(flags.session(), flags.session() / 2)
        .commit_every(COMMITS)
        .with_state(work)
        .add_producer()
        .add_consumer_handler_with(
            flags.topic.as_str(),
            &flags.group_id,
            Work::on_record,
            HandlerSettings::new().id_source(IdSource::Header(ID.into())),
        )
        .build()
}

fn deduplicator(flags: &ConsumerFlags) -> Result<Option<AnyDeduplicator>, Error> {
    Ok(match flags.dedup {
        Dedup::None => None,
        Dedup::Memory => Some(AnyDeduplicator::new(WindowDeduplicator::default())),
        Dedup::Redis => {
            let url = flags.redis_url.clone().or_else(|| std::env::var("REDIS_URL").ok());
            let url = url.unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
            Some(AnyDeduplicator::new(Redis::open(&url)?.deduplicator()))
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Args, Role};
    use crate::lines::tests::Page;

    fn flags(more: &[&str]) -> ConsumerFlags {
        let args = ["verifiable", "consumer", "--bootstrap-server", "127.0.0.1:1", "--topic", "numbers", "--group-id", "readers"];
        match Args::parse_from(args.iter().chain(more)).role {
            Role::Consumer(flags) => flags,
            Role::Producer(_) => panic!("a consumer was asked for"),
        }
    }

    async fn told(more: &[&str], records: usize) -> Vec<Value> {
        let (memory, page, topic) = (Memory::new(), Page::default(), Topic::literal("numbers"));
        let producer = memory.producer().await.expect("memory is always there");
        for number in 0..records {
            let record = Record::new(topic.clone(), "key", number.to_string()).header(ID, format!("id-{number}"));
            producer.send_one(record).await.expect("memory takes it");
        }
        let (settled, mut count) = watch::channel(0);
        let service = service(&flags(more), &Lines::to(page.clone()), AnyTransport::new(memory), settled).expect("it is right");
        let handle = service.handle();
        let running = tokio::spawn(service.run());
        count.wait_for(|count| *count >= records as u64).await.expect("the service runs");
        handle.stop();
        running.await.expect("it does not panic").expect("it ends in order");
        page.lines()
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_is_told_as_settled_behind_its_effect_and_before_the_commit_that_covers_it() {
        let lines = told(&[], 3).await;
        let at = |name: &str, number: usize| {
            let found = lines.iter().enumerate().filter(|(_, line)| line["name"] == name).nth(number);
            found.map(|(at, _)| at).unwrap_or_else(|| panic!("no {name} {number} in {lines:?}"))
        };
        for number in 0..3 {
            assert_eq!(lines[at("handled", number)]["id"], format!("id-{number}"));
            let record = &lines[at("record_data", number)];
            assert_eq!((&record["offset"], &record["value"]), (&number.into(), &number.to_string().into()));
            assert!(at("handled", number) < at("record_data", number));
        }
        let covering = lines.iter().position(|line| line["name"] == "offsets_committed" && line["offsets"][0]["offset"] == 3);
        assert!(at("record_data", 2) < covering.unwrap_or_else(|| panic!("no commit covers all: {lines:?}")));
        assert!(at("partitions_assigned", 0) < at("record_data", 0));
        assert_eq!(lines.last().map(|line| &line["name"]), Some(&"partitions_revoked".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_as_told_is_handled_and_settled_once_all_the_same() {
        let lines = told(&["--fail-rate", "0.4", "--seed", "3", "--dedup", "memory"], 20).await;
        let of = |name: &str| lines.iter().filter(|line| line["name"] == name).count();
        assert!(of("handled") >= 15, "four attempts, of which two in five fail");
        assert_eq!(of("record_data"), 20);
    }
}
