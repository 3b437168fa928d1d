//! Ends that the suite cannot arrange on a mock cluster: a cluster that does not answer, and consumers that are dropped.

mod common;

use common::{Mock, Short};
use millstream_core::contract::{
    Assigned, Close, Command, CommitEntry, CommitId, Consumer, ConsumerEvent, ConsumerRequest, Transport,
};
use millstream_core::topic::Topic;
use millstream_rdkafka::RdkafkaConsumer;
use std::time::{Duration, Instant};

async fn member(mock: &Mock, topic: &Topic) -> RdkafkaConsumer {
    let request = ConsumerRequest::new("closing", vec![topic.clone()]);
    Short(mock.transport()).consumer(request).await.expect("the topic is there")
}

async fn assigned(consumer: &mut RdkafkaConsumer) -> Assigned {
    let assigned = async {
        loop {
            if let ConsumerEvent::Assigned(assigned) = consumer.poll().await {
                return assigned;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), assigned).await.expect("it is assigned in time")
}

#[tokio::test]
async fn close_answers_in_time_though_the_cluster_is_silent() {
    let mock = Mock::new();
    let topic = mock.create_topic("silent", 1);
    let mut consumer = member(&mock, &topic).await;
    let held = assigned(&mut consumer).await;
    mock.cluster.broker_round_trip_time(-1, Duration::from_secs(30)).expect("there is a broker");
    let entries = vec![CommitEntry::new(held.partition.clone(), held.epoch, 1)];
    consumer.submit(Command::Commit { id: CommitId(1), entries });
    let began = Instant::now();
    let told = consumer.close(Close::Leave(Duration::from_secs(1))).await;
    assert!(began.elapsed() < Duration::from_secs(5), "a round trip takes 30 s");
    assert!(told.is_err(), "nobody was told");
}

#[tokio::test]
async fn a_consumer_that_is_dropped_leaves_its_group() {
    let mock = Mock::new();
    let topic = mock.create_topic("dropped", 1);
    let mut first = member(&mock, &topic).await;
    let held = assigned(&mut first).await;
    drop(first);
    let mut second = member(&mock, &topic).await;
    assert_eq!(assigned(&mut second).await.partition, held.partition);
}

#[tokio::test]
async fn what_is_polled_after_a_close_says_that_it_is_closed() {
    let mock = Mock::new();
    let topic = mock.create_topic("closed", 1);
    let mut consumer = member(&mock, &topic).await;
    assigned(&mut consumer).await;
    consumer.close(Close::Leave(Duration::from_secs(20))).await.expect("the cluster hears it");
    assert!(matches!(consumer.poll().await, ConsumerEvent::Fatal(_)));
    consumer.close(Close::Leave(Duration::from_secs(1))).await.expect("it is closed already");
}
