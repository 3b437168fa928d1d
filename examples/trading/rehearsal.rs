//! The rehearsal: the four services driven one record at a time, without any framework.
//!
//! Owns a list for a log, a set for a deduplicator and a loop for retries: just enough to try handlers, audit
//! and report against each other. Leaves everything that makes a service reliable (order, concurrency,
//! confirmation, commits, rebalances, shutdown) to the framework.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::effects::Effects;
use crate::events::Tick;
use crate::feed::Feed;
use crate::ids::{fingerprint, parse_uuid, uuid_text};
use crate::market_feed::Outlet;
use crate::poison::Poison;
use crate::portfolio_manager::PortfolioManager;
use crate::progress::Progress;
use crate::readback::{LogRecord, Readback};
use crate::risk_manager::RiskManager;
use crate::standin::{Event, EventData, EventId, Failure, HandlerError, Output, Outputs, Sibling, Topic};
use crate::strategy_runner::StrategyRunner;
use crate::topics::{FILLED, PARTITIONS, RAW, TICKS, VALIDATED, Venue};
use crate::trader::TradeError;
use crate::trading_engine::TradingEngine;

/// Attempts of a handler, the first included: one more than an outage needs.
const ATTEMPTS: u32 = 5;

/// Nesting that is still read.
const DEEPEST: usize = 64;

struct Stored {
    topic: Arc<str>,
    partition: u32,
    offset: u64,
    key: String,
    value: Vec<u8>,
}

enum Stop {
    Poison(String),
    Handler(HandlerError),
}

/// A run under way. `tamper` may break it, to see whether the audit notices.
pub(crate) struct Rehearsal<'r, 'a> {
    runner: StrategyRunner,
    risk: RiskManager,
    engine: TradingEngine,
    portfolio: PortfolioManager,
    effects: Arc<Effects>,
    readback: &'r mut Readback<'a>,
    progress: Option<Progress>,
    queue: VecDeque<Stored>,
    ends: HashMap<(Arc<str>, u32), u64>,
    done: HashSet<u128>,
    /// Failed attempts that were followed by another, by topic.
    pub(crate) retried: BTreeMap<String, u64>,
    /// Dead letters that wait for their topic to become writable.
    waiting: Option<Vec<(Stored, String, &'static str, u32)>>,
    tamper: fn(&str, u64) -> Tamper,
}

/// What a test breaks at a record, given its topic and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    Nothing,
    /// The record is settled without its handler.
    Lose,
    /// The handler runs twice.
    Repeat,
    /// Its outputs are forgotten.
    Mute,
    /// Its outputs are written again under other ids.
    Echo,
}

impl<'r, 'a> Rehearsal<'r, 'a> {
    /// The services over `feed`, read back as they write.
    pub(crate) fn new(feed: &Feed, effects: &Arc<Effects>, readback: &'r mut Readback<'a>, break_dead_letters: bool) -> Self {
        Self {
            runner: StrategyRunner::new(&feed.venues, &feed.faults, effects),
            risk: RiskManager::new(&feed.faults, effects),
            engine: TradingEngine::new(&feed.venues, &feed.faults, effects),
            portfolio: PortfolioManager::new(&feed.faults, effects),
            effects: effects.clone(),
            readback,
            progress: None,
            queue: VecDeque::new(),
            ends: HashMap::new(),
            done: HashSet::new(),
            retried: BTreeMap::new(),
            waiting: break_dead_letters.then(Vec::new),
            tamper: |_, _| Tamper::Nothing,
        }
    }

    /// Shows progress.
    pub(crate) fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Breaks what `tamper` says.
    #[cfg(test)]
    pub(crate) fn with_tamper(mut self, tamper: fn(&str, u64) -> Tamper) -> Self {
        self.tamper = tamper;
        self
    }

    /// The dead-letter topics become writable again.
    pub(crate) fn mend_dead_letters(&mut self) {
        for (record, message, reason, attempts) in self.waiting.take().into_iter().flatten() {
            self.dead_letter(record, message, reason, attempts);
        }
    }

    fn append(&mut self, topic: &str, key: &str, value: Vec<u8>, headers: &[(&str, &[u8])]) {
        let partition = u32::try_from(fingerprint(key.as_bytes()) % u128::from(PARTITIONS)).unwrap_or(0);
        let topic: Arc<str> = Arc::from(topic);
        let end = self.ends.entry((topic.clone(), partition)).or_default();
        let offset = *end;
        *end += 1;
        let record = LogRecord { topic: &topic, partition, offset, key: Some(key.as_bytes()), value: Some(&value), headers };
        self.readback.observe(&record);
        if [RAW, VALIDATED, FILLED].iter().any(|sibling| topic.ends_with(&suffix(*sibling))) || *topic == *TICKS.as_str() {
            self.queue.push_back(Stored { topic, partition, offset, key: key.to_owned(), value });
        }
    }

