//! Owns the proof that the error sink suite bites: a plain sink passes it, and each planted flaw fails at its case.

use bytes::Bytes;
use millstream_core::contract::{DeadLetter, Durability, Error, ErrorKind, ErrorSink, Operation, Record};
use millstream_testkit::conformance::error_sink::{Kept, World};
use millstream_testkit::conformance::{self, Case, Excuse, Harness, Verdict};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// One way to break the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    OneAnswerForAll,
    AnswersReversed,
    DiesWithItsSink,
    OutageIsAccepted,
    OutageIsFinal,
    EachWritingIsNew,
    IdsForgetThePartition,
    OneRefusalFailsAll,
    StopsAtARefusal,
    NullsAreEmpty,
    HeadersAreAMap,
    TimestampsReplaced,
    StoriesAreWhole,
    LettersNest,
    SaysThatItMayLose,
}

#[derive(Default)]
struct Store {
    kept: Mutex<Vec<Kept>>,
    away: AtomicBool,
}

struct Plain {
    store: Arc<Store>,
    flaw: Option<Flaw>,
}

impl Plain {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn id(&self, letter: &DeadLetter, writing: usize) -> String {
        let partition = if self.has(Flaw::IdsForgetThePartition) { 0 } else { letter.position.partition };
        let id = format!("{}/{}/{partition}/{}", letter.group, letter.record.topic, letter.position.offset);
        if self.has(Flaw::EachWritingIsNew) { format!("{id}/{writing}") } else { id }
    }

    /// The record that is written: the original, with the story of its failure instead of an earlier one.
    fn record(&self, letter: &DeadLetter) -> Record {
        let mut record = letter.record.clone();
        match self.flaw {
            Some(Flaw::NullsAreEmpty) => record.value = Some(record.value.unwrap_or_default()),
            Some(Flaw::TimestampsReplaced) => record.timestamp = Some(77),
            Some(Flaw::HeadersAreAMap) => {
                let mut names = BTreeSet::new();
                record.headers.retain(|(name, _)| names.insert(name.clone()));
            }
            _ => {}
        }
        if !self.has(Flaw::LettersNest) {
            record.headers.retain(|(name, _)| name != "story");
        }
        let most = if self.has(Flaw::StoriesAreWhole) { usize::MAX } else { 3_000 };
        let story: String = letter.message.chars().take(most).collect();
        record.headers.push((String::from("story"), Some(Bytes::from(story.into_bytes()))));
        record
    }

    fn take(&self, letter: &DeadLetter) -> Result<(), Error> {
        if self.store.away.load(Ordering::Relaxed) && !self.has(Flaw::OutageIsAccepted) {
            let kind = if self.has(Flaw::OutageIsFinal) { ErrorKind::Unauthorized } else { ErrorKind::Unavailable };
            return Err(Error::new(kind, Operation::DeadLetter, "the store is away"));
        }
        if letter.reason_is_refused() {
            return Err(Error::new(ErrorKind::TooLarge, Operation::DeadLetter, "the store refuses it"));
        }
        if !self.store.away.load(Ordering::Relaxed) {
            let mut kept = self.store.kept.lock().expect("nobody panics with it");
            let id = self.id(letter, kept.len());
            kept.push(Kept::new(id, self.record(letter)));
        }
        Ok(())
    }
}

/// The letters that a plain sink refuses.
trait Refused {
    fn reason_is_refused(&self) -> bool;
}

impl Refused for DeadLetter {
    fn reason_is_refused(&self) -> bool {
        self.handler == "refused"
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        if self.has(Flaw::DiesWithItsSink) {
            self.store.kept.lock().expect("nobody panics with it").clear();
        }
    }
}

