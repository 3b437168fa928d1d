//! Reading through the safe wrapper yields what reading in batches yields.

mod common;

use common::Mock;
use millstream_core::contract::{
    Command, Consumer, ConsumerEvent, ConsumerRequest, Produce, Producer, Record, TopicPartition, Transport,
};
use millstream_core::topic::Topic;
use millstream_rdkafka::Rdkafka;
use std::time::Duration;

type Read = (u64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

async fn read(kafka: &Rdkafka, topic: &Topic, count: usize) -> Vec<Read> {
    let place = TopicPartition::new(topic.clone(), 0);
    let mut consumer = kafka.consumer(ConsumerRequest::assigned(vec![place]).max_batch(64)).await.expect("a reader");
    let mut read = Vec::new();
    let all = async {
        while read.len() < count {
            match consumer.poll().await {
                ConsumerEvent::Assigned(assigned) => {
                    consumer.submit(Command::Start { epoch: assigned.epoch, at: 0 });
                    consumer.submit(Command::Want { epoch: assigned.epoch, records: u32::MAX, bytes: u64::MAX });
                }
                ConsumerEvent::Records(batch) => {
                    assert!(batch.len() <= 64);
                    read.extend(batch.iter().map(|view| {
                        let headers = view.headers().map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
                        let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                        (view.offset(), view.timestamp(), bytes(view.key()), bytes(view.value()), headers.collect())
                    }));
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("it is read in time");
    read
}

#[tokio::test]
async fn one_by_one_is_the_same_as_in_batches() {
    let mock = Mock::new();
    let topic = mock.create_topic("same", 1);
    let records: Vec<Record> = (0..500)
        .map(|number| {
            let mut record =
                Record::new(topic.clone(), format!("k{number}"), format!("v{number}")).to_partition(0).at(1_000 + number);
            record = record.header("number", number.to_string()).header("twice", "1").header("twice", "2");
            record.headers.push(("null".into(), None));
            match number % 3 {
                0 => record.without_key(),
                1 => {
                    record.value = None;
                    record
                }
                _ => record,
            }
        })
        .collect();
    let producer = mock.transport().producer().await.expect("a producer");
    let answers = producer.send(&Produce::of(&records).expect("partitions are chosen")).await;
    assert!(answers.iter().all(Result::is_ok));
    let single = Rdkafka::builder(mock.servers()).read_one_by_one().build().expect("it is taken");
    let (batched, single) = (read(&mock.transport(), &topic, 500).await, read(&single, &topic, 500).await);
    assert_eq!(batched, single);
    assert_eq!(batched.iter().map(|read| read.0).collect::<Vec<_>>(), (0..500).collect::<Vec<u64>>());
}
