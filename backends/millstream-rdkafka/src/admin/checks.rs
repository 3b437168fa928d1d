//! Owns what may be wrong with a cluster's topics though each exists. Leaves what follows from it to whoever asked.

use super::described::DescribedTopic;
use super::topics::RdkafkaAdmin;
use millstream_core::contract::Error;
use millstream_core::topic::Topic;
use std::fmt;
use std::time::Duration;

/// Something that will go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The topic does not exist.
    Missing(Topic),
    /// A topic's dead-letter topic does not exist: its service will wait at the first letter.
    NoDeadLetters {
        /// The topic.
        topic: Topic,
        /// The one that is missing.
        letters: Topic,
    },
    /// A dead-letter topic keeps only the last letter of each key: others are lost.
    CompactedDeadLetters(Topic),
    /// A record is kept longer than its id is remembered: replayed after that it is handled again.
    RetentionBeyondTtl {
        /// The topic.
        topic: Topic,
        /// How long its records are kept; `None` without end.
        retention: Option<Duration>,
        /// How long ids are remembered.
        ttl: Duration,
    },
    /// One broker that is lost makes the topic lose records, or refuse them.
    FewReplicas {
        /// The topic.
        topic: Topic,
        /// How many replicas there are.
        replicas: u32,
        /// How many must have a record.
        min_in_sync: Option<u32>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Missing(topic) => write!(f, "there is no topic {topic}"),
            Finding::NoDeadLetters { topic, letters } => {
                write!(f, "{topic} has no dead-letter topic {letters}: the first letter would wait for it")
            }
            Finding::CompactedDeadLetters(topic) => write!(f, "{topic} is compacted: of each key only the last letter stays"),
            Finding::RetentionBeyondTtl { topic, retention: Some(retention), ttl } => {
                write!(f, "{topic} keeps records for {retention:?}, and their ids are known for {ttl:?}")
            }
            Finding::RetentionBeyondTtl { topic, retention: None, ttl } => {
                write!(f, "{topic} keeps records without end, and their ids are known for {ttl:?}")
            }
            Finding::FewReplicas { topic, replicas, min_in_sync } => {
                write!(f, "{topic} has {replicas} replicas")?;
                min_in_sync.map_or(Ok(()), |count| write!(f, ", of which {count} must have a record"))
            }
        }
    }
}

impl RdkafkaAdmin {
    /// What is wrong with these topics: whether they exist, whether their dead-letter topics do, and whether ids are remembered
    /// for as long as records are kept, if `ttl` says how long that is.
    ///
    /// # Errors
    /// If nobody answers.
    pub async fn check(&self, topics: &[Topic], ttl: Option<Duration>) -> Result<Vec<Finding>, Error> {
        let letters: Vec<Topic> = topics.iter().filter_map(|topic| topic.dlq().ok()).collect();
        let described = self.describe(&[topics, &letters].concat()).await?;
        let mut findings = Vec::new();
        for topic in topics {
            match described.get(topic).and_then(Option::as_ref) {
                None => findings.push(Finding::Missing(topic.clone())),
                Some(found) => {
                    findings.extend(ttl.and_then(|ttl| beyond(found, ttl)));
                    findings.extend(few(found));
                }
            }
            let Ok(letters) = topic.dlq() else { continue };
            match described.get(&letters).and_then(Option::as_ref) {
                None => findings.push(Finding::NoDeadLetters { topic: topic.clone(), letters }),
                Some(found) if found.compacted => findings.push(Finding::CompactedDeadLetters(letters)),
                Some(_) => {}
            }
        }
        Ok(findings)
    }
}

fn beyond(found: &DescribedTopic, ttl: Duration) -> Option<Finding> {
    let longer = found.compacted || found.retention.is_none_or(|retention| retention > ttl);
    let retention = found.retention.filter(|_| !found.compacted);
    longer.then(|| Finding::RetentionBeyondTtl { topic: found.topic.clone(), retention, ttl })
}

/// A topic of one broker is as its owner wants it; one of several has to live through the loss of one.
fn few(found: &DescribedTopic) -> Option<Finding> {
    let fragile = found.replicas > 1 && found.min_in_sync.is_some_and(|count| count < 2 || count >= found.replicas);
    fragile.then(|| Finding::FewReplicas { topic: found.topic.clone(), replicas: found.replicas, min_in_sync: found.min_in_sync })
}

#[cfg(test)]
mod tests {
    use super::{DescribedTopic, Finding, beyond, few};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn described(replicas: u32, settings: &[(&str, &str)]) -> DescribedTopic {
        let settings: BTreeMap<String, String> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        DescribedTopic::new("shared.a".parse().expect("a topic"), 3, replicas, &settings)
    }

    #[test]
    fn ids_must_be_remembered_for_as_long_as_records_are_kept() {
        let week = Duration::from_secs(7 * 86_400);
        let of = |settings: &[(&str, &str)]| beyond(&described(1, settings), week);
        assert_eq!(of(&[("retention.ms", "604800000")]), None);
        assert!(matches!(of(&[("retention.ms", "604800001")]), Some(Finding::RetentionBeyondTtl { retention: Some(_), .. })));
        assert!(matches!(of(&[("retention.ms", "-1")]), Some(Finding::RetentionBeyondTtl { retention: None, .. })));
        let compacted = of(&[("retention.ms", "1"), ("cleanup.policy", "compact")]);
        assert!(matches!(compacted, Some(Finding::RetentionBeyondTtl { retention: None, .. })));
    }

    #[test]
    fn a_topic_of_several_brokers_lives_through_the_loss_of_one() {
        let of = |replicas, count: &str| few(&described(replicas, &[("min.insync.replicas", count)]));
        assert_eq!((of(3, "2"), of(1, "1")), (None, None));
        assert!(of(3, "1").is_some() && of(3, "3").is_some());
    }
}
