//! Owns the hands of the cases: members that wait with patience, and records to send. Leaves what is promised to the cases.

use super::Scene;
use crate::conformance::World;
use crate::now::instant_now;
use bytes::Bytes;
use millstream_core::contract::{
    Applied, Assigned, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerRequest, Epoch, Error, NotApplied,
    Offset, PartitionId, Produce, Producer, Receipt, Record, RecordBatch, TopicPartition, Transport,
};
use millstream_core::topic::Topic;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{sleep, timeout_at};

/// What most partitions are filled with.
pub(crate) const ABC: [&str; 3] = ["a", "b", "c"];

/// More events than any case needs: time that stands still ends no flood.
const FLOOD: u32 = 200_000;

/// The member that a scene's transport makes.
pub(crate) type MemberOf<W> = Member<<<W as World>::Transport as Transport>::Consumer>;

/// A record as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Seen {
    pub(crate) fn all(batch: &RecordBatch) -> impl Iterator<Item = Seen> {
        batch.iter().map(|view| Seen {
            partition: batch.partition.partition,
            offset: view.offset(),
            timestamp: view.timestamp(),
            key: view.key().map(<[u8]>::to_vec),
            value: view.value().map(<[u8]>::to_vec),
            headers: view.headers().map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect(),
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or(b"-")).into_owned()
    }
}

/// A consumer and the case's patience with it.
pub(crate) struct Member<C> {
    pub(crate) consumer: C,
    patience: Duration,
}

/// A member of `scene`'s group `name` on `topic`.
pub(crate) async fn member<W: World>(scene: &Scene<W>, name: &str, topic: &Topic) -> MemberOf<W> {
    member_of(scene, ConsumerRequest::new(scene.group(name), vec![topic.clone()])).await
}

pub(crate) async fn member_of<W: World>(scene: &Scene<W>, request: ConsumerRequest) -> MemberOf<W> {
    let consumer = scene.transport().await.consumer(request).await.expect("the transport makes a consumer");
    Member { consumer, patience: scene.patience() }
}

impl<C: Consumer> Member<C> {
    /// Polls until `pick` takes something. Trouble that passes is not looked at.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(ConsumerEvent) -> Option<T>) -> T {
        let deadline = instant_now() + self.patience;
        for _ in 0..FLOOD {
            match timeout_at(deadline, self.consumer.poll()).await {
                Err(_) => panic!("waited {:?} in vain for {what}", self.patience),
                Ok(ConsumerEvent::Fatal(error)) => panic!("waiting for {what}: {error}"),
                Ok(event) => {
                    if let Some(picked) = pick(event) {
                        return picked;
                    }
                }
            }
        }
        panic!("{FLOOD} events, and none of them {what}")
    }

    /// Polls for so long, whatever comes.
    pub(crate) async fn idle(&mut self, time: Duration) {
        let end = instant_now() + time;
        while timeout_at(end, self.consumer.poll()).await.is_ok() {}
    }

    /// The next `count` assignments, by partition.
    pub(crate) async fn assigned(&mut self, count: usize) -> Vec<Assigned> {
        let mut all = Vec::new();
        let what = format!("{count} assignments");
        self.until(&what, |event| {
            if let ConsumerEvent::Assigned(assigned) = event {
                all.push(assigned);
            }
            (all.len() == count).then_some(())
        })
        .await;
        all.sort_by(|a, b| a.partition.cmp(&b.partition));
        all
    }

    pub(crate) async fn assigned_one(&mut self) -> Assigned {
        self.assigned(1).await.remove(0)
    }

    pub(crate) fn tell(&mut self, command: Command) {
        self.consumer.submit(command);
    }

    /// Starts an epoch with all the demand there is.
    pub(crate) fn begin(&mut self, epoch: Epoch, at: Offset) {
        self.tell(Command::Start { epoch, at });
        self.want(epoch, u32::MAX, u64::MAX);
    }

    pub(crate) fn want(&mut self, epoch: Epoch, records: u32, bytes: u64) {
        self.tell(Command::Want { epoch, records, bytes });
    }

    /// The next `count` records, of whatever epoch.
    pub(crate) async fn records(&mut self, count: usize) -> Vec<(Epoch, Seen)> {
        let mut all = Vec::new();
        let what = format!("{count} records");
        self.until(&what, |event| {
            if let ConsumerEvent::Records(batch) = event {
                all.extend(Seen::all(&batch).map(|seen| (batch.epoch, seen)));
            }
            (all.len() >= count).then_some(())
        })
        .await;
        all
    }

    /// Commits and waits for the outcome, which must come once.
    pub(crate) async fn commit(&mut self, id: u64, entries: Vec<CommitEntry>) -> Vec<(Epoch, Offset, Applied)> {
        self.tell(Command::Commit { id: CommitId(id), entries });
        self.outcome(id).await
    }

    /// As [`commit`](Self::commit), again while the group is between generations.
    pub(crate) async fn commit_at_rest(&mut self, entries: Vec<CommitEntry>) -> Vec<(Epoch, Offset, Applied)> {
        let deadline = instant_now() + self.patience;
        for id in 0.. {
            let outcome = self.commit(id, entries.clone()).await;
            let stale = outcome.iter().any(|(.., applied)| *applied == Applied::NotApplied(NotApplied::Stale));
            if !stale || instant_now() > deadline {
                return outcome;
            }
            sleep(self.patience / 100).await;
        }
        unreachable!("ids do not end")
    }

    pub(crate) async fn outcome(&mut self, id: u64) -> Vec<(Epoch, Offset, Applied)> {
        self.until("a commit's outcome", |event| match event {
            ConsumerEvent::Committed(committed) if committed.id == CommitId(id) => Some(committed.results),
            _ => None,
        })
        .await
    }
}

