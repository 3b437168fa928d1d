//! Making the pipeline's topics in a Kafka cluster, after deleting what a run before has left.
//!
//! Owns asking again where an answer is late or lost, with an end, and saying what stood in the way. Leaves what the topics hold
//! to `kafka_log`. A cluster says that a topic is deleted before it is gone, and that one is made before every broker knows of it.

use std::time::{Duration, Instant};

use millstream::contract::{ErrorKind, Operation};
use millstream::prelude::*;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

use crate::kafka_log::{config, failed, other};
use crate::topics::PARTITIONS;

/// How long one answer is waited for before it is asked again.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a step may take: a cluster under load deletes some twenty topics seconds after it said so.
const WITHIN: Duration = Duration::from_secs(60);

/// How long a group may have members that are to be gone: longer than the session of one that was killed.
const LEAVING: Duration = Duration::from_secs(15);

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// A topic as it is to be made.
pub(crate) struct Wanted {
    pub(crate) topic: String,
    pub(crate) compacted: bool,
}

impl Wanted {
    fn new_topic(&self) -> NewTopic<'_> {
        let partitions = i32::try_from(PARTITIONS).expect("few");
        let topic = NewTopic::new(&self.topic, partitions, TopicReplication::Fixed(-1));
        if self.compacted { topic.set("cleanup.policy", "compact") } else { topic }
    }
}

/// Makes all topics, empty. Some that are there already hold another run's records: with `fresh` they and the groups are deleted
/// first, without it that is an error.
pub(crate) async fn make(servers: &str, wanted: &[Wanted], groups: &[&'static str], fresh: bool) -> Result<(), Error> {
    let admin = Admin {
        admin: config(servers).create().map_err(failed)?,
        options: AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER)),
    };
    if fresh {
        admin.delete_groups(groups).await?;
        admin.delete_topics(&wanted.iter().map(|wanted| wanted.topic.as_str()).collect::<Vec<_>>()).await?;
        look(servers, wanted, gone).await?;
    }
    admin.create_topics(wanted, fresh).await?;
    look(servers, wanted, known).await
}

struct Admin {
    admin: AdminClient<DefaultClientContext>,
    options: AdminOptions,
}

/// What an answer means for one topic or group.
enum Means {
    Done,
    /// It passes.
    Again,
    /// It stays, for this reason.
    Never(String),
}

type Answers = KafkaResult<Vec<Result<String, (String, RDKafkaErrorCode)>>>;

impl Admin {
    /// Forgets where the groups were.
    async fn delete_groups(&self, groups: &[&str]) -> Result<(), Error> {
        let ask = async |groups: &[&str]| self.admin.delete_groups(groups, &self.options).await;
        let means = |code, _| match code {
            Ok(()) | Err(RDKafkaErrorCode::GroupIdNotFound) => Means::Done,
            // A member that was killed is one until its session ends.
            Err(RDKafkaErrorCode::NonEmptyGroup) => Means::Again,
            Err(code) => passing(code),
        };
        each("the groups of a run before are not deleted: end its services", LEAVING, groups, ask, means).await
    }

    /// Deletes topics, until the controller does not know them any more.
    async fn delete_topics(&self, topics: &[&str]) -> Result<(), Error> {
        let ask = async |topics: &[&str]| self.admin.delete_topics(topics, &self.options).await;
        let means = |code, _| match code {
            Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Means::Done,
            Ok(()) => Means::Again,
            Err(code) => passing(code),
        };
        each("the topics of a run before are not deleted", WITHIN, topics, ask, means).await
    }

    async fn create_topics(&self, wanted: &[Wanted], fresh: bool) -> Result<(), Error> {
        let ask = async |wanted: &[&Wanted]| {
            let topics: Vec<_> = wanted.iter().map(|wanted| wanted.new_topic()).collect();
            self.admin.create_topics(&topics, &self.options).await
        };
        let means = |code, lost| made(code, lost, fresh);
        each("the topics are not made", WITHIN, &wanted.iter().collect::<Vec<_>>(), ask, means).await
    }
}

/// What is answered to who makes a topic.
fn made(code: Result<(), RDKafkaErrorCode>, lost: bool, fresh: bool) -> Means {
    let there = "it is there already: `--fresh` deletes all topics of the pipeline first";
    match code {
        Ok(()) => Means::Done,
        // The request whose answer was lost has made it; that it is empty is looked at later.
        Err(RDKafkaErrorCode::TopicAlreadyExists) if lost => Means::Done,
        // A deleted topic is gone a moment later.
        Err(RDKafkaErrorCode::TopicAlreadyExists) if fresh => Means::Again,
        Err(RDKafkaErrorCode::TopicAlreadyExists) => Means::Never(there.to_owned()),
        Err(code) => passing(code),
    }
}

/// What else is answered.
fn passing(code: RDKafkaErrorCode) -> Means {
    use RDKafkaErrorCode as Code;

    match code {
        Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::BrokerTransportFailure
        | Code::NetworkException
        | Code::BrokerNotAvailable
        | Code::LeaderNotAvailable
        | Code::NotController
        | Code::NotCoordinator
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::InvalidReplicationFactor => Means::Again,
        code => Means::Never(code.to_string()),
    }
}

