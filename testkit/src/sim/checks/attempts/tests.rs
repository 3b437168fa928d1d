//! What is judged of calls: which look-up let a record start, and when nobody can tell.

use super::*;
use crate::now::instant_now;
use crate::sim::checks::Rules;
use crate::sim::world::Link;
use millstream_core::contract::{Fingerprint, Mark, PartitionId, RecordBatch, RecordSetBuilder};
use millstream_core::envelope::{EventEnvelope, IdGenerator, Timestamp};
use std::ops::Range;

const GROUP: &str = "worker.jobs";
const ID: u64 = 1;

struct Run {
    checks: Checks,
    link: Link,
    place: TopicPartition,
    began: Instant,
}

/// The value of an event, and its id.
fn event(of: u64) -> (Vec<u8>, u128) {
    let id = IdGenerator::from_seed(of).next(1_000);
    let value = EventEnvelope::new(id, "job", Timestamp::UNIX_EPOCH, "feed", of).to_json().expect("it is JSON");
    let key = super::super::id_of(Some(&value)).expect("it is an envelope").as_u128();
    (value, key)
}

impl Run {
    /// An epoch of a partition, of which four records may be in flight.
    fn new() -> Self {
        Run::under(Rules { in_flight: 4, ordered: false, ..Rules::default() })
    }

    fn under(rules: Rules) -> Self {
        let (mut checks, link, began) = (Checks::new(rules), Link::new(0, 1), instant_now());
        let place = TopicPartition::new("paper.work.jobs".parse().expect("a topic"), 0);
        checks.begin(began);
        checks.started(&link, GROUP, &place, Epoch(1), Duration::ZERO);
        Run { checks, link, place, began }
    }

    /// Records come, of these events.
    fn delivered(&mut self, offsets: Range<Offset>, events: &[u64]) {
        let mut set = RecordSetBuilder::new(0);
        offsets.clone().zip(events).for_each(|(offset, of)| set.push(offset, 0, None, Some(&event(*of).0)));
        let batch = RecordBatch::new(self.place.clone(), Epoch(1), Arc::new(set.build()), 0..events.len(), offsets.end);
        self.checks.delivered(&self.link, GROUP, &batch, Duration::ZERO);
    }

    fn scope() -> DedupScope {
        DedupScope::new("paper", GROUP, 0, "jobs", "paper.work.jobs")
    }

    fn looked_up(&mut self, of: u64, at: u64) {
        let began = self.began + Duration::from_secs(at);
        self.checks.looked_up(0, 1, Self::scope().as_str(), &[event(of).1], began);
    }

    /// Another epoch's copy of the record at `offset` is done.
    fn marked(&mut self, of: u64, offset: Offset, at: u64) {
        let mark = Mark::new(event(of).1, 0, offset, Fingerprint::default());
        self.checks.settled.answered(GROUP, &self.place, offset, Vec::new());
        self.checks.marked(Self::scope().as_str(), mark, self.began + Duration::from_secs(at));
    }

    fn called(&mut self, of: u64, offset: Offset) {
        let call = self.call(of, offset);
        self.checks.called(offset, call, Duration::from_secs(9));
    }

    fn call(&self, of: u64, offset: Offset) -> Call {
        Call {
            process: (0, 1),
            group: GROUP.to_owned(),
            handler: "jobs".into(),
            place: self.place.clone(),
            offset,
            epoch: Epoch(1),
            attempt: 1,
            key: None,
            id: event(of).1,
        }
    }

    /// Another process calls for a record of this partition.
    fn called_elsewhere(&mut self, of: u64, partition: PartitionId, offset: Offset, at: u64) {
        let (link, at) = (Link::new(1, 1), Duration::from_secs(at));
        let place = TopicPartition::new(self.place.topic.clone(), partition);
        self.checks.started(&link, GROUP, &place, Epoch(2), at);
        let call = Call { process: (1, 1), place, epoch: Epoch(2), ..self.call(of, offset) };
        self.checks.called(100, call, at);
    }

    fn violations(&self) -> Vec<String> {
        self.checks.violations().iter().map(ToString::to_string).collect()
    }
}

#[test]
fn a_start_after_a_look_up_that_began_when_its_id_was_marked_is_a_violation() {
    let mut run = Run::new();
    run.delivered(0..2, &[ID, ID]);
    run.marked(ID, 0, 3);
    run.looked_up(ID, 5);
    run.called(ID, 1);
    assert!(matches!(&run.violations()[..], [one] if one.starts_with("I7") && one.contains("before the look-up")));
}

#[test]
fn a_look_up_for_a_twin_that_is_settled_by_it_says_nothing_of_another_that_waits() {
    let mut run = Run::new();
    // The first is handed on. The second is looked up when it has its id, and waits for its turn; the third has a batch of its own.
    run.delivered(0..3, &[ID, ID, 2]);
    run.delivered(3..4, &[ID]);
    run.looked_up(ID, 1);
    // The copy of the first is done; then the third's batch is looked up, and it is settled before the second starts.
    run.marked(ID, 0, 3);
    run.looked_up(ID, 5);
    // Now what is settled is not in flight any more, and forgotten there.
    run.delivered(4..5, &[3]);
    run.called(ID, 1);
    assert_eq!(run.violations(), Vec::<String>::new());
}

#[test]
fn what_the_store_has_forgotten_lets_a_record_start_again_and_what_it_was_told_since_does_not() {
    let mut run = Run::new();
    run.delivered(0..3, &[ID, ID, ID]);
    run.marked(ID, 0, 3);
    run.checks.forgotten(run.began + Duration::from_secs(4));
    run.looked_up(ID, 5);
    run.called(ID, 2);
    assert_eq!(run.violations(), Vec::<String>::new());
    run.marked(ID, 0, 6);
    run.looked_up(ID, 7);
    run.called(ID, 2);
    assert!(run.violations().iter().any(|one| one.contains("before the look-up")), "{:?}", run.violations());
}

#[test]
fn two_records_of_a_claimed_id_at_once_are_a_violation_but_where_their_claims_were_forgotten() {
    let claims = || Run::under(Rules { in_flight: 4, ordered: false, claims: true, ..Rules::default() });
    let mut run = claims();
    run.called(ID, 0);
    run.called_elsewhere(ID, 1, 0, 9);
    assert!(
        matches!(&run.violations()[..], [one] if one.starts_with("I7") && one.contains("have one id")),
        "{:?}",
        run.violations()
    );
    for (forgotten, excused) in [(8, true), (200, false)] {
        let mut run = claims();
        run.called(ID, 0);
        run.checks.forgotten(run.began + Duration::from_secs(8));
        run.called_elsewhere(ID, 1, 0, forgotten + 1);
        assert_eq!(run.violations().is_empty(), excused, "{:?}", run.violations());
    }
}

#[test]
fn a_claimed_record_that_its_next_owner_calls_for_beside_the_last_one_is_no_violation() {
    let mut run = Run::under(Rules { in_flight: 4, ordered: false, claims: true, ..Rules::default() });
    run.called(ID, 0);
    run.called_elsewhere(ID, 0, 0, 9);
    assert_eq!(run.violations(), Vec::<String>::new());
}
