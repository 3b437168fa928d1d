//! Owns the checks of where dead letters go: that they arrive, and that they do not come back.

use crate::contract::{Durability, ErrorSink};
use crate::service::Problems;
use crate::service::{ErrorHandling, GroupParts, letter_topic};
use crate::topic::{Topic, check_group};
use std::collections::{BTreeMap, BTreeSet};

/// A sink of the user's must keep what it accepts.
pub(super) fn durability(errors: &ErrorHandling, problems: &mut Problems) {
    if let Some(sink) = &errors.sink
        && sink.durability() != Durability::Durable
        && errors.loss_allowed.is_none()
    {
        let remedy = "leave it to the dead-letter topic, the default; or say so: `ErrorHandling::allow_loss(\"why\")`";
        problems.add("the error sink may lose what it accepted", remedy);
    }
}

/// The ways of dead letters: from each topic that is read to where its letters go. None may lead back, since what fails for
/// good would fail again, and go round for ever.
pub(super) fn loops(groups: &[GroupParts], errors: &ErrorHandling, problems: &mut Problems) {
    planted!(B20: return);
    if !errors.writes_topics() {
        return;
    }
    let own_sink = "give the service a sink of its own: `ErrorHandling::new().error_sink(my_sink)`";
    let mut ways: BTreeMap<Topic, BTreeSet<Topic>> = BTreeMap::new();
    for GroupParts { group, handlers } in groups {
        for handler in handlers {
            let name = &handler.name;
            for topic in &handler.topics {
                if topic.is_dlq() {
                    let text =
                        format!("handler `{name}` reads the dead-letter topic `{topic}`, and its own dead letters would feed it");
                    problems.add(text, own_sink);
                    continue;
                }
                match letter_topic(topic, group, &errors.dead_letters) {
                    Ok(to) => drop(ways.entry(topic.clone()).or_default().insert(to)),
                    // A group without a name is a problem of its own.
                    Err(_) if check_group(group).is_err() => {}
                    Err(error) => {
                        let text = format!("dead letters of handler `{name}` have nowhere to go: {}", error.context());
                        let remedy = "name a topic in its namespace: `DeadLetterTopic::named(|topic, _group| format!(\"{topic}-broken\"))`; \
                                      or keep the default: `DeadLetterTopic::PerTopic`";
                        problems.add(text, remedy);
                    }
                }
            }
        }
    }
    if let Some(round) = round(&ways) {
        let round: Vec<String> = round.iter().map(|topic| format!("`{topic}`")).collect();
        let text = format!("dead letters go round: {}", round.join(" → "));
        problems.add(text, own_sink);
    }
}

/// The first way that leads back to where it began.
fn round(ways: &BTreeMap<Topic, BTreeSet<Topic>>) -> Option<Vec<&Topic>> {
    fn walk<'a>(
        from: &'a Topic,
        ways: &'a BTreeMap<Topic, BTreeSet<Topic>>,
        path: &mut Vec<&'a Topic>,
        done: &mut BTreeSet<&'a Topic>,
    ) -> bool {
        if let Some(start) = path.iter().position(|topic| *topic == from) {
            path.drain(..start);
            path.push(from);
            return true;
        }
        if !done.insert(from) {
            return false;
        }
        path.push(from);
        if ways.get(from).into_iter().flatten().any(|to| walk(to, ways, path, done)) {
            return true;
        }
        path.pop();
        false
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    ways.keys().any(|from| walk(from, ways, &mut path, &mut done)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(of: &[(&str, &str)]) -> BTreeMap<Topic, BTreeSet<Topic>> {
        let topic = |name: &str| name.parse::<Topic>().expect("a topic");
        let mut ways: BTreeMap<Topic, BTreeSet<Topic>> = BTreeMap::new();
        for (from, to) in of {
            ways.entry(topic(from)).or_default().insert(topic(to));
        }
        ways
    }

    fn said(of: &[(&str, &str)]) -> Option<String> {
        Some(round(&ways(of))?.iter().map(|topic| topic.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn ways_that_lead_on_are_no_round() {
        assert_eq!(said(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("e", "a")]), None);
    }

    #[test]
    fn a_round_is_told_from_where_it_begins() {
        assert_eq!(said(&[("a", "a")]).as_deref(), Some("a a"));
        assert_eq!(said(&[("a", "b"), ("b", "c"), ("c", "b")]).as_deref(), Some("b c b"));
        assert_eq!(said(&[("a", "c"), ("b", "d"), ("c", "e"), ("d", "b")]).as_deref(), Some("b d b"));
    }
}