/// Asks for all, and again for those that are not done, until all are; `means` is told too whether an answer was lost before.
async fn each<T: Copy>(
    what: &str,
    within: Duration,
    all: &[T],
    ask: impl AsyncFn(&[T]) -> Answers,
    means: impl Fn(Result<(), RDKafkaErrorCode>, bool) -> Means,
) -> Result<(), Error> {
    let (until, mut rest, mut lost) = (Instant::now() + within, all.to_vec(), false);
    loop {
        let mut why = String::new();
        match ask(&rest).await {
            Ok(answers) => {
                let mut left = Vec::new();
                for (one, answer) in rest.iter().zip(answers) {
                    let (name, code) = match answer {
                        Ok(name) => (name, Ok(())),
                        Err((name, code)) => (name, Err(code)),
                    };
                    match means(code, lost) {
                        Means::Done => {}
                        Means::Again => {
                            why = code.map_or_else(|code| format!("`{name}`: {code}"), |()| format!("`{name}` is still there"));
                            left.push(*one);
                        }
                        Means::Never(why) => {
                            return Err(Error::new(
                                ErrorKind::Configuration,
                                Operation::Build,
                                format!("{what}: `{name}`: {why}"),
                            ));
                        }
                    }
                }
                rest = left;
            }
            // Whether it was done nobody knows: who asks again is told.
            Err(error) => {
                lost = true;
                why = error.to_string();
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let text = format!("{what} within {} s: {} are left, the last of them {why}", within.as_secs(), rest.len());
            return Err(Error::new(ErrorKind::TimedOut, Operation::Build, text));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

type Look = fn(&BaseConsumer, &[String], Instant) -> Result<(), Error>;

/// Has a client look at these topics until it sees what is to be seen.
async fn look(servers: &str, wanted: &[Wanted], look: Look) -> Result<(), Error> {
    let asker: BaseConsumer = config(servers).set("group.id", "trading.readback").create().map_err(failed)?;
    let names: Vec<String> = wanted.iter().map(|wanted| wanted.topic.clone()).collect();
    let looked = tokio::task::spawn_blocking(move || look(&asker, &names, Instant::now() + WITHIN)).await;
    looked.map_err(|panic| other("looking at topics", panic))?
}

/// Waits until brokers know none of these topics: the controller has deleted them by now, and brokers a moment later.
fn gone(asker: &BaseConsumer, topics: &[String], until: Instant) -> Result<(), Error> {
    loop {
        let left = asker.fetch_metadata(None, ANSWER).map(|metadata| {
            let left = metadata.topics().iter().map(|topic| topic.name());
            left.filter(|name| topics.iter().any(|topic| topic == name)).map(str::to_owned).collect::<Vec<_>>()
        });
        match left {
            Ok(left) if left.is_empty() => return Ok(()),
            Ok(left) if Instant::now() >= until => {
                let text = format!("deleted topics are still there after {} s: {}", WITHIN.as_secs(), left.join(", "));
                return Err(Error::new(ErrorKind::TimedOut, Operation::Build, text));
            }
            Err(error) if Instant::now() >= until => return Err(failed(error)),
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// Waits until brokers know all these topics: the controller does by now, and each partition's leader a moment later. None has
/// records.
fn known(asker: &BaseConsumer, topics: &[String], until: Instant) -> Result<(), Error> {
    let partitions = 0..i32::try_from(PARTITIONS).expect("few");
    for (topic, partition) in topics.iter().flat_map(|topic| partitions.clone().map(move |at| (topic, at))) {
        loop {
            match asker.fetch_watermarks(topic, partition, ANSWER) {
                Ok((_, 0)) => break,
                Ok((_, end)) => {
                    let text = format!("topic `{topic}` was made, and has {end} records: another run writes to it");
                    return Err(Error::new(ErrorKind::Configuration, Operation::Build, text));
                }
                Err(error) if Instant::now() >= until => return Err(failed(error)),
                Err(_) => std::thread::sleep(PAUSE / 2),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rdkafka::error::KafkaError;

    use super::*;

    type Code = RDKafkaErrorCode;

    /// Plays these answers to who makes one topic, one a request, and tells how often was asked.
    async fn play(answers: &[Result<Result<(), Code>, Code>], fresh: bool) -> (usize, Result<(), Error>) {
        let asked = Cell::new(0);
        let ask = async |_: &[&str]| {
            let answer = answers[asked.replace(asked.get() + 1)];
            answer
                .map_err(KafkaError::AdminOp)
                .map(|one| vec![one.map(|()| "t".to_owned()).map_err(|code| ("t".to_owned(), code))])
        };
        let done = each("it is not made", WITHIN, &["t"], ask, |code, lost| made(code, lost, fresh)).await;
        (asked.get(), done)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_timed_out_is_made_again_and_what_it_has_done_counts() {
        let answers = [Err(Code::OperationTimedOut), Ok(Err(Code::NotController)), Ok(Err(Code::TopicAlreadyExists))];
        let (asked, done) = play(&answers, false).await;
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(asked, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_said_at_once() {
        let (asked, done) = play(&[Ok(Err(Code::TopicAuthorizationFailed)), Ok(Ok(()))], false).await;
        assert_eq!(asked, 1);
        let error = done.expect_err("it was refused").to_string();
        assert!(error.contains("it is not made: `t`: "), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_is_there_is_waited_for_only_by_who_has_deleted_it() {
        let answers = [Ok(Err(Code::TopicAlreadyExists)), Ok(Ok(()))];
        let (asked, done) = play(&answers, true).await;
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(asked, 2);
        let (asked, done) = play(&answers, false).await;
        assert_eq!(asked, 1);
        let error = done.expect_err("another run's").to_string();
        assert!(error.contains("--fresh"), "{error}");
    }
}
