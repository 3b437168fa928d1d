//! Owns metrics of services as they lie in Redis: one hash a service, member and namespace. Leaves what is counted, and when
//! it is kept, to whoever keeps it.

use crate::keys::part;
use crate::link::Link;
use ::redis::{Value, cmd};
use millstream_core::contract::{Error, Operation};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a member's numbers stay after it has last kept them: a day, so that what ended in the night can be looked at.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Numbers of services, kept where other programs see them.
///
/// `{namespace}:metrics` is the set of who keeps numbers (`service member`), `{namespace}:metrics:{service}:{member}` a hash from
/// name to number. Each namespace has keys of its own; `-` is the shared topics'. Names hold no key and no id of a record.
#[derive(Clone)]
pub struct RedisMetrics {
    link: Arc<Link>,
    kept: Duration,
}

/// What one member of a service has kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptMetrics {
    /// The service.
    pub service: String,
    /// Its member: a process's number.
    pub member: String,
    /// Its numbers, by name.
    pub numbers: BTreeMap<String, u64>,
}

impl RedisMetrics {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        RedisMetrics { link, kept: KEPT }
    }

    /// How long numbers stay after they were last kept. A day by default.
    #[must_use]
    pub fn kept_for(mut self, kept: Duration) -> Self {
        self.kept = kept.max(Duration::from_secs(1));
        self
    }

    /// Keeps a member's numbers, over those it has kept before. `namespace` is `-` for shared topics.
    ///
    /// # Errors
    /// If Redis cannot take them; some may have been taken.
    pub async fn keep(&self, namespace: &str, service: &str, member: &str, numbers: &BTreeMap<String, u64>) -> Result<(), Error> {
        if numbers.is_empty() {
            return Ok(());
        }
        let (namespace, service, member) = (part(namespace), part(service), part(member));
        let key = format!("{namespace}:metrics:{service}:{member}");
        let (mut numbers_of, mut expire, mut who) = (cmd("HSET"), cmd("EXPIRE"), cmd("SADD"));
        numbers_of.arg(&key);
        numbers.iter().for_each(|(name, number)| {
            numbers_of.arg(name).arg(*number);
        });
        expire.arg(&key).arg(self.kept.as_secs());
        who.arg(format!("{namespace}:metrics")).arg(format!("{service} {member}"));
        self.link.call(vec![numbers_of, expire, who], Operation::Report).await.map(drop)
    }

    /// What the members of all services have kept for a namespace, in order of their names. Members whose numbers have ended
    /// are struck off.
    ///
    /// # Errors
    /// If Redis cannot be asked.
    pub async fn of(&self, namespace: &str) -> Result<Vec<KeptMetrics>, Error> {
        let all = format!("{}:metrics", part(namespace));
        let mut who = cmd("SMEMBERS");
        who.arg(&all);
        let members = self.link.call(vec![who], Operation::Report).await?.pop().map_or_else(Vec::new, texts);
        let named: Vec<(&str, &str)> = members.iter().filter_map(|name| name.split_once(' ')).collect();
        let read = |(service, member): &(&str, &str)| {
            let mut read = cmd("HGETALL");
            read.arg(format!("{all}:{service}:{member}"));
            read
        };
        let answers = self.link.call(named.iter().map(read).collect(), Operation::Report).await?;
        let (mut kept, mut gone) = (Vec::new(), cmd("SREM"));
        gone.arg(&all);
        let before = gone.args_iter().count();
        for ((service, member), answer) in named.iter().zip(answers) {
            let numbers = numbers(answer);
            if numbers.is_empty() {
                gone.arg(format!("{service} {member}"));
            } else {
                kept.push(KeptMetrics { service: (*service).into(), member: (*member).into(), numbers });
            }
        }
        if gone.args_iter().count() > before {
            self.link.call(vec![gone], Operation::Report).await?;
        }
        kept.sort_by(|one, other| (&one.service, &one.member).cmp(&(&other.service, &other.member)));
        Ok(kept)
    }
}

impl fmt::Debug for RedisMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisMetrics({})", self.link.address())
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Array(all) | Value::Set(all) => all.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

fn numbers(value: Value) -> BTreeMap<String, u64> {
    let pair = |name: &Value, number: &Value| Some((text(name)?, text(number)?.parse().ok()?));
    match value {
        Value::Map(all) => all.iter().filter_map(|(name, number)| pair(name, number)).collect(),
        Value::Array(all) => all.chunks_exact(2).filter_map(|both| pair(&both[0], &both[1])).collect(),
        _ => BTreeMap::new(),
    }
}