/// Polls all members at once until `pick` takes something: it sees who said what and may answer. Every poll that loses the
/// race is dropped, so this also leans on cancel safety.
pub(crate) async fn race<C: Consumer, T>(
    members: &mut [&mut Member<C>],
    what: &str,
    mut pick: impl FnMut(usize, ConsumerEvent, &mut Member<C>) -> Option<T>,
) -> T {
    let patience = members.iter().map(|member| member.patience).max().unwrap_or_default();
    let deadline = instant_now() + patience;
    for _ in 0..FLOOD {
        let mut polls: Vec<Pin<Box<dyn Future<Output = ConsumerEvent> + '_>>> = Vec::new();
        for member in members.iter_mut() {
            polls.push(Box::pin(member.consumer.poll()));
        }
        let first = poll_fn(|cx| {
            for (index, poll) in polls.iter_mut().enumerate() {
                if let Poll::Ready(event) = poll.as_mut().poll(cx) {
                    return Poll::Ready((index, event));
                }
            }
            Poll::Pending
        });
        let first = timeout_at(deadline, first).await;
        drop(polls);
        match first {
            Err(_) => panic!("waited {patience:?} in vain for {what}"),
            Ok((index, ConsumerEvent::Fatal(error))) => panic!("member {index}, waiting for {what}: {error}"),
            Ok((index, event)) => {
                if let Some(picked) = pick(index, event, &mut *members[index]) {
                    return picked;
                }
            }
        }
    }
    panic!("{FLOOD} events, and none of them {what}")
}

/// A record whose key and value are `text`, to `partition` of `topic`.
pub(crate) fn record(topic: &Topic, partition: PartitionId, text: &str) -> Record {
    Record::new(topic.clone(), Bytes::copy_from_slice(text.as_bytes()), Bytes::copy_from_slice(text.as_bytes()))
        .to_partition(partition)
}

/// Sends `values` to `partition`, one request, and answers the receipts.
pub(crate) async fn fill<W: World>(scene: &Scene<W>, topic: &Topic, partition: PartitionId, values: &[&str]) -> Vec<Receipt> {
    let producer = scene.transport().await.producer().await.expect("the transport makes a producer");
    let records: Vec<Record> = values.iter().map(|value| record(topic, partition, value)).collect();
    let batch = Produce::of(&records).expect("partitions are chosen");
    let answers = producer.send(&batch).await;
    answers.into_iter().map(|answer| answer.expect("the log takes the record")).collect()
}

/// A member that holds both partitions of a new topic, neither started.
pub(crate) async fn pair<W: World>(scene: &Scene<W>, name: &str) -> (Topic, MemberOf<W>, Assigned, Assigned) {
    let topic = scene.create_topic(name, 2).await;
    let mut member = member(scene, name, &topic).await;
    let mut assigned = member.assigned(2).await;
    let second = assigned.remove(1);
    (topic, member, assigned.remove(0), second)
}

/// A member that holds all `partitions` of a new topic.
pub(crate) async fn alone<W: World>(scene: &Scene<W>, name: &str, partitions: u32) -> (Topic, MemberOf<W>, Vec<Assigned>) {
    let topic = scene.create_topic(name, partitions).await;
    let mut member = member(scene, name, &topic).await;
    let assigned = member.assigned(partitions as usize).await;
    (topic, member, assigned)
}

pub(crate) async fn producer_of<W: World>(scene: &Scene<W>) -> <W::Transport as Transport>::Producer {
    scene.transport().await.producer().await.expect("the transport makes a producer")
}

/// What `partition` of `topic` holds from its start on.
pub(crate) async fn contents<W: World>(scene: &Scene<W>, group: &str, topic: &Topic, partition: u32, count: usize) -> Vec<Seen> {
    let mut member = reader(scene, group, topic, partition).await;
    member.records(count).await.into_iter().map(|(_, seen)| seen).collect()
}

/// What `partition` of `topic` holds from its start up to the record `last`.
pub(crate) async fn contents_up_to<W: World>(
    scene: &Scene<W>,
    group: &str,
    topic: &Topic,
    partition: u32,
    last: &str,
) -> Vec<Seen> {
    let mut member = reader(scene, group, topic, partition).await;
    let mut read: Vec<Seen> = Vec::new();
    while read.last().is_none_or(|seen| seen.text() != last) {
        read.extend(member.records(1).await.into_iter().map(|(_, seen)| seen));
    }
    read
}

/// A member that begins to read `partition` of `topic` from its start on: without a group, or, where that cannot be, as one of
/// its own.
async fn reader<W: World>(scene: &Scene<W>, group: &str, topic: &Topic, partition: u32) -> MemberOf<W> {
    let transport = scene.transport().await;
    let mut member = if transport.capabilities().assignment.is_yes() {
        member_of(scene, ConsumerRequest::assigned(vec![TopicPartition::new(topic.clone(), partition)])).await
    } else {
        member(scene, group, topic).await
    };
    let start = member
        .until("the partition", |event| match event {
            ConsumerEvent::Assigned(assigned) if assigned.partition.partition == partition => Some(assigned),
            _ => None,
        })
        .await;
    member.begin(start.epoch, start.log_start.unwrap_or(0));
    member
}

pub(crate) fn produce(records: &[Record]) -> Produce {
    Produce::of(records).expect("partitions are chosen")
}

pub(crate) fn error(answer: &Result<Receipt, Error>) -> &Error {
    answer.as_ref().expect_err("this record cannot be taken")
}
