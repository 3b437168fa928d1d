//! Owns the proof that mocks can be given wherever a trait is asked for, and that what they find wrong reaches the test.

mod support;

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{
    Assigned, Close, Command, Consumer, ConsumerEvent, ConsumerExt, Epoch, Error, ErrorKind, Marked, Operation, Producer,
    ProducerExt, Receipt, Seen, TopicId, TopicPartition,
};
use millstream_core::handler::{Event, HandlerError};
use millstream_core::service::{ErrorHandling, StreamService};
use millstream_core::topic::Topic;
use millstream_memory::Memory;
use millstream_testkit::mocks::{MockConsumer, MockDeduplicator, MockErrorSink, MockProducer, Sequence, predicate};
use millstream_testkit::{TestBench, TestEvent};
use std::time::Duration;
use support::{Alert, alert, words_of};

const ORDERS: &str = "paper.orders.placed";

async fn refuse(_: Event<Alert>) -> Result<(), HandlerError> {
    Err(HandlerError::permanent("no trader"))
}

fn deduplicated(memory: Memory, dedup: MockDeduplicator) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("watch", memory)
        .with_deduplicator(dedup)
        .add_consumer_handler(ORDERS, "watch.orders", async |_: Event<Alert>| {})
        .build()
}

fn fresh(dedup: &mut MockDeduplicator) {
    dedup.expect_check().returning(|_, keys, answers| {
        answers.extend(keys.iter().map(|_| Seen::Fresh));
        Ok(())
    });
}

