//! Owns how attempts of a member's handlers get into the history and before the checks.

use super::checks::{Call, id_of};
use super::history::{Ended, What};
use super::network::MemberNo;
use super::world::World;
use millstream_core::contract::TopicPartition;
use millstream_core::engine::Failure;
use millstream_core::handler::{HandlerError, Outcome};
use millstream_core::layer::{DeliveryInfo, Emitted, Watcher};
use std::fmt;
use std::sync::Arc;

pub(super) struct Watch {
    pub(super) world: Arc<World>,
    pub(super) member: MemberNo,
    pub(super) incarnation: u32,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watcher for Watch {
    fn started(&self, delivery: &DeliveryInfo<'_>) -> u64 {
        let number = self.world.number();
        let place = TopicPartition::new(delivery.topic().clone(), delivery.partition());
        let handler: Arc<str> = delivery.handler().into();
        let (offset, epoch, attempt) = (delivery.offset(), delivery.epoch(), delivery.attempt());
        self.world.note(Some(self.member), What::Called(handler.clone(), place.clone(), offset, epoch, attempt));
        let call = Call {
            process: (self.member, self.incarnation),
            group: delivery.group().to_owned(),
            handler,
            place,
            offset,
            epoch,
            attempt,
            key: delivery.record().key().map(<[u8]>::to_vec),
            // What the record itself says, not what the service makes of it.
            id: id_of(delivery.record().value()).unwrap_or(delivery.event_key()).as_u128(),
        };
        let at = self.world.at();
        self.world.checks().called(number, call, at);
        number
    }

    fn ended(
        &self,
        attempt: u64,
        answer: Option<&Result<Outcome, HandlerError>>,
        outputs: &mut dyn Iterator<Item = Emitted<'_>>,
    ) {
        let Some(call) = self.world.checks().call(attempt).cloned() else { return };
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let outputs: Vec<_> = outputs.map(|(topic, key, value)| (topic.clone(), owned(key), owned(value))).collect();
        let ended = match answer {
            None => Ended::Dropped,
            Some(Err(error)) => Ended::Failed(error.to_string()),
            Some(Ok(Outcome::Done | Outcome::Skip(_))) => Ended::Done(outputs.len()),
            Some(Ok(_)) => Ended::Deferred,
        };
        let for_good = |error: &HandlerError| matches!(error.failure(), Failure::Permanent | Failure::Poison);
        self.world.note(Some(self.member), What::Answered(call.handler, call.place, call.offset, ended));
        let at = self.world.at();
        match answer {
            Some(Ok(Outcome::Done | Outcome::Skip(_))) => self.world.checks().succeeded(attempt, &outputs, at),
            Some(Err(error)) => self.world.checks().failed(attempt, for_good(error)),
            None | Some(Ok(_)) => self.world.checks().left(attempt),
        }
    }
}
