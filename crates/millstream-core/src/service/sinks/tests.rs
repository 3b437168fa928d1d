//! What composed sinks promise: who is asked, whose answer counts, and what is durable.

use super::*;
use crate::contract::{DeadLetterReason, Durability, Position, Record};
use std::sync::{Arc, Mutex};

/// Keeps the offsets it was asked about, and refuses some.
#[derive(Clone)]
struct Kept {
    durability: Durability,
    refuses: Vec<u64>,
    asked: Arc<Mutex<Vec<u64>>>,
}

impl Kept {
    fn asked(&self) -> Vec<u64> {
        self.asked.lock().expect("no panic under it").clone()
    }
}

fn kept(durability: Durability, refuses: &[u64]) -> Kept {
    Kept { durability, refuses: refuses.to_vec(), asked: Arc::default() }
}

impl ErrorSink for Kept {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let offsets = letters.iter().map(|letter| letter.position.offset);
        self.asked.lock().expect("no panic under it").extend(offsets.clone());
        let refused = || Err(Error::new(ErrorKind::Unavailable, Operation::DeadLetter, "away"));
        offsets.map(|offset| if self.refuses.contains(&offset) { refused() } else { Ok(()) }).collect()
    }

    fn durability(&self) -> Durability {
        self.durability
    }
}

/// Never answers.
struct Silent;

impl ErrorSink for Silent {
    async fn accept(&self, _: &[DeadLetter]) -> Vec<Result<(), Error>> {
        std::future::pending().await
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

const REASONS: [DeadLetterReason; 3] = [DeadLetterReason::Poison, DeadLetterReason::Crash, DeadLetterReason::Exhausted];

/// Letters at offsets 0, 1, 2, with these reasons.
fn letters() -> Vec<DeadLetter> {
    let letter = |(offset, reason)| {
        let record = Record::new("paper.orders.new".parse().expect("a topic"), "key", "value");
        DeadLetter::new(record, Position { partition: 0, offset }, "desk", reason)
    };
    (0..).zip(REASONS).map(letter).collect()
}

/// Which of the three letters are accepted.
fn accepted(sink: &impl ErrorSink) -> Vec<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let answers = runtime.block_on(sink.accept(&letters()));
    assert_eq!(answers.len(), 3);
    (0..).zip(answers).filter(|(_, answer)| answer.is_ok()).map(|(offset, _)| offset).collect()
}

use Durability::{Durable, Lossy};

#[test]
fn both_must_accept_and_the_second_sees_only_what_the_first_has_taken() {
    let (first, second) = (kept(Durable, &[0]), kept(Lossy, &[2]));
    assert_eq!(accepted(&first.clone().and(second.clone())), [1]);
    assert_eq!((first.asked(), second.asked()), (vec![0, 1, 2], vec![1, 2]));
}

#[test]
fn a_fallback_sees_only_what_the_first_refuses() {
    let (first, second) = (kept(Durable, &[0, 2]), kept(Durable, &[2]));
    assert_eq!(accepted(&first.clone().or_else(second.clone())), [0, 1]);
    assert_eq!(second.asked(), [0, 2]);
}

#[test]
fn a_fallback_takes_over_from_a_sink_that_never_answers() {
    assert_eq!(accepted(&Silent.or_else(kept(Durable, &[1]))), [0, 2]);
}

#[test]
fn a_sink_of_some_reasons_is_not_asked_about_others() {
    let crashes = kept(Durable, &[1]);
    assert_eq!(accepted(&crashes.clone().only([DeadLetterReason::Crash])), [0, 2]);
    assert_eq!(crashes.asked(), [1]);
}

#[test]
fn each_letter_goes_to_one_of_a_routed_pair() {
    let (crashes, others) = (kept(Durable, &[]), kept(Durable, &[2]));
    assert_eq!(accepted(&crashes.clone().only([DeadLetterReason::Crash]).otherwise(others.clone())), [0, 1]);
    assert_eq!((crashes.asked(), others.asked()), (vec![1], vec![0, 2]));
}

#[test]
fn the_refusal_or_silence_of_a_best_effort_stops_nothing() {
    assert_eq!(accepted(&kept(Lossy, &[0, 1]).best_effort()), [0, 1, 2]);
    assert_eq!(accepted(&Silent.best_effort()), [0, 1, 2]);
}

#[test]
fn a_composition_is_durable_only_where_every_accepted_letter_is_in_a_durable_sink() {
    let (durable, lossy) = (|| kept(Durable, &[]), || kept(Lossy, &[]));
    assert_eq!(durable().and(lossy()).durability(), Durable);
    assert_eq!(lossy().and(durable()).durability(), Durable);
    assert_eq!(lossy().and(lossy()).durability(), Lossy);
    assert_eq!(durable().or_else(durable()).durability(), Durable);
    assert_eq!(durable().or_else(lossy()).durability(), Lossy);
    assert_eq!(lossy().or_else(durable()).durability(), Lossy);
    assert_eq!(durable().only([DeadLetterReason::Crash]).durability(), Lossy);
    assert_eq!(durable().only([DeadLetterReason::Crash]).otherwise(durable()).durability(), Durable);
    assert_eq!(durable().only([DeadLetterReason::Crash]).otherwise(lossy()).durability(), Lossy);
    assert_eq!(durable().best_effort().durability(), Lossy);
}

#[test]
fn the_dead_letter_topic_refuses_letters_before_its_service_runs() {
    assert!(accepted(&ToTopic::default()).is_empty());
}
