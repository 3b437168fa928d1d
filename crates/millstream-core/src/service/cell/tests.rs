//! What intake, worker and outboxes tell each other through a cell.

use super::*;
use crate::contract::{RecordSetBuilder, TopicPartition};

#[test]
fn who_runs_before_the_intake_after_a_pause_finds_the_doubt_itself() {
    let suspect = Arc::new(Suspect::default());
    let cell = Cell::new(Epoch(1), 0, Arc::default(), suspect.clone());
    assert!(cell.may_hand_over_at(MonoTime::from_millis(100_000)), "nothing is known before the intake's first turn");
    suspect.turned(MonoTime::from_millis(100_000), Duration::from_secs(5));
    assert!(cell.may_hand_over_at(MonoTime::from_millis(105_000)));
    assert!(!cell.may_hand_over_at(MonoTime::from_millis(105_001)), "nobody knows whose the partition is now");
    suspect.turned(MonoTime::from_millis(105_002), Duration::from_secs(5));
    assert!(!cell.may_hand_over_at(MonoTime::from_millis(105_003)), "not before the group has answered");
    suspect.set(false);
    assert!(cell.may_hand_over_at(MonoTime::from_millis(105_004)));
}

#[test]
fn an_advance_never_comes_out_before_the_batches_put_in_before_it() {
    const ROUNDS: u64 = 200_000;
    let cell = Cell::new(Epoch(1), 0, Arc::default(), Arc::default());
    let mut builder = RecordSetBuilder::new(0);
    builder.push(0, 0, None, Some(b"x"));
    let set = Arc::new(builder.build());
    let partition = TopicPartition::new("paper.orders.new".parse().expect("a topic"), 0);
    let intake = cell.clone();
    let feeder = std::thread::spawn(move || {
        for round in 1..=ROUNDS {
            // So the worker's look can fall between the two.
            intake.push(RecordBatch::new(partition.clone(), Epoch(1), set.clone(), 0..1, round), 1);
            intake.advance(round);
        }
    });
    let (mut taken, mut queue) = (0, VecDeque::new());
    while taken < ROUNDS {
        let advanced = cell.take(&mut queue);
        taken += queue.drain(..).count() as u64;
        assert!(advanced.is_none_or(|advanced| advanced <= taken), "{advanced:?} of {taken}");
    }
    feeder.join().expect("the feeder does not panic");
}

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

fn cell() -> (Arc<Cell>, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    (Cell::new(Epoch(1), 7, bell.clone(), Arc::default()), bell)
}

/// Whether the intake was rung for since the last time.
fn rung(bell: &Bell) -> bool {
    bell.heard(std::task::Waker::noop())
}

fn batch(offset: Offset) -> RecordBatch {
    let mut builder = RecordSetBuilder::new(0);
    builder.push(offset, 0, None, Some(b"x"));
    let partition = TopicPartition::new("paper.orders.new".parse().expect("a topic"), 0);
    RecordBatch::new(partition, Epoch(1), Arc::new(builder.build()), 0..1, offset + 1)
}

#[test]
fn a_drain_may_only_be_shortened_and_a_stop_is_final() {
    let (cell, _) = cell();
    let told = |control| {
        cell.control(control);
        cell.state()
    };
    assert_eq!(cell.state(), Control::Run);
    assert_eq!(told(Control::Drain(at(50))), Control::Drain(at(50)));
    assert_eq!(told(Control::Drain(at(70))), Control::Drain(at(50)));
    assert_eq!(told(Control::Drain(at(20))), Control::Drain(at(20)));
    assert_eq!(told(Control::Run), Control::Drain(at(20)));
    assert_eq!(told(Control::Stop), Control::Stop);
    assert_eq!(told(Control::Drain(at(10))), Control::Stop);
    assert_eq!(told(Control::Run), Control::Stop);
}

#[test]
fn a_drain_that_is_over_at_once_is_one() {
    let (cell, _) = cell();
    cell.control(Control::Drain(MonoTime::ZERO));
    cell.control(Control::Drain(at(50)));
    assert_eq!(cell.state(), Control::Drain(MonoTime::from_nanos(1)));
}

#[test]
fn records_start_while_it_runs_and_are_handed_over_until_it_is_over_and_neither_while_in_doubt() {
    let (cell, _) = cell();
    let may = || (cell.runs(), cell.may_hand_over(), cell.is_over());
    assert_eq!(may(), (true, true, false));
    cell.suspect().set(true);
    assert_eq!(may(), (false, false, false));
    cell.suspect().set(false);
    cell.control(Control::Drain(at(50)));
    assert_eq!(may(), (false, true, false));
    cell.control(Control::Stop);
    assert_eq!(may(), (false, false, true));
}