    async fn deliver(&mut self, record: Stored) {
        let tamper = (self.tamper)(&record.topic, record.offset);
        let id = match head(&record.value) {
            Ok((id, _)) => id,
            Err(message) => return self.dead_letter(record, message, "decode", 0),
        };
        let mark = fingerprint(&[record.topic.as_bytes(), &id.to_be_bytes()].concat());
        if tamper == Tamper::Lose || self.done.contains(&mark) {
            return;
        }
        for attempt in 1..=ATTEMPTS {
            match self.handle(&record, id).await {
                Ok(outputs) => {
                    if tamper != Tamper::Mute {
                        self.emit(&record, id, &outputs, 0);
                    }
                    if tamper == Tamper::Echo {
                        self.emit(&record, id, &outputs, 1);
                    }
                    if tamper == Tamper::Repeat {
                        let _ = self.handle(&record, id).await;
                    }
                    self.done.insert(mark);
                    return;
                }
                Err(Stop::Poison(message)) => return self.dead_letter(record, message, "decode", 0),
                Err(Stop::Handler(error)) => {
                    let refused = matches!(error.source().and_then(|error| error.downcast_ref()), Some(TradeError::Refused(_)));
                    if refused || error.failure() == Failure::Permanent || attempt == ATTEMPTS {
                        let reason = if refused { "permanent" } else { "attempts-exhausted" };
                        return self.dead_letter(record, error.to_string(), reason, attempt);
                    }
                    *self.retried.entry(record.topic.to_string()).or_default() += 1;
                }
            }
        }
    }

    async fn handle(&self, record: &Stored, id: u128) -> Result<Vec<Output>, Stop> {
        let (_, data) = head(&record.value).map_err(Stop::Poison)?;
        let topic: Topic = record.topic.parse().map_err(|_| Stop::Poison("not a topic's name".to_owned()))?;
        let mut out = Outputs::of(&topic);
        let broker = topic.namespace().unwrap_or(Venue::Paper.namespace());
        let result = if *record.topic == *TICKS.as_str() {
            self.runner.on_tick(event(id, data)?, &mut out).await
        } else if record.topic.ends_with(&suffix(RAW)) {
            self.risk.on_signal(event(id, data)?, topic, broker, &mut out).await
        } else if record.topic.ends_with(&suffix(VALIDATED)) {
            self.engine.on_signal(event(id, data)?, topic, broker, &mut out).await
        } else {
            self.portfolio.on_fill(event(id, data)?, topic, broker, &mut out).await
        };
        result.map(|()| out.iter().cloned().collect()).map_err(Stop::Handler)
    }

    fn emit(&mut self, record: &Stored, cause: u128, outputs: &[Output], salt: u8) {
        for (number, output) in outputs.iter().enumerate() {
            let id = fingerprint(format!("{salt}/{cause}/{}/{number}", output.topic().as_str()).as_bytes());
            let key = String::from_utf8_lossy(output.key());
            let data = head(output.envelope()).map_or("null", |(_, data)| data);
            let value = envelope(id, Some(cause), output.event_type(), &record.topic, data);
            self.append(output.topic().as_str(), &key, value, &[]);
        }
    }

    fn dead_letter(&mut self, record: Stored, message: String, reason: &'static str, attempts: u32) {
        if let Some(waiting) = &mut self.waiting {
            return waiting.push((record, message, reason, attempts));
        }
        let headers = [
            ("__dlq.errors.partition", record.partition.to_string()),
            ("__dlq.errors.offset", record.offset.to_string()),
            ("__dlq.errors.message", message),
            ("millstream-dlq-reason", reason.to_owned()),
            ("millstream-dlq-attempts", attempts.to_string()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_bytes()));
        self.append(&format!("{}.dlq", record.topic), &record.key, record.value, &headers);
    }
}

impl Outlet for Rehearsal<'_, '_> {
    type Error = Infallible;

    async fn tick(&mut self, id: u128, tick: &Tick) -> Result<(), Infallible> {
        let data = serde_json::to_string(tick).expect("a tick has string keys and no failing field");
        self.append(TICKS.as_str(), &tick.instrument, envelope(id, None, Tick::TYPE, "market-feed", &data), &[]);
        Ok(())
    }

    async fn raw(&mut self, poison: &Poison) -> Result<(), Infallible> {
        self.append(&poison.topic, &poison.key, poison.value.clone(), &[]);
        Ok(())
    }

    async fn settled(&mut self) -> Result<(), Infallible> {
        while let Some(record) = self.queue.pop_front() {
            self.deliver(record).await;
        }
        if let Some(progress) = &self.progress {
            progress.at(self.effects.ticks());
        }
        Ok(())
    }
}

fn suffix(sibling: Sibling) -> String {
    format!(".{}.{}", sibling.domain(), sibling.event_type())
}

fn event<T: DeserializeOwned>(id: u128, data: &str) -> Result<Event<T>, Stop> {
    serde_json::from_str(data)
        .map(|data| Event::example_with_id(EventId::from_u128(id), data))
        .map_err(|error| Stop::Poison(error.to_string()))
}

fn head(value: &[u8]) -> Result<(u128, &str), String> {
    #[derive(Deserialize)]
    struct Head<'a> {
        id: &'a str,
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let depth = value.iter().scan(0_usize, |depth, byte| {
        *depth = match byte {
            b'[' | b'{' => *depth + 1,
            b']' | b'}' => depth.saturating_sub(1),
            _ => *depth,
        };
        Some(*depth)
    });
    if depth.max() > Some(DEEPEST) {
        return Err(format!("nested deeper than {DEEPEST}"));
    }
    let head: Head<'_> = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    Ok((parse_uuid(head.id).unwrap_or_else(|| fingerprint(value)), head.data.get()))
}

fn envelope(id: u128, cause: Option<u128>, kind: &str, source: &str, data: &str) -> Vec<u8> {
    let cause = cause.map_or_else(|| "null".to_owned(), |cause| format!("\"{}\"", uuid_text(cause)));
    format!(r#"{{"id":"{}","type":"{kind}","source":"{source}","causation_id":{cause},"data":{data}}}"#, uuid_text(id))
        .into_bytes()
}
