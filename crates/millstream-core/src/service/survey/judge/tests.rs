//! Each finding by itself: what is refused, and what is only said.

use super::super::need::Need;
use super::{Found, judge};
use crate::contract::{DescribedTopic, Operation};
use crate::topic::Topic;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn topic(name: &str) -> Topic {
    name.parse().expect("a topic")
}

fn described(change: impl FnOnce(&mut DescribedTopic)) -> Option<DescribedTopic> {
    let mut described = DescribedTopic::new(3);
    change(&mut described);
    Some(described)
}

/// What is refused, and what is only said, of `paper.a.b` and a topic that is needed for it.
fn of(need: Need, is: Option<DescribedTopic>, input: Option<DescribedTopic>) -> (String, Vec<String>) {
    let needs = [(topic("paper.a.own"), need)];
    let found: Found = [(topic("paper.a.own"), is), (topic("paper.a.b"), input)].into_iter().collect();
    let (problems, warnings) = judge(&needs, &found, Some(7 * DAY));
    (problems.into_error("desk", Operation::Run).err().map(|error| error.to_string()).unwrap_or_default(), warnings)
}

fn letters() -> Need {
    Need::Letters(topic("paper.a.b"))
}

fn table() -> Need {
    Need::Table(topic("paper.a.b"))
}

#[test]
fn what_is_missing_is_said_at_once_with_what_it_is_needed_for() {
    let names = ["paper.a.b", "paper.a.b.dlq", "paper.a.b.retry.1", "paper.a.state"].map(topic);
    let needs = [Need::Input, letters(), Need::Retries(DAY), table()];
    let needs: Vec<(Topic, Need)> = names.iter().cloned().zip(needs).collect();
    let found: Found = names.into_iter().map(|name| (name, None)).collect();
    let (problems, warnings) = judge(&needs, &found, None);
    let text = problems.into_error("desk", Operation::Run).expect_err("nothing is there").to_string();
    assert!(warnings.is_empty(), "{warnings:?}");
    for part in [
        "service `desk` has 4 problems",
        "the topic paper.a.b does not exist",
        "the dead-letter topic paper.a.b.dlq does not exist",
        "the retry topic paper.a.b.retry.1 does not exist",
        "the table's topic paper.a.state does not exist",
        "with as many partitions as its input paper.a.b",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_nobody_tells_of_is_taken_for_good() {
    let needs = [(topic("paper.a.b"), Need::Input), (topic("paper.a.b.dlq"), letters())];
    let (problems, warnings) = judge(&needs, &Found::new(), Some(DAY));
    assert!(problems.into_error("desk", Operation::Run).is_ok() && warnings.is_empty());
    for need in [Need::Input, letters(), Need::Retries(DAY), table()] {
        let (text, warnings) = of(need, described(|_| {}), described(|_| {}));
        assert!(text.is_empty() && warnings.is_empty(), "{text} {warnings:?}");
    }
}

#[test]
fn ids_are_to_be_remembered_for_as_long_as_records_are_kept() {
    let warned = |change: fn(&mut DescribedTopic)| {
        let (refused, warnings) = of(Need::Input, described(change), None);
        assert_eq!(refused, "");
        warnings.len() == 1 && warnings[0].contains("handled again")
    };
    assert!(!warned(|is| is.retention = Some(7 * DAY)));
    assert!(warned(|is| is.retention = Some(7 * DAY + Duration::from_millis(1))));
    assert!(warned(|is| is.retention = Some(Duration::MAX)));
    assert!(warned(|is| (is.retention, is.compacted) = (Some(DAY), Some(true))));
}

#[test]
fn a_compacted_topic_takes_neither_letters_nor_copies() {
    for need in [letters(), Need::Retries(DAY)] {
        assert!(of(need.clone(), described(|is| is.compacted = Some(true)), described(|_| {})).0.contains("is compacted"));
        assert_eq!(of(need, described(|is| is.compacted = Some(false)), described(|_| {})).0, "");
    }
}

#[test]
fn a_dead_letter_topic_that_is_smaller_than_its_topic_is_said() {
    let few = of(letters(), described(|is| is.partitions = 1), described(|_| {}));
    assert!(few.0.is_empty() && few.1.len() == 1 && few.1[0].contains("has 1 partitions and paper.a.b has 3"), "{few:?}");
    let small = of(letters(), described(|is| is.max_batch_bytes = Some(9)), described(|is| is.max_batch_bytes = Some(10)));
    assert!(small.0.is_empty() && small.1.len() == 1 && small.1[0].contains("only a pointer"), "{small:?}");
    let large = of(letters(), described(|is| is.partitions = 4), described(|_| {}));
    assert!(large.0.is_empty() && large.1.is_empty(), "{large:?}");
}

#[test]
fn a_copy_must_be_kept_until_it_is_due() {
    let refused = |kept| !of(Need::Retries(DAY), described(|is| is.retention = Some(kept)), None).0.is_empty();
    assert!(refused(DAY) && !refused(DAY + Duration::from_secs(1)));
}

#[test]
fn a_table_has_room_for_every_partition_and_loses_no_entry() {
    let few = of(table(), described(|is| is.partitions = 2), described(|_| {})).0;
    assert!(few.contains("has 2 partitions and its input paper.a.b has 3") && few.contains("add some"), "{few}");
    let of = |kept, compacted| {
        of(table(), described(|is| (is.retention, is.compacted) = (Some(kept), Some(compacted))), described(|_| {})).0
    };
    assert!(of(DAY, false).contains("is not compacted"));
    assert_eq!((of(DAY, true), of(Duration::MAX, false)), (String::new(), String::new()));
}

#[test]
fn a_topic_of_several_brokers_lives_through_the_loss_of_one() {
    let warned = |replicas, must| {
        let is = described(|is| (is.replicas, is.min_in_sync) = (Some(replicas), Some(must)));
        of(Need::Input, is, None).1.len() == 1
    };
    assert!(!warned(3, 2) && !warned(1, 1) && warned(3, 1) && warned(3, 3));
}