#[test]
fn each_doubt_is_a_generation_and_looking_while_in_doubt_is_none() {
    let suspect = Suspect::default();
    suspect.turned(at(10_000), Duration::from_secs(5));
    suspect.look(at(20_000));
    suspect.look(at(30_000));
    assert_eq!((suspect.is_on(), suspect.generation()), (true, 1));
    suspect.set(false);
    assert_eq!((suspect.is_on(), suspect.generation()), (false, 1));
    suspect.set(true);
    suspect.set(true);
    assert_eq!((suspect.is_on(), suspect.generation()), (true, 3));
}

#[test]
fn a_bell_is_heard_once_and_stays_rung_until_then() {
    let bell = Bell::default();
    assert!(!rung(&bell));
    bell.ring();
    bell.ring();
    assert!(rung(&bell) && !rung(&bell));
}

#[test]
fn batches_come_out_in_their_order_and_are_counted_until_they_are_taken() {
    let (cell, _) = cell();
    let mut queue = VecDeque::new();
    assert_eq!((cell.queued(), cell.take(&mut queue)), (0, None));
    cell.push(batch(7), 70);
    cell.push(batch(8), 80);
    assert_eq!(cell.queued(), 2);
    cell.advance(9);
    assert_eq!((cell.take(&mut queue), cell.queued()), (Some(9), 0));
    assert_eq!(queue.iter().map(|(batch, bytes)| (batch.next, *bytes)).collect::<Vec<_>>(), [(8, 70), (9, 80)]);
    assert_eq!(cell.take(&mut queue), None, "an advance is told once");
    cell.advance(12);
    assert_eq!((cell.take(&mut queue), queue.len()), (Some(12), 2), "also without a batch");
}

#[test]
fn the_intake_hears_once_of_what_it_asked_for() {
    let (cell, bell) = cell();
    cell.push(batch(7), 1);
    cell.take(&mut VecDeque::new());
    cell.tell_if_wanted();
    assert!(!rung(&bell), "nobody asked");
    cell.ask_for_news();
    cell.tell_if_wanted();
    cell.tell_if_wanted();
    assert!(rung(&bell));
    cell.tell_if_wanted();
    assert!(!rung(&bell), "it asked once");
    cell.ask_for_news();
    cell.take(&mut VecDeque::new());
    assert!(!rung(&bell), "nothing was taken");
    cell.push(batch(8), 1);
    cell.take(&mut VecDeque::new());
    assert!(rung(&bell));
}

#[test]
fn the_intake_is_rung_for_once_until_it_takes_what_is_committable() {
    let (cell, bell) = cell();
    assert!(!cell.is_dirty() && !cell.take_dirty());
    cell.set_dirty();
    assert!(rung(&bell) && cell.is_dirty());
    cell.set_dirty();
    assert!(!rung(&bell));
    assert!(cell.take_dirty() && !cell.take_dirty() && !cell.is_dirty());
    cell.set_dirty();
    assert!(rung(&bell));
}

#[test]
fn a_note_is_asked_for_once_and_known_to_be_committed_for_its_record_alone() {
    let (cell, bell) = cell();
    assert!(cell.take_note().is_none() && !cell.is_noted(0));
    let note: Note = "ms1;i=a;c=0;s=5:1".parse().expect("a note");
    cell.request_note(5, note);
    assert!(rung(&bell));
    assert_eq!((cell.take_note(), cell.take_note()), (Some((5, note)), None));
    assert!(!cell.is_noted(5));
    cell.noted(5);
    assert_eq!([4, 5, 6].map(|offset| cell.is_noted(offset)), [false, true, false]);
}

#[test]
fn a_worker_is_busy_from_the_beginning_of_a_turn_to_its_end() {
    let (cell, _) = cell();
    assert_eq!(cell.busy_since(), None);
    cell.busy(Some(at(5)));
    assert_eq!(cell.busy_since(), Some(at(5)));
    cell.busy(Some(MonoTime::ZERO));
    assert!(cell.busy_since().is_some(), "also at the first moment");
    cell.busy(None);
    assert_eq!(cell.busy_since(), None);
}

#[test]
fn answers_are_kept_until_they_are_taken() {
    let (cell, _) = cell();
    for generation in [1, 2] {
        cell.answer(Ack { generation, owners: Vec::new(), refused: Vec::new() });
    }
    let mut acks = Vec::new();
    cell.take_acks(&mut acks);
    cell.take_acks(&mut acks);
    assert_eq!(acks.iter().map(|ack| ack.generation).collect::<Vec<_>>(), [1, 2]);
}
