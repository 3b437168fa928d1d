//! Topics change under a service: one is deleted, gets more partitions, or takes no dead letters.

use std::time::Duration;

use crate::Case;
use crate::letters::Letters;
use crate::process::Process;
use crate::scene::{Cluster, PARTITIONS, Scene};
use crate::service::stop_all;

/// How large a topic's batches of records may be, in bytes.
const LIMIT: &str = "max.message.bytes";

pub(crate) const CASES: &[Case] = &[
    ("partitions_that_are_added_are_consumed_from_their_beginning", widened),
    ("a_topic_that_is_deleted_and_made_again_is_parked_and_then_consumed_anew", deleted),
    ("a_dead_letter_topic_that_refuses_is_waited_for", refused_letters),
    ("a_dead_letter_topic_that_takes_more_than_before_is_written_to_by_itself", small_letters),
];

fn widened() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("widened", &mut cluster);
    // Clients look at their topics every five minutes by default, which is longer than anybody wants to wait here.
    let often = scene.settings("topic.metadata.refresh.interval.ms=1000");
    let mut consumer = scene.consumer(&["--command-config", &often]);
    let mut producer = scene.producer(1, 1_000, 400);
    consumer.until("handled", 200);
    let partitions = usize::try_from(PARTITIONS).expect("few");
    scene.broker().widen(&scene.topic, partitions + 2);
    // A client learns of them with its next look at the topic; the producer's is a new one.
    let mut more = scene.producer(2, 1_000, 400);
    producer.ended();
    more.ended();
    consumer.until("partitions_assigned", partitions + 2);
    scene.wait_until_committed();
    stop_all(&mut [&mut consumer]);
    scene.account(&[producer.lines(), more.lines()], &[consumer.lines()], "two partitions were added to six");
}

fn deleted() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::new("deleted", &mut cluster);
    let mut consumer = scene.consumer(&[]);
    let mut producer = scene.producer(1, 500, 500);
    producer.ended();
    consumer.until("handled", 500);
    scene.wait_until_committed();
    scene.broker().delete(&scene.topic);
    std::thread::sleep(Duration::from_secs(2));
    scene.broker().create(&scene.topic, PARTITIONS, 1, &[]);
    let mut again = scene.producer(2, 500, 500);
    again.ended();
    // Offsets of the first topic say nothing of the second: all of it is parked, in words, until somebody has looked.
    consumer.wait_for("it says that the topic is another one", |consumer| consumer.log().contains("Recreated"));
    assert_eq!(consumer.count("handled"), 500, "places of the first topic were taken for those of the second");
    consumer.stop();
    let mut next = scene.consumer(&[]);
    next.until("handled", 500);
    scene.wait_until_committed();
    next.stop();
    let account =
        scene.account(&[again.lines()], &[next.lines()], "the topic was deleted and made again, and the service restarted");
    assert_eq!(account.acked, 500);
}

fn refused_letters() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::bare("letters-refused", &mut cluster);
    scene.broker().create(&scene.topic, PARTITIONS, 1, &[]);
    // No letter is as small as this.
    scene.broker().create(&scene.letters(), PARTITIONS, 1, &[(LIMIT, "100")]);
    let mut producer = scene.producer(1, 300, 300);
    let mut consumer = scene.consumer(&["--fail-rate", "0.35"]);
    producer.ended();
    consumer.until("handled", 200);
    let committed = || scene.broker().places(&scene.group, &scene.topic).values().map(|(committed, _)| committed).sum::<i64>();
    // Four attempts have failed by then where they do.
    consumer.wait_for("it says that letters are refused", |consumer| consumer.log().contains("dead letter"));
    assert!(committed() < 300, "a message is committed that is neither handled nor a letter");
    consumer.terminate();
    consumer.ended();
    assert!(committed() < 300, "at its end a message was committed that is neither handled nor a letter");
    scene.broker().delete(&scene.letters());
    std::thread::sleep(Duration::from_secs(1));
    scene.broker().create(&scene.letters(), PARTITIONS, 1, &[]);
    let mut again = scene.consumer(&["--fail-rate", "0.35"]);
    scene.wait_until_committed();
    again.stop();
    let letters = scene.letter_ids().len();
    assert!(letters > 0, "of 300 messages some fail four times in four");
    let what = format!("{letters} dead letters, which their topic refused at first");
    scene.account(&[producer.lines()], &[consumer.lines(), again.lines()], &what);
}

fn small_letters() {
    let mut cluster = Cluster::of_one();
    let scene = Scene::bare("letters-small", &mut cluster);
    scene.broker().create(&scene.topic, PARTITIONS, 1, &[]);
    // Not even a pointer is as small as this.
    scene.broker().create(&scene.letters(), 1, 1, &[(LIMIT, "100")]);
    let ids: Vec<String> = (0..200).map(|number| format!("large.{number}")).collect();
    let large = scene.broker().write(&scene.topic, &ids, 8_000);
    let mut producer = scene.producer(1, 800, 400);
    producer.ended();
    let mut consumer = scene.consumer(&["--refuse-rate", "0.1"]);
    let committed = || scene.broker().places(&scene.group, &scene.topic).values().map(|(committed, _)| committed).sum::<i64>();
    consumer.wait_for("it says that letters are refused", |consumer| consumer.log().contains("degraded place=\"dead letters"));
    // Those behind them with their keys wait too.
    consumer.wait_for("letters of all partitions wait", |consumer| dead(consumer) >= 40 && consumer.count("handled") >= 300);
    let before = committed();
    assert!(before < 1_000, "a message is committed that is neither handled nor a letter");
    // A letter of a small message fits now, and a pointer to a large one; several at once do not.
    scene.broker().set(&scene.letters(), LIMIT, "2500");
    scene.wait_until_committed();
    consumer.stop();
    let letters = Letters::of(&scene.broker(), &scene.letters());
    let (whole, pointed) = (letters.whole.len(), letters.pointed.len());
    assert_eq!(whole + pointed, dead(&consumer), "as many letters as it says");
    assert!(whole > 0 && pointed > 0, "of 800 and of 200 messages some are refused");
    assert!(letters.whole.iter().all(|id| id.starts_with("1.")), "a large message is larger than its topic takes");
    // One is written at a time, whole and then as a pointer: the limit may have been raised between the two.
    let small: Vec<&String> = letters.pointed.iter().filter(|id| !id.starts_with("large.")).collect();
    assert!(small.len() <= 1, "what fits is kept whole: {small:?}");
    let what = format!(
        "letters were refused as too large until their topic took 2,500 bytes, {before} messages were committed by then; {whole} \
         letters whole, {pointed} pointers to messages of 8,000 bytes"
    );
    scene.account(&[producer.lines(), large], &[consumer.lines()], &what);
}

/// How many dead letters a service says that it has.
fn dead(consumer: &Process) -> usize {
    consumer.log().lines().filter(|line| line.contains("dead letter") && line.contains("attempts")).count()
}
