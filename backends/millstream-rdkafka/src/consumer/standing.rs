//! Owns the question whether the group still has this member. There is no request that only asks; so one is made that every
//! coordinator checks for its member and then refuses: a commit whose text is longer than any takes. Nothing is written by it.
//! Where the last committed offset is known it is said again instead, which changes nothing either.

use super::context::{Context, Named};
use super::lookup::partition;
use super::shared::Shared;
use crate::raw;
use rdkafka::consumer::BaseConsumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::time::{Duration, Instant};

/// Longer than brokers take (4 KiB by default), and shorter than the protocol's strings.
const TOO_LONG: usize = 32_000;
/// The rest before an unanswered question is asked again.
const REST: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(super) struct Standing {
    asked: bool,
    probing: bool,
    again: Option<Instant>,
    /// The group has handed something out, if only nothing, since the last loss.
    joined: bool,
    /// The last probe went well, and was sent after the question.
    heard: bool,
}

impl Standing {
    pub(super) fn ask(&mut self) {
        // A probe that is under way began before this question.
        (self.asked, self.heard) = (true, false);
        self.again = None;
    }

    pub(super) fn joined(&mut self) {
        self.joined = true;
    }

    /// Whoever lost something has an answer by that.
    pub(super) fn lost(&mut self) {
        (self.asked, self.heard, self.joined) = (false, false, false);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked
    }

    pub(super) fn is_probing(&self) -> bool {
        self.probing
    }

    pub(super) fn is_hasty(&self) -> bool {
        self.asked && !self.probing
    }

    /// Whether an outcome was that of a probe.
    pub(super) fn hear_probe(&mut self, whole: Option<RDKafkaErrorCode>, each: &[(Named, Option<RDKafkaErrorCode>)]) -> bool {
        if !std::mem::take(&mut self.probing) {
            return false;
        }
        let code = each.iter().find_map(|(_, code)| *code).or(whole);
        let known = matches!(code, None | Some(RDKafkaErrorCode::NoError | RDKafkaErrorCode::OffsetMetadataTooLarge));
        self.heard = known && self.asked && self.again.is_some();
        true
    }

    /// Whether the question is answered; if not, the next step to an answer is made.
    pub(super) fn settle(&mut self, consumer: &BaseConsumer<Context>, shared: &Shared, alone: bool) -> bool {
        if alone || std::mem::take(&mut self.heard) {
            self.asked = false;
            return true;
        }
        if self.probing || self.again.is_some_and(|again| again > Instant::now()) {
            return false;
        }
        let mut list = TopicPartitionList::new();
        {
            let state = shared.state();
            let Some(owned) = state.owned.first() else {
                // Who holds nothing can lose nothing: to have joined is all there is.
                let answered = self.joined && state.looking.is_empty();
                self.asked &= !answered;
                return answered;
            };
            let mut element = list.add_partition(owned.place.topic.as_str(), partition(&owned.place));
            let said = owned.probe(TOO_LONG);
            // Fails only for offsets below 0.
            let _ = element.set_offset(Offset::Offset(i64::try_from(said.offset).unwrap_or(i64::MAX)));
            if let Some(metadata) = said.metadata.filter(|text| !text.is_empty()) {
                element.set_metadata(metadata);
            }
            raw::set_leader_epoch(&mut list, owned.place.topic.as_str(), partition(&owned.place), said.leader_epoch);
        }
        self.again = Some(Instant::now() + REST);
        self.probing = raw::commit(consumer, &list).is_ok();
        false
    }
}
