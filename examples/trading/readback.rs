//! Reading the logs back: every record of every topic, once, as bytes.
//!
//! Owns what is taken out of a record: id, cause, the fill or snapshot in it, and the dead letters. Leaves
//! judging to `audit` and `compare`. Records may be handed over while the pipeline runs, so that a log with
//! retention can be followed; those of one partition come in offset order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::audit::Audit;
use crate::compare::{Comparison, Difference};
use crate::csv::DataError;
use crate::effects::Effects;
use crate::equity::Equity;
use crate::events::{OrderFilled, PnlSnapshot};
use crate::feed::Feed;
use crate::ids::{fingerprint, parse_uuid};
use crate::oracle::{Account, Oracle, spoken};
use crate::topics::{FILLED, SNAPSHOTS, Venue};
use crate::verdict::Verdict;

/// Dead letters listed in the report; further ones are counted.
const LISTED: usize = 100;

/// A record as it lies in a log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRecord<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
}

/// A dead letter, without anything that may differ between two runs of one seed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Letter {
    /// The topic of the record that failed.
    pub(crate) topic: String,
    pub(crate) key: String,
    /// The event's id, or a fingerprint of the bytes if no id can be read.
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) attempts: String,
}

/// What reading back led to.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) verdict: Verdict,
    pub(crate) portfolios: BTreeMap<Account, PnlSnapshot>,
    pub(crate) difference: Option<Difference>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) equity: Equity,
}

/// Reads the logs back.
#[derive(Debug)]
pub(crate) struct Readback<'a> {
    feed: &'a Feed,
    audit: Audit,
    comparison: Comparison<'a>,
    equity: Equity,
    letters: Vec<Letter>,
}

#[derive(Deserialize)]
struct Head<'a> {
    id: &'a str,
    causation_id: Option<&'a str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl<'a> Readback<'a> {
    /// Reads back what `feed` led to.
    pub(crate) fn new(feed: &'a Feed, oracle: &'a Oracle) -> Self {
        Self {
            feed,
            audit: Audit::new(&feed.venues),
            comparison: Comparison::new(oracle),
            equity: Equity::new(feed.last_sequence()),
            letters: Vec::new(),
        }
    }

    /// Takes one record in.
    pub(crate) fn observe(&mut self, record: &LogRecord<'_>) {
        let value = record.value.unwrap_or_default();
        let head = serde_json::from_slice::<Head<'_>>(value).ok();
        let id = head.as_ref().and_then(|head| parse_uuid(head.id)).unwrap_or_else(|| fingerprint(value));
        if let Some(topic) = record.topic.strip_suffix(".dlq") {
            return self.letter(topic, id, record);
        }
        let cause = head.as_ref().and_then(|head| head.causation_id).and_then(parse_uuid).unwrap_or(0);
        self.audit.record(record.topic, id, cause);
        let Some(data) = head.map(|head| head.data.get()) else { return };
        let Some(venue) = record.topic.split('.').next().and_then(Venue::of) else { return };
        if record.topic == venue.topic(FILLED) {
            if let Ok(fill) = serde_json::from_str::<OrderFilled>(data) {
                self.audit.order(venue, fingerprint(fill.order_id.as_bytes()));
                self.comparison.fill(venue, &fill);
            }
        } else if record.topic == venue.topic(SNAPSHOTS)
            && let Ok(snapshot) = serde_json::from_str::<PnlSnapshot>(data)
        {
            self.comparison.snapshot(venue, &snapshot);
            self.equity.take(venue, &snapshot);
        }
    }

    /// Ends reading and judges. `retried` and `skipped` are what the services say, by topic. If they are not `here`, but in
    /// other processes, `effects` hold what the feed has noted, and no more.
    pub(crate) fn finish(
        mut self,
        effects: &Effects,
        here: bool,
        retried: &BTreeMap<String, u64>,
        skipped: &BTreeMap<String, u64>,
    ) -> Result<Findings, DataError> {
        let (portfolios, difference) = self.comparison.finish(self.feed)?;
        self.letters.sort();
        self.letters.dedup();
        self.letters.truncate(LISTED);
        let verdict = if here {
            self.audit.finish(effects, retried, skipped)
        } else {
            self.audit.by_the_logs(effects.take_published(), spoken(self.feed)?)
        };
        Ok(Findings { verdict, portfolios, difference, letters: self.letters, equity: self.equity })
    }

    fn letter(&mut self, topic: &str, id: u128, record: &LogRecord<'_>) {
        let header = |name: &str| {
            let found = record.headers.iter().find(|header| header.0 == name);
            found.map(|header| String::from_utf8_lossy(header.1).into_owned()).unwrap_or_default()
        };
        let number = |name: &str, fallback: u64| header(name).parse().unwrap_or(fallback);
        let partition = number("__dlq.errors.partition", u64::from(record.partition));
        let offset = number("__dlq.errors.offset", record.offset);
        self.audit.letter(topic, id, (partition << 48) | offset);
        // Sorted and cut from time to time, the list is the same as if it had been sorted and cut at the end.
        if self.letters.len() >= LISTED * 8 {
            self.letters.sort();
            self.letters.dedup();
            self.letters.truncate(LISTED);
        }
        self.letters.push(Letter {
            topic: topic.to_owned(),
            key: String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned(),
            id: crate::ids::uuid_text(id),
            reason: header("millstream-dlq-reason"),
            message: header("__dlq.errors.message"),
            attempts: header("millstream-dlq-attempts"),
        });
    }
}
