//! What sending promises: all are handed over until they are taken, a call at a time, in their order.

use super::*;
use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;

fn at(millis: u64) -> MonoTime {
    MonoTime::from_millis(millis)
}

fn refusal() -> Result<(), Error> {
    Err(Error::new(ErrorKind::Unavailable, Operation::DeadLetter, "down"))
}

/// With so many waiting, at offsets from 0.
fn waiting(count: u64) -> Sending<u64> {
    let mut sending = Sending::default();
    (0..count).for_each(|offset| sending.push(offset, offset * 10));
    sending
}

/// Polls once, where whoever takes them answers at once.
fn poll(sending: &mut Sending<u64>, now: u64, answer: impl Fn(u64) -> Result<(), Error>) -> (bool, Option<Vec<(Offset, bool)>>) {
    let mut cx = Context::from_waker(Waker::noop());
    let begin = |batch: Vec<u64>| ready(batch.into_iter().map(&answer).collect::<Vec<_>>());
    let (moved, answered) = sending.poll(true, at(now), &mut cx, begin);
    (moved, answered.map(|all| all.into_iter().map(|(offset, _, answer)| (offset, answer.is_ok())).collect()))
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_handed_over_in_its_order_so_many_in_a_call() {
    let mut sending = waiting(MOST as u64 + 2);
    let (moved, answered) = poll(&mut sending, 0, |_| Ok(()));
    assert!(moved);
    assert_eq!(answered, Some((0..MOST as u64).map(|offset| (offset, true)).collect()));
    sending.answered(false, at(0), 0);
    assert_eq!(sending.len(), 2);
    assert_eq!(poll(&mut sending, 0, |_| Ok(())).1, Some(vec![(128, true), (129, true)]));
    assert_eq!((sending.len(), poll(&mut sending, 0, |_| Ok(()))), (0, (false, None)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handed_over_while_it_may_not_be_or_a_call_is_under_way() {
    let (mut sending, mut cx) = (waiting(2), Context::from_waker(Waker::noop()));
    let never = |_| pending::<Vec<Result<(), Error>>>();
    assert!(matches!(sending.poll(false, at(0), &mut cx, never), (false, None)));
    assert!(matches!(sending.poll(true, at(0), &mut cx, never), (true, None)));
    sending.push(2, 20);
    assert_eq!(sending.len(), 3, "those under way are not taken yet");
    assert_eq!(poll(&mut sending, 0, |_| Ok(())), (false, None), "no second call");
    sending.abandon();
    assert_eq!(sending.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_goes_first_after_a_pause_and_before_what_came_meanwhile() {
    let mut sending = waiting(2);
    let (_, answered) = poll(&mut sending, 0, |one| if one == 0 { refusal() } else { Ok(()) });
    assert_eq!(answered, Some(vec![(0, false), (1, true)]));
    sending.push(2, 20);
    sending.push_again(0, 0);
    assert!(sending.answered(true, at(0), u64::MAX) && sending.is_failing());
    let due = sending.due().expect("a next try");
    assert!(due > at(0));
    assert_eq!(poll(&mut sending, 0, |_| Ok(())), (false, None), "not before the pause is over");
    let mut cx = Context::from_waker(Waker::noop());
    let (_, answered) = sending.poll(true, due, &mut cx, |batch| ready(batch.iter().map(|_| Ok(())).collect::<Vec<_>>()));
    assert_eq!(answered.expect("answers").iter().map(|(offset, one, _)| (*offset, *one)).collect::<Vec<_>>(), [(0, 0), (2, 20)]);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_once_and_each_failure_and_pauses_grow() {
    let mut sending = waiting(1);
    assert!(!sending.answered(false, at(0), 0), "all is well as before");
    assert!(!sending.is_failing() && sending.due().is_none());
    let pauses = [(); 3].map(|()| {
        assert!(sending.answered(true, at(0), u64::MAX));
        sending.due().expect("a next try").since(at(0))
    });
    assert!(pauses.is_sorted_by(|one, next| one < next), "{pauses:?}");
    assert!(sending.answered(false, at(0), 0), "it works again");
    assert!(!sending.is_failing() && sending.due().is_none() && !sending.answered(false, at(0), 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_due_while_nothing_waits_or_a_call_is_under_way() {
    let mut sending = waiting(1);
    sending.answered(true, at(0), 0);
    let due = sending.due().expect("a next try");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(sending.poll(true, due, &mut cx, |_| pending::<Vec<Result<(), Error>>>()), (true, None)));
    sending.push(1, 10);
    assert_eq!(sending.due(), None);
    let mut empty: Sending<u64> = Sending::default();
    empty.answered(true, at(0), 0);
    assert_eq!(empty.due(), None);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_answers_out_or_never_answers_has_refused() {
    let (mut sending, mut cx) = (waiting(2), Context::from_waker(Waker::noop()));
    let (_, answered) = sending.poll(true, at(0), &mut cx, |_| ready(vec![Ok(())]));
    assert_eq!(answered.expect("answers").iter().map(|(_, _, answer)| answer.is_ok()).collect::<Vec<_>>(), [true, false]);
    let mut sending = waiting(1);
    let answered = std::future::poll_fn(|cx| match sending.poll(true, at(0), cx, |_| pending::<Vec<Result<(), Error>>>()) {
        (_, Some(answered)) => Poll::Ready(answered),
        (_, None) => Poll::Pending,
    });
    let answered = answered.await;
    assert!(answered.len() == 1 && answered[0].2.is_err());
}

#[test]
fn what_is_under_way_goes_on_only_while_it_may_be_handed_over() {
    let (mut sending, mut cx) = (Sending::default(), Context::from_waker(Waker::noop()));
    sending.push(7, "letter");
    let asked = Arc::new(AtomicU32::new(0));
    let sink = asked.clone();
    let begin = |letters: Vec<&str>| {
        let answers = letters.iter().map(|_| Ok(())).collect::<Vec<_>>();
        std::future::poll_fn(move |_| match sink.fetch_add(1, Ordering::Relaxed) {
            0 => Poll::Pending,
            _ => Poll::Ready(answers.iter().map(|_: &Result<(), Error>| Ok(())).collect()),
        })
    };
    let never = |_: Vec<&str>| std::future::ready(Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    assert!(matches!(sending.poll(true, MonoTime::ZERO, &mut cx, begin), (true, None)));
    assert!(matches!(sending.poll(false, MonoTime::ZERO, &mut cx, never), (false, None)));
    assert_eq!(asked.load(Ordering::Relaxed), 1, "nobody was asked while there was doubt");
    let (moved, answered) = sending.poll(true, MonoTime::ZERO, &mut cx, never);
    assert!(moved && answered.is_some_and(|answered| answered.len() == 1));
}
