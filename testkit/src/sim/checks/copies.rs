//! Owns copies in retry topics, told by their headers: whose they are, and how far the original has come.

use super::Checks;
use super::settled::Of;
use millstream_core::contract::{Headers, Offset, RecordView, TopicPartition};
use std::collections::BTreeMap;

/// A copy: the group and the place of its original, and the retry topic's number.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    of: Of,
    offset: Offset,
    stage: u32,
}

#[derive(Debug, Default)]
pub(super) struct Copies {
    lie: BTreeMap<TopicPartition, BTreeMap<Offset, Copy>>,
    /// The last stage to which a record was handed on; the highest number is its dead letter.
    furthest: BTreeMap<Of, BTreeMap<Offset, u32>>,
}

fn number<T: std::str::FromStr>(headers: &Headers<'_>, name: &str) -> Option<T> {
    headers.text(name)?.parse().ok()
}

fn copy_at(place: &TopicPartition, headers: &Headers<'_>) -> Option<Copy> {
    let (topic, stage) = place.topic.as_str().rsplit_once(".retry.")?;
    let header = |name: &str| format!("millstream-retry-{name}");
    let group = headers.text(&header("group"))?.to_owned();
    let from = TopicPartition::new(topic.parse().ok()?, number(headers, &header("partition"))?);
    Some(Copy { of: (group, from), offset: number(headers, &header("offset"))?, stage: stage.parse().ok()? })
}

fn letter_of(headers: &Headers<'_>) -> Option<Copy> {
    let header = |name: &str| format!("__dlq.errors.{name}");
    let group = headers.text(&header("group"))?.to_owned();
    let topic = headers.text(&header("topic"))?.parse().ok()?;
    let from = TopicPartition::new(topic, number(headers, &header("partition"))?);
    Some(Copy { of: (group, from), offset: number(headers, &header("offset"))?, stage: u32::MAX })
}

impl Copies {
    /// A record was written, by a service or (`ours` is false) by anybody.
    pub(super) fn landed(&mut self, ours: bool, place: &TopicPartition, offset: Offset, view: RecordView<'_>) {
        let headers = view.headers();
        let copy = copy_at(place, &headers);
        if let Some(copy) = &copy {
            self.lie.entry(place.clone()).or_default().insert(offset, copy.clone());
        }
        if let Some(copy) = copy.or_else(|| letter_of(&headers)).filter(|_| ours) {
            let stage = self.furthest.entry(copy.of).or_default().entry(copy.offset).or_default();
            *stage = copy.stage.max(*stage);
        }
    }

    pub(super) fn at(&self, place: &TopicPartition, offset: Offset) -> Option<&Copy> {
        self.lie.get(place)?.get(&offset)
    }

    /// How many copies of an original lie in a retry topic's partition.
    pub(super) fn count(&self, place: &TopicPartition, of: &TopicPartition, offset: Offset) -> u32 {
        let all = self.lie.get(place).into_iter().flat_map(BTreeMap::values);
        all.filter(|copy| copy.offset == offset && copy.of.1 == *of).fold(0, |count, _| count + 1)
    }

    fn furthest(&self, copy: &Copy) -> u32 {
        self.furthest.get(&copy.of).and_then(|offsets| offsets.get(&copy.offset)).copied().unwrap_or(0)
    }
}

impl Checks {
    /// Whether a copy is settled for a group: its original is, by an answer or by having gone further. Those of other groups
    /// are filtered.
    pub(super) fn is_copy_settled(&self, copy: &Copy, group: &str, id: Option<u128>) -> bool {
        copy.of.0 != group
            || self.copies.furthest(copy) > copy.stage
            || self.letters.has(&copy.of, copy.offset)
            || self.is_completed(&copy.of, copy.offset)
            || self.is_known_elsewhere(&copy.of, copy.offset, id)
    }
}
