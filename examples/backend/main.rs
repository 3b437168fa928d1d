//! A transport of one's own: a log in a directory of append-only files, whole in six small files, to be copied by whoever
//! writes a backend. It runs a service, and a second one that goes on where the first has stopped.
//!
//! What it is not: shared by processes, or shared out among the members of a group. One member of a group holds all partitions,
//! and the others stand by until it leaves or falls silent. `conformance` excuses the cases that ask for more.
//!
//! | file | noun |
//! | --- | --- |
//! | `files` | the client: opening a directory, creating topics |
//! | `partition` · `frame` | a partition's file; a record as bytes |
//! | `group` | who of a group's members holds its partitions, and what is committed |
//! | `producer` · `consumer` | the contract's traits |
//! | `conformance` | a test target of its own: the contract's clauses, checked |

#![allow(clippy::print_stdout, reason = "an example says what it has shown")]

mod consumer;
mod files;
mod frame;
mod group;
mod partition;
mod producer;

use files::Files;
use millstream::prelude::*;
use serde::{Deserialize, Serialize};

const ORDERS: Topic = Topic::literal("paper.orders.new");
const GROUP: &str = "billing.orders";

#[derive(Serialize, Deserialize, EventData)]
#[event(type = "order_placed", key = account)]
struct Order {
    account: String,
    number: u64,
}

async fn on_order(order: Event<Order>) {
    println!("order {} of {}", order.number, order.account);
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("billing", transport).add_consumer_handler(ORDERS, GROUP, on_order).build()
}

/// Runs a service until it has settled so many records.
async fn settle(url: &str, records: u64) -> Result<(), Error> {
    let transports = Transports::builtin().with("files", Files::open);
    let service = service(transports.open(url)?)?;
    let handle = service.handle();
    let running = tokio::spawn(service.run());
    while handle.account().total().settled() < records && !running.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    handle.stop();
    running.await.expect("it does not panic")?;
    assert_eq!(handle.account().total().settled(), records, "what an earlier one settled does not come again");
    Ok(())
}

async fn publish(url: &str, orders: u64) -> Result<(), Error> {
    let shop = Publisher::new("shop", Files::open(url)?).await?;
    for number in 0..orders {
        shop.publish(&ORDERS, &Order { account: "ann".into(), number }).await?;
    }
    Ok(())
}

/// Everything in a directory of its own, which is removed at the end.
async fn run(name: &str) -> Result<(), Error> {
    let directory = std::env::temp_dir().join(format!("millstream-files-{name}-{}", std::process::id()));
    let url = format!("files://{}", directory.display());
    let files = Files::open(&url)?;
    for topic in [ORDERS, ORDERS.dlq().expect("a topic has one")] {
        files.create_topic(&topic, 2)?;
    }
    drop(files);
    publish(&url, 3).await?;
    settle(&url, 3).await?;
    publish(&url, 2).await?;
    settle(&url, 2).await?;
    std::fs::remove_dir_all(&directory).expect("it was made above");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    millstream::exit_code(run("run").await)
}

#[cfg(test)]
mod tests {
    use crate::files::Files;
    use crate::group::Group;
    use millstream::contract::{CommitEntry, Consumer, ConsumerEvent, ConsumerRequest, Epoch, TopicPartition, Transport};
    use std::path::PathBuf;
    use std::time::Duration;
    use tokio::time::timeout;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("millstream-files-{name}-{}", std::process::id()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_goes_on_where_the_one_before_it_stopped() {
        super::run("test").await.expect("it runs on files");
    }

    #[test]
    fn what_a_crash_left_half_written_is_cut_off() {
        let path = path("half");
        std::fs::write(&path, [9, 0, 0, 0, 1, 2, 3]).expect("a directory for temporary files");
        let reads = super::partition::Partition::open(&path).expect("it opens").len();
        assert_eq!((reads, std::fs::metadata(&path).expect("it is there").len()), (0, 0));
        std::fs::remove_file(&path).expect("it was made above");
    }

    #[test]
    fn a_commit_that_a_crash_left_half_written_is_cut_off() {
        let (path, place) = (path("half-committed"), TopicPartition::new(super::ORDERS, 0));
        // The second line ends within a character.
        let text = b"[\"paper.orders.new\",0,1,null]\n[\"paper.orders.new\",0,2,\"\xc3";
        std::fs::write(&path, text).expect("a directory for temporary files");
        let committed = || Group::open(&path).expect("it opens").committed(&place).map(|committed| committed.offset);
        assert_eq!(committed(), Some(1), "what was not answered was not committed");
        let entry = CommitEntry::new(place.clone(), Epoch(1), 3);
        Group::open(&path).expect("it opens").commit(&entry).expect("it is written");
        assert_eq!(committed(), Some(3), "nothing stands before what is committed next");
        std::fs::remove_file(&path).expect("it was made above");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_lasts_is_said_and_then_waited_out() {
        let path = path("lasting");
        let files = Files::open(&format!("files://{}", path.display())).expect("a directory for temporary files");
        files.create_topic(&super::ORDERS, 1).expect("it is new");
        std::fs::create_dir(path.join("groups").join("lasting")).expect("it stands where the group's file would");
        let request = ConsumerRequest::new("lasting".to_owned(), vec![super::ORDERS]);
        let mut consumer = files.consumer(request).await.expect("a consumer");
        assert!(matches!(consumer.poll().await, ConsumerEvent::Degraded(_)));
        timeout(Duration::from_millis(100), consumer.poll()).await.expect_err("the same again helps nobody");
        let again = timeout(Duration::from_secs(10), consumer.poll()).await.expect("it is tried again");
        assert!(matches!(again, ConsumerEvent::Degraded(_)));
        std::fs::remove_dir_all(&path).expect("it was made above");
    }
}