#[tokio::test(start_paused = true)]
async fn a_mocked_deduplicator_serves_a_service() -> Result<(), Error> {
    let order = TestEvent::of(alert("ann", 1));
    let id = order.id().key().as_u128();
    let mut dedup = MockDeduplicator::new();
    fresh(&mut dedup);
    dedup.expect_complete().withf(move |_, marks, _| marks.iter().all(|mark| mark.key == id)).times(1).returning(
        |_, marks, met| {
            met.extend(marks.iter().map(|_| Marked::First));
            Ok(())
        },
    );
    let bench = TestBench::start(|memory| deduplicated(memory, dedup)).await?;
    bench.feed([order.to(ORDERS)]).await;
    assert_eq!(bench.account().done, 1);
    bench.stop().await
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_asked_again_by_the_service() -> Result<(), Error> {
    let mut dedup = MockDeduplicator::new();
    let mut order = Sequence::new();
    let down =
        |_: &_, _: &[u128], _: &mut Vec<Seen>| Err(Error::new(ErrorKind::Unavailable, Operation::Check, "the store is down"));
    dedup.expect_check().times(2).in_sequence(&mut order).returning(down);
    dedup.expect_check().times(1).in_sequence(&mut order).returning(|_, keys, answers| {
        answers.extend(keys.iter().map(|_| Seen::Fresh));
        Ok(())
    });
    dedup.expect_complete().returning(|_, marks, met| {
        met.extend(marks.iter().map(|_| Marked::First));
        Ok(())
    });
    let bench = TestBench::start(|memory| deduplicated(memory, dedup)).await?;
    bench.feed([TestEvent::of(alert("ann", 1)).to(ORDERS)]).await;
    assert_eq!((bench.account().done, bench.account().retries), (1, 0));
    bench.stop().await
}

/// What a future panics with.
async fn words(run: impl Future<Output = ()> + Send + 'static) -> String {
    words_of(tokio::spawn(run).await.expect_err("it does not fail").into_panic())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_did_not_come_fails_the_test_when_the_service_stops() {
    let said = words(async {
        let mut dedup = MockDeduplicator::new();
        fresh(&mut dedup);
        dedup.expect_complete().times(1).returning(|_, _, _| Ok(()));
        let bench = TestBench::start(|memory| deduplicated(memory, dedup)).await.expect("it starts");
        bench.stop().await.expect("it stops");
    });
    let said = said.await;
    assert_eq!(said, "MockDeduplicator::complete: Expectation(<anything>) called 0 time(s) which is fewer than expected 1");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_expects_ends_the_service_and_says_so() {
    let said = words(async {
        let bench = TestBench::start(|memory| deduplicated(memory, MockDeduplicator::new())).await.expect("it starts");
        bench.feed([TestEvent::of(alert("ann", 1)).to(ORDERS)]).await;
    });
    let said = said.await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "the service ended: run failed: a worker died");
    assert!(lines[1].contains("panicked with message \"MockDeduplicator::check("), "{said}");
    assert!(lines[1].ends_with("No matching expectation found\""), "{said}");
    assert_eq!(lines[2..], ["  not settled: paper.orders.placed-0 from 0 to 1 by group watch.orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_mocked_sink_takes_dead_letters() -> Result<(), Error> {
    let mut sink = MockErrorSink::new();
    sink.expect_accept()
        .withf(|letters| letters.iter().all(|letter| letter.message == "no trader" && letter.attempts == 1))
        .times(1)
        .returning(|letters| letters.iter().map(|_| Ok(())).collect());
    let bench = TestBench::start(|memory| {
        StreamServiceBuilder::new("watch", memory)
            .with_error_handling(ErrorHandling::new().error_sink(sink))
            .add_consumer_handler(ORDERS, "watch.orders", refuse)
            .build()
    })
    .await?;
    bench.feed([TestEvent::of(alert("ann", 1)).to(ORDERS)]).await;
    assert_eq!(bench.account().dead_lettered, 1);
    bench.stop().await
}

#[tokio::test]
async fn a_mocked_producer_is_a_producer() {
    let mut producer = MockProducer::new();
    producer.expect_partitions().with(predicate::eq(Topic::literal(ORDERS))).times(1).returning(|_| Ok(4));
    producer
        .expect_send()
        .withf(|batch| batch.len() == 1 && batch.record(0).key() == Some(b"ann"))
        .times(1)
        .returning(|batch| vec![Ok(Receipt::new(batch.places()[0].partition, 7, 0))]);
    producer.expect_flush().times(1).returning(|_| Ok(()));
    let receipt = producer.send_one(TestEvent::of(alert("ann", 1)).to(ORDERS)).await.expect("it answers");
    assert_eq!((receipt.offset, receipt.partition < 4), (7, true));
    producer.flush(Duration::from_secs(1)).await.expect("it answers");
}

#[tokio::test]
async fn a_mocked_consumer_says_what_it_is_told_and_then_waits() {
    let mut consumer = MockConsumer::new();
    let place = TopicPartition::new(Topic::literal(ORDERS), 0);
    let assigned = ConsumerEvent::Assigned(Assigned::new(place, Epoch(1), TopicId(1)));
    consumer.expect_poll().times(1).return_once(move || Some(assigned));
    consumer.expect_poll().returning(|| None);
    consumer.expect_submit().with(predicate::eq(Command::Start { epoch: Epoch(1), at: 0 })).times(1).return_const(());
    consumer.expect_submit().withf(|command| matches!(command, Command::Want { .. })).times(1).return_const(());
    consumer.expect_close().withf(|how| matches!(how, Close::Leave(_))).times(1).returning(|_| Ok(()));
    let mut reader = consumer.into_reader();
    let waited = tokio::time::timeout(Duration::from_millis(1), reader.next_batch()).await;
    assert!(waited.is_err(), "there is no batch");
    reader.close().await.expect("it leaves");
}

/// The traits' own methods are the mocks' only ones.
async fn flushes(producer: &impl Producer, consumer: &mut impl Consumer) {
    producer.flush(Duration::ZERO).await.expect("it answers");
    consumer.submit(Command::Confirm);
}

#[tokio::test]
async fn a_mock_has_the_methods_of_its_trait() {
    let (mut producer, mut consumer) = (MockProducer::new(), MockConsumer::new());
    producer.expect_flush().times(2).returning(|_| Ok(()));
    consumer.expect_submit().times(2).return_const(());
    producer.flush(Duration::ZERO).await.expect("it answers");
    consumer.submit(Command::Confirm);
    flushes(&producer, &mut consumer).await;
}
