//! Owns how dead-letter topics are named, and that a name stays in the namespace of its topic (I9).

use crate::contract::{Error, ErrorKind, Operation};
use crate::handler::panics;
use crate::topic::Topic;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type Name = dyn Fn(&Topic, &str) -> Option<String> + Send + Sync;

/// Where dead letters go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadLetterTopic {
    /// `{topic}.dlq`: one a topic, shared by its groups. The default, as the seeds have it.
    #[default]
    PerTopic,
    /// `dlq.{group}.{topic}`: one a group and topic, Apache's newer default.
    GroupPrefixed,
    /// Names of your own: see [`named`](Self::named) and [`listed`](Self::listed).
    Named(Naming),
}

/// Names of dead-letter topics that a user chose.
#[derive(Clone)]
pub struct Naming(Arc<Name>);

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Naming(..)")
    }
}

impl PartialEq for Naming {
    /// Whether both are the same function, not whether they give the same names.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Naming {}

impl DeadLetterTopic {
    /// Names made by a function of the topic and the group. It is asked again and again, and must always answer the same.
    ///
    /// A name must stay in the namespace of its topic, as `build()` and each letter check: `paper.orders.broken` for
    /// `paper.orders.new`, and a name of two parts (`market.broken`) for a topic that namespaces share. It must not be the
    /// topic itself.
    ///
    /// ```
    /// # use millstream_core::service::{DeadLetterTopic, ErrorHandling};
    /// let naming = DeadLetterTopic::named(|topic, _group| format!("{topic}-broken"));
    /// let errors = ErrorHandling::new().dead_letters(naming);
    /// ```
    pub fn named(name: impl Fn(&Topic, &str) -> String + Send + Sync + 'static) -> Self {
        DeadLetterTopic::Named(Naming(Arc::new(move |topic, group| Some(name(topic, group)))))
    }

    /// Names from a list of topics and their dead-letter topics. `build()` refuses a topic that is not in it.
    pub fn listed(list: impl IntoIterator<Item = (Topic, Topic)>) -> Self {
        let list: BTreeMap<Topic, Topic> = list.into_iter().collect();
        DeadLetterTopic::Named(Naming(Arc::new(move |topic, _| list.get(topic).map(Topic::to_string))))
    }
}

/// The dead-letter topic of a topic, or of the one it retries, as a group reads it.
pub(crate) fn letter_topic(topic: &Topic, group: &str, naming: &DeadLetterTopic) -> Result<Topic, Error> {
    planted!(B20: return Ok(topic.clone()));
    planted!(B21: return topic.as_str().replacen("zerodha", "paper", 1).parse::<Topic>().and_then(|topic| topic.dlq()).map_err(|error| Error::new(ErrorKind::Internal, Operation::DeadLetter, error.to_string())));
    let no = |why: &str| {
        Error::new(ErrorKind::Configuration, Operation::DeadLetter, format!("{topic} has no dead-letter topic: {why}"))
    };
    match naming {
        DeadLetterTopic::PerTopic => topic.dlq().map_err(|error| no(&error.to_string())),
        DeadLetterTopic::GroupPrefixed => topic.group_dlq(group).map_err(|error| no(&error.to_string())),
        DeadLetterTopic::Named(Naming(name)) => {
            let logical = topic.logical();
            let name =
                panics::contained(|| name(&logical, group)).map_err(|words| no(&format!("its naming panicked: {words}")))?;
            let name = name.ok_or_else(|| no("it is not in the list of dead-letter topics"))?;
            let named: Topic = name.parse().map_err(|error: crate::topic::TopicError| no(&error.to_string()))?;
            if named.logical() == logical && !named.is_dlq() {
                return Err(no("its naming gives the topic itself, or one that retries it"));
            }
            // The framework's own form for a group stays where its topic is, though its text does not say so.
            if !named.same_namespace(&logical) && !logical.group_dlq(group).is_ok_and(|own| own == named) {
                let of =
                    |topic: &Topic| topic.namespace().map_or_else(|| "no namespace".into(), |n| format!("the namespace `{n}`"));
                return Err(no(&format!("`{named}` is of {}, `{logical}` of {}", of(&named), of(&logical))));
            }
            Ok(named)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Topic {
        name.parse().expect("a topic")
    }

    fn letters(of: &str, naming: &DeadLetterTopic) -> Result<String, String> {
        letter_topic(&topic(of), "desk", naming).map(|topic| topic.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_stays_in_its_topics_namespace_or_is_refused() {
        let appended = DeadLetterTopic::named(|topic, group| format!("{topic}-{group}-broken"));
        assert_eq!(letters("paper.orders.new", &appended), Ok("paper.orders.new-desk-broken".into()));
        assert_eq!(letters("market.ticks", &appended), Ok("market.ticks-desk-broken".into()));
        let one = DeadLetterTopic::named(|_, _| "paper.orders.broken".into());
        assert_eq!(letters("paper.orders.new", &one), Ok("paper.orders.broken".into()));
        let refused = letters("zerodha.orders.new", &one).expect_err("another namespace");
        assert!(refused.contains("`paper.orders.broken` is of the namespace `paper`"), "{refused}");
        assert!(letters("market.ticks", &one).expect_err("a shared topic").contains("of no namespace"));
        let shared = DeadLetterTopic::named(|_, _| "ops.broken".into());
        assert_eq!(letters("market.ticks", &shared), Ok("ops.broken".into()));
        assert!(letters("paper.orders.new", &shared).is_err(), "letters of a namespace do not go to a shared topic");
        let foreign = DeadLetterTopic::named(|_, _| "dlq.desk.zerodha.orders.new".into());
        assert!(letters("paper.orders.new", &foreign).is_err());
        assert!(letters("zerodha.orders.new", &foreign).is_ok());
    }

    #[test]
    fn a_naming_that_panics_gives_no_name_or_gives_the_topic_itself_is_refused() {
        let why = |naming: &DeadLetterTopic| letters("paper.orders.new", naming).expect_err("no name");
        assert!(why(&DeadLetterTopic::named(|_, _| panic!("no idea"))).contains("its naming panicked: no idea"));
        assert!(why(&DeadLetterTopic::named(|topic, _| topic.to_string())).contains("the topic itself"));
        assert!(why(&DeadLetterTopic::named(|topic, _| format!("{topic}.retry.1"))).contains("one that retries it"));
        assert_eq!(
            letters("paper.orders.new", &DeadLetterTopic::named(|topic, _| format!("{topic}.dlq"))).as_deref(),
            Ok("paper.orders.new.dlq")
        );
        assert!(why(&DeadLetterTopic::named(|_, _| "paper.*".into())).contains("paper.*"));
        assert!(why(&DeadLetterTopic::listed([])).contains("not in the list"));
        let listed = DeadLetterTopic::listed([(topic("paper.orders.new"), topic("paper.orders.broken"))]);
        assert_eq!(letters("paper.orders.new", &listed), Ok("paper.orders.broken".into()));
        assert_eq!(letters("paper.orders.new.retry.2", &listed), Ok("paper.orders.broken".into()), "as the topic it retries");
    }
}
