//! The log against a naive list of records: whatever is appended, cut off, compacted and read, both agree.

use millstream_core::contract::{
    Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Offset, PartitionFault, Produce, Producer, Record, Transport,
};
use millstream_core::topic::Topic;
use millstream_memory::{Cleanup, Memory, MemoryConsumer, MemoryProducer, TopicConfig};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<(u8, Option<u8>)>),
    Control,
    Compact,
    DeleteBelow(u8),
    Truncate(u8),
    Inspect(u8, u8),
    Want(u8, u16),
    Poll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = (0..6_u8, prop_oneof![4 => (0..60_u8).prop_map(Some), 1 => Just(None)]);
    let step = prop_oneof![
        6 => prop::collection::vec(record, 1..8).prop_map(Step::Send),
        1 => Just(Step::Control),
        1 => Just(Step::Compact),
        1 => any::<u8>().prop_map(Step::DeleteBelow),
        1 => any::<u8>().prop_map(Step::Truncate),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(from, max)| Step::Inspect(from, max)),
        4 => (0..6_u8, 0..200_u16).prop_map(|(records, bytes)| Step::Want(records, bytes)),
        8 => Just(Step::Poll),
    ];
    prop::collection::vec(step, 1..80)
}

type Value = (u8, Option<Vec<u8>>);

/// What a log is, told naively.
#[derive(Default)]
struct Model {
    slots: Vec<Option<Value>>,
    start: u64,
    compacted: u64,
}

impl Model {
    fn end(&self) -> u64 {
        self.slots.len() as u64
    }

    fn live(&self, from: u64) -> impl Iterator<Item = (u64, &Value)> {
        let from = from.max(self.start);
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(at, slot)| Some((at as u64, slot.as_ref()?)))
            .filter(move |(at, _)| *at >= from)
    }

    fn compact(&mut self) {
        let last: BTreeMap<u8, u64> = self.live(0).map(|(at, (key, _))| (*key, at)).collect();
        for at in self.start..self.end() {
            let slot = &mut self.slots[at as usize];
            let Some((key, value)) = slot else { continue };
            if last[key] != at || (value.is_none() && at < self.compacted) {
                *slot = None;
            }
        }
        self.compacted = self.end();
    }
}

/// What the reader knows.
struct Reader {
    consumer: MemoryConsumer,
    position: u64,
    records: u32,
    bytes: u64,
    fresh: bool,
    faulted: bool,
}

fn size((_, value): &Value) -> u64 {
    1 + value.as_ref().map_or(0, |value| value.len() as u64)
}

async fn send(producer: &MemoryProducer, topic: &Topic, model: &mut Model, records: &[(u8, Option<u8>)]) {
    let all: Vec<Record> = records
        .iter()
        .map(|(key, len)| match len {
            Some(len) => Record::new(topic.clone(), vec![*key], vec![*key; *len as usize]),
            None => Record::tombstone(topic.clone(), vec![*key]),
        })
        .map(|record| record.to_partition(0))
        .collect();
    let answers = producer.send(&Produce::of(&all).expect("a partition")).await;
    for (answer, (key, len)) in answers.into_iter().zip(records) {
        assert_eq!(answer.expect("taken").offset, model.end());
        model.slots.push(Some((*key, len.map(|len| vec![*key; len as usize]))));
    }
}

/// One poll, compared with what the model says it must be.
fn poll_and_compare(reader: &mut Reader, model: &Model, epoch: &mut Option<millstream_core::contract::Epoch>) {
    let event = {
        let poll = std::pin::pin!(reader.consumer.poll());
        poll.poll(&mut Context::from_waker(Waker::noop()))
    };
    let next = model.live(reader.position).next();
    match event {
        Poll::Pending => {
            let quiet = reader.records == 0 || reader.faulted || reader.position == model.end();
            let no_room = next.is_some_and(|(_, value)| !reader.fresh && size(value) > reader.bytes);
            assert!(quiet || no_room, "pending at {} with {next:?}", reader.position);
        }
        Poll::Ready(ConsumerEvent::Records(batch)) => {
            assert!(!reader.faulted);
            let read: Vec<(u64, Value)> =
                batch.iter().map(|r| (r.offset(), (r.key().expect("a key")[0], r.value().map(<[u8]>::to_vec)))).collect();
            let expected: Vec<(u64, Value)> =
                model.live(reader.position).take(read.len()).map(|(at, value)| (at, value.clone())).collect();
            assert_eq!(read, expected);
            assert!(batch.len() as u64 <= u64::from(reader.records));
            assert!(batch.bytes() as u64 <= reader.bytes || (batch.len() == 1 && reader.fresh));
            let after = model.live(read[read.len() - 1].0 + 1).next().map_or(model.end(), |(at, _)| at);
            assert!(batch.next > read[read.len() - 1].0 && batch.next <= after);
            reader.records -= u32::try_from(batch.len()).expect("few");
            reader.bytes = reader.bytes.saturating_sub(batch.bytes() as u64);
            (reader.position, reader.fresh) = (batch.next, false);
        }
        Poll::Ready(ConsumerEvent::Advanced { next: to, .. }) => {
            assert!(next.is_none() && to == model.end() && to > reader.position, "advanced past {next:?}");
            reader.position = to;
        }
        Poll::Ready(ConsumerEvent::Fault { fault, .. }) => {
            match fault {
                PartitionFault::OutOfRange { requested, log_start, end } => {
                    assert_eq!((requested, log_start, end), (reader.position, model.start, model.end()));
                    assert!(requested < log_start || requested > end);
                }
                PartitionFault::Truncated(to) => assert!(to < reader.position),
                other => panic!("{other:?}"),
            }
            reader.faulted = true;
            let epoch = epoch.take().expect("an epoch");
            reader.consumer.submit(Command::Restart { epoch, at: model.start });
        }
        Poll::Ready(ConsumerEvent::Assigned(assigned)) => {
            let at = assigned.resume.unwrap_or(model.start).max(model.start).min(model.end());
            *epoch = Some(assigned.epoch);
            reader.consumer.submit(Command::Start { epoch: assigned.epoch, at });
            (reader.position, reader.records, reader.faulted) = (at, 0, false);
        }
        Poll::Ready(ConsumerEvent::Ending { .. }) => {}
        Poll::Ready(other) => panic!("{other:?}"),
    }
}

