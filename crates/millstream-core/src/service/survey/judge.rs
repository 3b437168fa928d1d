//! Owns what follows from what was found of topics: what would lose records or never work is a problem, what may surprise
//! later a warning.

use super::Found;
use super::need::Need;
use crate::contract::DescribedTopic;
use crate::service::Problems;
use crate::topic::Topic;
use std::time::Duration;

/// All that is wrong, and what may become so. `ttl` is how long ids are remembered, if that is known.
pub(super) fn judge(needs: &[(Topic, Need)], found: &Found, ttl: Option<Duration>) -> (Problems, Vec<String>) {
    let mut judgement = Judgement { found, ttl, problems: Problems::default(), warnings: Vec::new() };
    for (topic, need) in needs {
        match found.get(topic) {
            None => {}
            Some(None) => judgement.missing(topic, need),
            Some(Some(is)) => {
                judgement.few_replicas(topic, is);
                match need {
                    Need::Input => judgement.input(topic, is),
                    Need::Letters(of) => judgement.letters(topic, is, of),
                    Need::Retries(delay) => judgement.retries(topic, is, *delay),
                    Need::Table(input) => judgement.table(topic, is, input),
                }
            }
        }
    }
    (judgement.problems, judgement.warnings)
}

struct Judgement<'a> {
    found: &'a Found,
    ttl: Option<Duration>,
    problems: Problems,
    warnings: Vec<String>,
}

impl Judgement<'_> {
    fn missing(&mut self, topic: &Topic, need: &Need) {
        match need {
            Need::Input => self.problems.add(format!("the topic {topic} does not exist"), "create it, or correct its name"),
            Need::Letters(_) => self.problems.add(
                format!("the dead-letter topic {topic} does not exist"),
                "create it, or give `ErrorHandling` a sink of its own",
            ),
            Need::Retries(_) => self.problems.add(
                format!("the retry topic {topic} does not exist"),
                "create it, or declare fewer `ErrorHandling::retry_topics`",
            ),
            Need::Table(input) => self.problems.add(
                format!("the table's topic {topic} does not exist"),
                format!("create it, compacted, with as many partitions as its input {input}"),
            ),
        }
    }

    fn input(&mut self, topic: &Topic, is: &DescribedTopic) {
        let Some(ttl) = self.ttl else { return };
        let kept = if is.compacted == Some(true) { Some(Duration::MAX) } else { is.retention };
        if let Some(kept) = kept.filter(|kept| *kept > ttl) {
            self.warnings.push(format!(
                "{topic} keeps records {}, and the deduplicator remembers their ids for {ttl:?}: what is read again after that \
                 is handled again",
                long(kept)
            ));
        }
    }

    fn letters(&mut self, topic: &Topic, is: &DescribedTopic, of: &Topic) {
        if is.compacted == Some(true) {
            self.problems.add(
                format!("the dead-letter topic {topic} is compacted: of each key only the last letter stays"),
                "set its `cleanup.policy` to `delete`",
            );
        }
        let Some(Some(from)) = self.found.get(of) else { return };
        if is.partitions < from.partitions {
            self.warnings.push(format!(
                "the dead-letter topic {topic} has {} partitions and {of} has {}: letters of several wait for one another",
                is.partitions, from.partitions
            ));
        }
        if let (Some(takes), Some(large)) = (is.max_batch_bytes, from.max_batch_bytes)
            && takes < large
        {
            self.warnings.push(format!(
                "the dead-letter topic {topic} takes {takes} bytes and {of} takes {large}: of what is larger only a pointer \
                 will be kept"
            ));
        }
    }

    fn retries(&mut self, topic: &Topic, is: &DescribedTopic, delay: Duration) {
        if is.compacted == Some(true) {
            self.problems.add(
                format!("the retry topic {topic} is compacted: of each key only the last record stays"),
                "set its `cleanup.policy` to `delete`",
            );
        }
        if let Some(kept) = is.retention.filter(|kept| *kept <= delay) {
            self.problems.add(
                format!("the retry topic {topic} keeps records for {kept:?}, and they wait there for {delay:?}"),
                "raise its `retention.ms` far above the delay, or shorten the delay",
            );
        }
    }

    fn table(&mut self, topic: &Topic, is: &DescribedTopic, input: &Topic) {
        if let Some(Some(of)) = self.found.get(input)
            && is.partitions < of.partitions
        {
            self.problems.add(
                format!("the table's topic {topic} has {} partitions and its input {input} has {}", is.partitions, of.partitions),
                "add some",
            );
        }
        if let Some(kept) = is.retention.filter(|kept| is.compacted == Some(false) && *kept < Duration::MAX) {
            self.problems.add(
                format!("the table's topic {topic} is not compacted: entries that stay as they are for {kept:?} are lost"),
                "set its `cleanup.policy` to `compact`",
            );
        }
    }

    /// A topic of one broker is as its owner wants it; one of several has to live through the loss of one.
    fn few_replicas(&mut self, topic: &Topic, is: &DescribedTopic) {
        let (Some(replicas), Some(must)) = (is.replicas, is.min_in_sync) else { return };
        if replicas > 1 && must < 2 {
            self.warnings.push(format!(
                "{topic} acknowledges what {must} of its {replicas} replicas has: the loss of a broker may lose it; set its \
                 `min.insync.replicas` to 2"
            ));
        } else if replicas > 1 && must >= replicas {
            self.warnings.push(format!("{topic} wants all of its {replicas} replicas: while one is away nothing can be written"));
        }
    }
}

fn long(kept: Duration) -> String {
    if kept == Duration::MAX { "without end".to_owned() } else { format!("for {kept:?}") }
}

#[cfg(test)]
mod tests;