impl ErrorSink for Plain {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let mut answers = Vec::new();
        let doomed = self.has(Flaw::OneRefusalFailsAll) && letters.iter().any(Refused::reason_is_refused);
        for letter in letters {
            let stopped = self.has(Flaw::StopsAtARefusal) && answers.iter().any(Result::is_err);
            answers.push(match doomed || stopped {
                true => Err(Error::new(ErrorKind::TooLarge, Operation::DeadLetter, "not tried")),
                false => self.take(letter),
            });
        }
        match self.flaw {
            Some(Flaw::AnswersReversed) => answers.reverse(),
            Some(Flaw::OneAnswerForAll) => answers.truncate(1),
            _ => {}
        }
        answers
    }

    fn durability(&self) -> Durability {
        if self.has(Flaw::SaysThatItMayLose) { Durability::Lossy } else { Durability::Durable }
    }
}

struct Planted(Option<Flaw>);

impl Harness for Planted {
    type World = Place;

    async fn create(&self, _case: &Case) -> Place {
        Place(Arc::default(), self.0)
    }
}

struct Place(Arc<Store>, Option<Flaw>);

impl World for Place {
    type Sink = Plain;

    async fn sink(&self) -> Plain {
        Plain { store: self.0.clone(), flaw: self.1 }
    }

    async fn kept(&self) -> Vec<Kept> {
        self.0.kept.lock().expect("nobody panics with it").clone()
    }

    fn refused(&self, mut letter: DeadLetter) -> Result<DeadLetter, Excuse> {
        letter.handler = String::from("refused");
        Ok(letter)
    }

    async fn away(&self, away: bool) -> Result<(), Excuse> {
        self.0.away.store(away, Ordering::Relaxed);
        Ok(())
    }
}

/// Each flaw and the case that fails by it.
const PLANTED: [(Flaw, &str); 14] = [
    (Flaw::OneAnswerForAll, "accept_answers_once_per_letter"),
    (Flaw::AnswersReversed, "answers_come_in_the_order_of_the_letters"),
    (Flaw::DiesWithItsSink, "an_accepted_letter_outlives_its_sink"),
    (Flaw::OutageIsAccepted, "what_is_not_written_is_not_accepted"),
    (Flaw::OutageIsFinal, "what_is_not_written_is_not_accepted"),
    (Flaw::EachWritingIsNew, "a_letter_accepted_again_is_known_by_its_id"),
    (Flaw::IdsForgetThePartition, "a_letter_accepted_again_is_known_by_its_id"),
    (Flaw::OneRefusalFailsAll, "one_letters_failure_fails_no_other"),
    (Flaw::StopsAtARefusal, "one_letters_failure_fails_no_other"),
    (Flaw::NullsAreEmpty, "a_letter_keeps_its_record_byte_for_byte"),
    (Flaw::HeadersAreAMap, "a_letter_keeps_its_record_byte_for_byte"),
    (Flaw::TimestampsReplaced, "a_letter_keeps_its_record_byte_for_byte"),
    (Flaw::StoriesAreWhole, "what_a_letter_adds_is_bounded"),
    (Flaw::LettersNest, "what_a_letter_adds_is_bounded"),
];

#[test]
fn a_plain_sink_keeps_every_clause() {
    let suite = conformance::error_sink(Planted(None));
    for case in suite.cases() {
        assert_eq!(suite.examine(case.name), Verdict::Passed, "{case}");
    }
}

#[test]
fn every_planted_flaw_fails_at_its_case_and_every_case_at_a_flaw() {
    for (flaw, case) in PLANTED {
        let verdict = conformance::error_sink(Planted(Some(flaw))).examine(case);
        assert!(matches!(verdict, Verdict::Failed(_)), "{case} does not notice {flaw:?}");
    }
    let suite = conformance::error_sink(Planted(None));
    assert!(suite.cases().all(|case| PLANTED.iter().any(|(_, noticed)| *noticed == case.name)));
}

#[test]
fn a_sink_that_may_lose_letters_is_not_asked_to_keep_them() {
    let verdict = conformance::error_sink(Planted(Some(Flaw::SaysThatItMayLose))).examine("an_accepted_letter_outlives_its_sink");
    assert_eq!(verdict, Verdict::Ignored("the sink says itself that it may lose letters".into()));
}
