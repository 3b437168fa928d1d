//! Owns the cases of [`ErrorSink`]: clauses E1 to E5.

use super::{Kept, World};
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, Need, table};
use bytes::Bytes;
use millstream_core::contract::{DeadLetter, DeadLetterReason, Durability, Error, ErrorSink, Position, Record};
use millstream_core::topic::Topic;
use std::collections::BTreeSet;

/// The most that a sink adds to a record in headers, in bytes of names and values.
const MOST_ADDED: usize = 8 << 10;

table! {
    /// The cases, by clause.
    <W: World> W;
    E1 => accept_answers_once_per_letter;
    E1, E4 => answers_come_in_the_order_of_the_letters needs Refusal;
    E2 => an_accepted_letter_outlives_its_sink;
    E2 => what_is_not_written_is_not_accepted needs Outage;
    E3 => a_letter_accepted_again_is_known_by_its_id;
    E4 => one_letters_failure_fails_no_other needs Refusal;
    E5 => a_letter_keeps_its_record_byte_for_byte;
    E5 => what_a_letter_adds_is_bounded;
}

/// The letter of the record at `offset` of `partition`, whose value is `text`.
fn letter_at(topic: &Topic, partition: u32, offset: u64, text: &str) -> DeadLetter {
    let record = Record::new(topic.clone(), "key", Bytes::copy_from_slice(text.as_bytes())).to_partition(partition).at(1_000);
    letter_of(record, partition, offset)
}

fn letter_of(record: Record, partition: u32, offset: u64) -> DeadLetter {
    let mut letter = DeadLetter::new(record, Position { partition, offset }, "billing.orders", DeadLetterReason::Exhausted);
    letter.service = String::from("billing");
    letter.handler = String::from("charge");
    letter.error_type = String::from("CardError");
    letter.message = String::from("the card is expired");
    letter
}

async fn accept(sink: &impl ErrorSink, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
    let answers = sink.accept(letters).await;
    assert_eq!(answers.len(), letters.len(), "one answer a letter");
    answers
}

async fn taken(sink: &impl ErrorSink, letters: &[DeadLetter]) {
    let answers = accept(sink, letters).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

fn text(kept: &Kept) -> String {
    String::from_utf8_lossy(kept.record.value.as_deref().unwrap_or_default()).into_owned()
}

async fn texts<W: World>(world: &W) -> Vec<String> {
    let mut texts: Vec<String> = world.kept().await.iter().map(text).collect();
    texts.sort();
    texts
}

/// E1: an answer for each, none for nothing; and what was accepted is there.
async fn accept_answers_once_per_letter<W: World>(world: &W) {
    let (sink, topic) = (world.sink().await, world.topic());
    taken(&sink, &[]).await;
    taken(&sink, &[letter_at(&topic, 0, 1, "a")]).await;
    taken(&sink, &[letter_at(&topic, 0, 2, "b"), letter_at(&topic, 1, 1, "c"), letter_at(&topic, 0, 3, "d")]).await;
    assert_eq!(texts(world).await, ["a", "b", "c", "d"]);
}

/// E1 and E4: which was refused is told by its place.
async fn answers_come_in_the_order_of_the_letters<W: World>(world: &W) -> Checked {
    let (sink, topic) = (world.sink().await, world.topic());
    let mut letters: Vec<DeadLetter> = (0..5).map(|at| letter_at(&topic, 0, at, &at.to_string())).collect();
    for at in [0, 3] {
        letters[at] = world.refused(letters[at].clone())?;
    }
    let answers: Vec<bool> = accept(&sink, &letters).await.iter().map(Result::is_ok).collect();
    assert_eq!(answers, [false, true, true, false, true]);
    Ok(())
}

/// E2: whoever reads it need not be the sink that took it.
async fn an_accepted_letter_outlives_its_sink<W: World>(world: &W) -> Checked {
    let (sink, topic) = (world.sink().await, world.topic());
    if sink.durability() != Durability::Durable {
        return Err("the sink says itself that it may lose letters".into());
    }
    taken(&sink, &[letter_at(&topic, 0, 1, "a")]).await;
    drop(sink);
    assert_eq!(texts(world).await, ["a"]);
    taken(&world.sink().await, &[letter_at(&topic, 0, 2, "b")]).await;
    assert_eq!(texts(world).await, ["a", "b"]);
    Ok(())
}

/// E2: a store that is away accepts nothing, and asks to try again; the same letter is taken when it is back.
async fn what_is_not_written_is_not_accepted<W: World>(world: &W) -> Checked {
    let (sink, topic) = (world.sink().await, world.topic());
    let letters = [letter_at(&topic, 0, 1, "a"), letter_at(&topic, 0, 2, "b")];
    world.away(true).await?;
    for answer in accept(&sink, &letters).await {
        let refusal = answer.expect_err("nobody has written it");
        assert!(refusal.is_retriable(), "an outage passes: {refusal}");
    }
    world.away(false).await?;
    taken(&sink, &letters).await;
    let kept: BTreeSet<String> = texts(world).await.into_iter().collect();
    assert_eq!(kept, BTreeSet::from([String::from("a"), String::from("b")]));
    Ok(())
}

/// E3: the same failure has the same name, and no other failure has it.
async fn a_letter_accepted_again_is_known_by_its_id<W: World>(world: &W) {
    let (sink, topic) = (world.sink().await, world.topic());
    let mut again = letter_at(&topic, 0, 1, "a");
    taken(&sink, &[again.clone()]).await;
    // A second attempt at handing it over differs in all that does not name the failure.
    (again.attempts, again.last_failed_at, again.message) = (7, 9_000, String::from("the card is still expired"));
    taken(&sink, &[again]).await;
    let mut strange = letter_at(&topic, 0, 1, "another group's");
    strange.group = String::from("audit.orders");
    taken(&sink, &[letter_at(&topic, 0, 2, "another offset's"), letter_at(&topic, 1, 1, "another partition's"), strange]).await;
    let ids = |of: &str, kept: &[Kept]| {
        kept.iter().filter(|kept| text(kept) == of).map(|kept| kept.id.clone()).collect::<BTreeSet<_>>()
    };
    let kept = world.kept().await;
    assert_eq!(ids("a", &kept).len(), 1, "one failure, one name: {:?}", ids("a", &kept));
    let all: BTreeSet<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
    assert_eq!(all.len(), 4, "four failures: {all:?}");
}

/// E4: what cannot be taken takes nothing with it.
async fn one_letters_failure_fails_no_other<W: World>(world: &W) -> Checked {
    let (sink, topic) = (world.sink().await, world.topic());
    let bad = world.refused(letter_at(&topic, 0, 2, "bad"))?;
    let answers = accept(&sink, &[letter_at(&topic, 0, 1, "a"), bad, letter_at(&topic, 0, 3, "b")]).await;
    assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok(), "{answers:?}");
    assert_eq!(texts(world).await, ["a", "b"]);
    Ok(())
}