async fn run(config: TopicConfig, steps: Vec<Step>) {
    let retention = config.retention_bytes;
    let topic: Topic = "a.log".parse().expect("a name");
    let memory = Memory::new();
    memory.create_topic(&topic, config).expect("new");
    let producer = memory.producer().await.expect("a producer");
    let consumer = memory.consumer(ConsumerRequest::new("g", vec![topic.clone()]).max_batch(4)).await.expect("a consumer");
    let mut reader = Reader { consumer, position: 0, records: 0, bytes: 0, fresh: false, faulted: false };
    let (mut model, mut epoch) = (Model::default(), None);
    for step in steps {
        match step {
            Step::Send(records) => send(&producer, &topic, &mut model, &records).await,
            Step::Control => {
                assert_eq!(memory.append_control(&topic, 0).expect("a topic"), model.end());
                model.slots.push(None);
            }
            Step::Compact => {
                memory.compact(&topic).expect("a topic");
                model.compact();
            }
            Step::DeleteBelow(before) => {
                let before = u64::from(before).min(model.end());
                memory.delete_records(&topic, 0, before).expect("a topic");
                model.start = model.start.max(before);
            }
            Step::Truncate(back) => {
                // Mostly shallow, as in life.
                let to = model.end().saturating_sub(u64::from(back) / 32);
                memory.truncate(&topic, 0, to).expect("a topic");
                model.slots.truncate(to as usize);
                (model.start, model.compacted) = (model.start.min(to), model.compacted.min(to));
            }
            Step::Inspect(from, max) => {
                let read: Vec<Offset> = memory
                    .read(&topic, 0, u64::from(from), max as usize)
                    .iter()
                    .flat_map(|batch| batch.iter().map(|record| record.offset()).collect::<Vec<_>>())
                    .collect();
                let expected: Vec<Offset> = model.live(u64::from(from)).take(max as usize).map(|(at, _)| at).collect();
                assert_eq!(read, expected);
            }
            Step::Want(records, bytes) => {
                if let Some(epoch) = epoch {
                    let (records, bytes) = (u32::from(records), u64::from(bytes));
                    reader.consumer.submit(Command::Want { epoch, records, bytes });
                    (reader.records, reader.bytes, reader.fresh) = (records, bytes, true);
                }
            }
            Step::Poll => poll_and_compare(&mut reader, &model, &mut epoch),
        }
        let (start, end) = (memory.log_start(&topic, 0).expect("a topic"), memory.end(&topic, 0).expect("a topic"));
        assert_eq!(end, model.end());
        if let Some(keep) = retention {
            // Which segments fall is the log's affair; that enough stays, and that the start never goes back, is not.
            assert!(start >= model.start);
            let dropped = start > model.start;
            model.start = start;
            let kept: u64 = model.live(0).map(|(_, value)| size(value)).sum();
            assert!(!dropped || kept >= keep, "{kept} bytes are left of {keep}");
        } else {
            assert_eq!(start, model.start);
        }
    }
    reader.consumer.close(Close::Leave(std::time::Duration::ZERO)).await.expect("closed");
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(tokio::task::unconstrained(work));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn a_log_that_keeps_everything_equals_a_list(steps in steps(), records in 1..9_usize) {
        block_on(run(TopicConfig::new(1).segment_records(records), steps));
    }

    #[test]
    fn a_log_of_small_segments_equals_a_list(steps in steps(), bytes in 1..300_usize) {
        block_on(run(TopicConfig::new(1).segment_bytes(bytes), steps));
    }

    #[test]
    fn a_log_that_drops_its_oldest_segments_equals_a_list(steps in steps(), keep in 40..400_u64) {
        block_on(run(TopicConfig::new(1).retention_bytes(keep).cleanup(Cleanup::Delete), steps));
    }
}
