//! Owns writing as an idempotent client does: each partition's requests are numbered, repeated until they are answered, and
//! fenced by a new epoch once they were given up.

use crate::now::instant_now;
use crate::sim::cluster::{Write, Wrote};
use crate::sim::network::{Operation as Call, Server};
use crate::sim::world::{Link, Unanswered, World};
use millstream_core::contract::{
    Applied, Error, ErrorKind, Operation, Produce, Producer, Receipt, RecordSetBuilder, TopicPartition,
};
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Requests are repeated for so long; then what became of them is unknown. Below the framework's own deadline of 30 s.
const DELIVERY: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Numbers {
    epoch: u32,
    next: BTreeMap<TopicPartition, u64>,
}

/// Writes records for one member of a simulation.
#[derive(Clone)]
pub struct SimProducer {
    world: Arc<World>,
    link: Link,
    id: u64,
    numbers: Arc<Mutex<Numbers>>,
}

impl fmt::Debug for SimProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimProducer").field("member", &self.link.member).finish_non_exhaustive()
    }
}

/// What a broker says to a request.
enum Reply {
    Written(Vec<Result<Receipt, Error>>),
    Fenced,
    OutOfOrder,
    NotLeader,
}

/// A request that was given up: the next one must not meet it.
struct GivenUp<'p>(&'p SimProducer, bool);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if self.1 {
            let numbers = &mut *self.0.numbers();
            numbers.epoch += 1;
            numbers.next.clear();
        }
    }
}

impl SimProducer {
    pub(crate) fn new(world: Arc<World>, link: Link) -> Self {
        let id = world.number();
        SimProducer { world, link, id, numbers: Arc::default() }
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, place: &TopicPartition) -> Write {
        let numbers = &mut *self.numbers();
        let next = numbers.next.entry(place.clone()).or_default();
        let number = *next;
        *next += 1;
        Write { producer: self.id, epoch: numbers.epoch, number }
    }

    /// Writes the records of one partition.
    async fn write(&self, place: TopicPartition, records: Arc<Produce>) -> Vec<Result<Receipt, Error>> {
        let until = instant_now() + DELIVERY;
        let mut given_up = GivenUp(self, true);
        let mut write = self.number(&place);
        let mut unknown = false;
        loop {
            let broker = self.world.servers().leaders.of(&place);
            let (to, sent, member) = (place.clone(), records.clone(), self.link.member);
            let does = move |world: &World| append(world, member, write, &to, &sent, broker);
            match self.world.call(&self.link, Server::Broker(broker), Call::Produce, does).await {
                Ok(Reply::Written(answers)) => {
                    // What was not written leaves a gap in the numbers: the next epoch begins without it.
                    given_up.1 = answers.iter().any(|answer| answer.as_ref().is_err_and(Error::is_retriable));
                    return answers;
                }
                // Its own successor has fenced it: what it was is unknown.
                Ok(Reply::Fenced) => {
                    given_up.1 = false;
                    unknown = true;
                    if write.epoch == self.numbers().epoch {
                        break;
                    }
                    write = self.number(&place);
                    if instant_now() >= until {
                        break;
                    }
                }
                Ok(Reply::OutOfOrder | Reply::NotLeader) | Err(Unanswered::Refused) => {}
                Err(Unanswered::Unknown) => unknown = true,
            }
            if instant_now() >= until {
                break;
            }
            sleep(PAUSE).await;
        }
        let error = || {
            let applied =
                if unknown { Applied::Unknown } else { Applied::NotApplied(millstream_core::contract::NotApplied::Refused) };
            Error::new(ErrorKind::TimedOut, Operation::Send, "no broker has answered in time").with_applied(applied)
        };
        (0..records.len()).map(|_| Err(error())).collect()
    }
}

/// What a broker does with a request.
fn append(world: &World, member: usize, write: Write, place: &TopicPartition, records: &Produce, broker: u8) -> Reply {
    let servers = &mut *world.servers();
    if servers.leaders.of(place) != broker {
        return Reply::NotLeader;
    }
    match servers.writers.look(write, place) {
        Wrote::New => {}
        Wrote::Before(answers) => {
            let refused = || Error::new(ErrorKind::Invalid, Operation::Send, "it was refused before");
            return Reply::Written(answers.into_iter().map(|answer| answer.map_err(|()| refused())).collect());
        }
        Wrote::Fenced => return Reply::Fenced,
        Wrote::OutOfOrder => return Reply::OutOfOrder,
    }
    let answers = world.append(Some(member), records);
    let kept = answers.iter().map(|answer| answer.as_ref().map(|receipt| *receipt).map_err(|_| ())).collect();
    // What is to be tried again is not written: its number stays free.
    if !answers.iter().any(|answer| answer.as_ref().is_err_and(Error::is_retriable)) {
        servers.writers.wrote(write, place, kept);
    }
    Reply::Written(answers)
}

impl Producer for SimProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        self.world.handed_over(&self.link, batch);
        let mut shares: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..batch.len() {
            shares.entry(batch.place(index)).or_default().push(index);
        }
        let mut answers: Vec<Option<Result<Receipt, Error>>> = Vec::new();
        answers.resize_with(batch.len(), || None);
        // One after the other: a request of several partitions is rare, and their order among each other is nobody's.
        for (place, indexes) in shares {
            let place = batch.places()[place].clone();
            let mut set = RecordSetBuilder::new(0);
            for (offset, index) in (0..).zip(&indexes) {
                let view = batch.record(*index);
                set.push_view(offset, view.timestamp(), view);
            }
            let share = Produce::new(vec![place.clone()], vec![0; indexes.len()], set.build());
            let answered = self.write(place, Arc::new(share)).await;
            for (index, answer) in indexes.into_iter().zip(answered) {
                answers[index] = Some(answer);
            }
        }
        let missing = || Err(Error::new(ErrorKind::Internal, Operation::Send, "a record was not looked at"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    async fn flush(&self, _within: Duration) -> Result<(), Error> {
        Ok(())
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        let broker = self.world.servers().leaders.coordinator();
        let name = topic.clone();
        let does = move |world: &World| world.create_by_use(&name);
        let answer = self.world.call_in_time(&self.link, Server::Broker(broker), Call::Metadata, does).await;
        answer.map_err(|_| Error::new(ErrorKind::Unavailable, Operation::Lookup, "no broker answers"))
    }
}