fn bytes_of(headers: &[(String, Option<Bytes>)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Bytes::len)).sum()
}

/// Whether `all` holds `some` in order.
fn holds(all: &[(String, Option<Bytes>)], some: &[(String, Option<Bytes>)]) -> bool {
    let mut all = all.iter();
    some.iter().all(|wanted| all.any(|found| found == wanted))
}

/// E5: also what is no text, is not there, or is there twice.
async fn a_letter_keeps_its_record_byte_for_byte<W: World>(world: &W) {
    let (sink, topic) = (world.sink().await, world.topic());
    let mut odd =
        Record::new(topic.clone(), Bytes::from_static(b"\xff\0"), Bytes::from_static(b"\0\xfe not text\n")).at(1_700_000_000_123);
    odd = odd.header("twice", "1").header("other", "").header("twice", "2");
    odd.headers.push((String::from("null"), None));
    let tombstone = Record::tombstone(topic.clone(), "gone").at(2);
    let keyless = Record::new(topic, "", "").without_key().at(3);
    for (offset, record) in (1..).zip([odd, tombstone, keyless]) {
        let before = world.kept().await.len();
        taken(&sink, &[letter_of(record.clone(), 0, offset)]).await;
        let kept = world.kept().await;
        assert_eq!(kept.len(), before + 1);
        let found = kept.iter().find(|kept| kept.record.timestamp == record.timestamp).expect("a letter keeps its timestamp");
        assert_eq!((&found.record.key, &found.record.value), (&record.key, &record.value));
        assert!(holds(&found.record.headers, &record.headers), "{:?}", found.record.headers);
    }
}

/// E5: neither a long story nor a letter about a letter makes headers grow.
async fn what_a_letter_adds_is_bounded<W: World>(world: &W) {
    let (sink, topic) = (world.sink().await, world.topic());
    let mut letter = letter_at(&topic, 0, 1, "a");
    let long = "é".repeat(50_000);
    (letter.message, letter.error_type, letter.handler, letter.service) = (long.clone(), long.clone(), long.clone(), long);
    taken(&sink, &[letter.clone()]).await;
    for round in 2..5 {
        let kept = world.kept().await;
        let last = kept.iter().max_by_key(|kept| bytes_of(&kept.record.headers)).expect("it was accepted");
        let added = bytes_of(&last.record.headers);
        assert!(added <= MOST_ADDED, "{added} bytes of headers were added");
        // The letter is read again from where it lay, and fails again.
        letter.record.headers = last.record.headers.clone();
        letter.position.offset = round;
        taken(&sink, &[letter.clone()]).await;
    }
}
