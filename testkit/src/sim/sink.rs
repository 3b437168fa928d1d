//! Owns the error sink that the members of a simulation share: what it keeps, and its client. Leaves what befalls them to the
//! network and to schedules of faults.

use super::history::What;
use super::network::{Operation as Call, Server};
use super::world::{Link, Unanswered, World};
use crate::now::instant_now;
use millstream_core::contract::{DeadLetter, Durability, Error, ErrorKind, ErrorSink, Offset, Operation, TopicPartition};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;

/// Bytes of a value that the sink takes: what comes out of a topic with the brokers' usual limit is far below.
const LARGEST: usize = 4 << 20;

/// The name under which a second writing of a letter is known.
type Name = (String, TopicPartition, Offset);

fn name_of(letter: &DeadLetter) -> Name {
    (letter.group.clone(), letter.partition.clone(), letter.position.offset)
}

/// What the sink keeps.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    /// In the order in which they came, each once.
    letters: Vec<DeadLetter>,
    names: BTreeSet<Name>,
    /// Answers errors until then.
    pub(crate) failing: Option<Instant>,
}

impl Sink {
    /// Keeps a letter; answers whether it is a new one.
    fn keep(&mut self, letter: &DeadLetter) -> bool {
        let is_new = self.names.insert(name_of(letter));
        if is_new {
            self.letters.push(letter.clone());
        }
        is_new
    }

    /// Loses the newest letters.
    fn lose(&mut self, most: u32) -> Vec<DeadLetter> {
        let from = self.letters.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        let lost = self.letters.split_off(from);
        lost.iter().for_each(|letter| {
            self.names.remove(&name_of(letter));
        });
        lost
    }

    pub(crate) fn letters(&self) -> &[DeadLetter] {
        &self.letters
    }

    fn fails(&self, now: Instant) -> bool {
        self.failing.is_some_and(|until| until > now)
    }
}

impl World {
    /// Letters have come to the sink: an answer each, or none if it is down.
    fn keep(&self, letters: &[DeadLetter]) -> Option<Vec<Result<(), Error>>> {
        let mut news = Vec::new();
        let answers = {
            let sink = &mut self.servers().sink;
            if sink.fails(instant_now()) {
                return None;
            }
            let mut take = |letter: &DeadLetter| {
                if letter.record.value.as_ref().is_some_and(|value| value.len() > LARGEST) {
                    return Err(Error::new(ErrorKind::TooLarge, Operation::DeadLetter, "the sink takes no letter as large"));
                }
                if sink.keep(letter) {
                    news.push(letter.clone());
                }
                Ok(())
            };
            letters.iter().map(&mut take).collect()
        };
        for letter in &news {
            let reason = letter.reason.as_str();
            self.note(None, What::Kept(letter.group.clone(), letter.partition.clone(), letter.position.offset, reason));
            self.checks().kept(self, letter);
        }
        Some(answers)
    }

    /// The sink loses the newest letters that it keeps.
    pub(super) fn lose_letters(&self, most: u32) {
        let lost = self.servers().sink.lose(most);
        for letter in &lost {
            let committed = {
                let servers = &mut *self.servers();
                let group = servers.coordinator.group(&letter.group);
                group.committed.get(&letter.partition).map_or(0, |committed| committed.offset)
            };
            self.note(None, What::Lost(letter.group.clone(), letter.partition.clone(), letter.position.offset));
            self.checks().lost(letter, committed, self.at());
        }
    }
}

/// The error sink that the members of a simulation share, as they would share a table of a database: letters outlive processes,
/// calls take time, and may be refused, lost, or never answered. A letter that comes twice is kept once. One whose value is
/// larger than 4 MiB is refused for good.
///
/// What it keeps in the end is [`History::letters`](super::History::letters). It is there if the simulation says
/// [`error_sink`](super::Simulation::error_sink).
#[derive(Clone)]
pub struct SimErrorSink {
    world: Arc<World>,
    link: Link,
}

impl fmt::Debug for SimErrorSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimErrorSink")
    }
}

impl SimErrorSink {
    pub(crate) fn new(world: Arc<World>, link: Link) -> Self {
        SimErrorSink { world, link }
    }
}

impl ErrorSink for SimErrorSink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        if letters.is_empty() {
            return Vec::new();
        }
        let sent = letters.to_vec();
        let none =
            |kind, text: &'static str| letters.iter().map(|_| Err(Error::new(kind, Operation::DeadLetter, text))).collect();
        match self.world.call(&self.link, Server::Sink, Call::Letter, move |world| world.keep(&sent)).await {
            Ok(Some(answers)) => answers,
            Ok(None) | Err(Unanswered::Refused) => none(ErrorKind::Unavailable, "the sink is down"),
            Err(Unanswered::Unknown) => none(ErrorKind::TimedOut, "the sink did not answer"),
        }
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::error_sink::{Harness, Kept, World as SuiteWorld};
    use crate::conformance::{Case, Excuse, Verdict, error_sink};
    use crate::sim::checks::Checks;
    use std::time::Duration;

    struct Simulated;

    impl Harness for Simulated {
        type World = Shared;

        async fn create(&self, _case: &Case) -> Shared {
            Shared(World::new(7, 3, 3, Checks::default()))
        }
    }

    struct Shared(Arc<World>);

    impl SuiteWorld for Shared {
        type Sink = SimErrorSink;

        async fn sink(&self) -> SimErrorSink {
            SimErrorSink::new(self.0.clone(), Link::new(0, 1))
        }

        async fn kept(&self) -> Vec<Kept> {
            let servers = self.0.servers();
            servers
                .sink
                .letters()
                .iter()
                .map(|letter| Kept::new(format!("{:?}", name_of(letter)), letter.record.clone()))
                .collect()
        }

        fn refused(&self, mut letter: DeadLetter) -> Result<DeadLetter, Excuse> {
            letter.record.value = Some(vec![0; LARGEST + 1].into());
            Ok(letter)
        }

        async fn away(&self, away: bool) -> Result<(), Excuse> {
            self.0.servers().sink.failing = away.then(|| instant_now() + Duration::from_secs(3_600));
            Ok(())
        }
    }

    #[test]
    fn the_simulated_sink_keeps_every_clause_of_the_contract() {
        let suite = error_sink(Simulated);
        for case in suite.cases() {
            assert_eq!(suite.examine(case.name), Verdict::Passed, "{case}");
        }
    }
}
