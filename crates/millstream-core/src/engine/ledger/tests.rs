//! What the ledger promises, against a naive model: a set of open offsets.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Model {
    open: BTreeSet<Offset>,
    next: Offset,
}

impl Model {
    fn new(at: Offset) -> Self {
        Model { open: BTreeSet::new(), next: at }
    }

    fn admit_run(&mut self, run: Range<Offset>) -> u64 {
        let run = run.start.max(self.next)..run.end;
        if run.is_empty() {
            return 0;
        }
        self.next = run.end;
        self.open.extend(run.clone());
        run.end - run.start
    }

    fn settle(&mut self, range: Range<Offset>) -> u64 {
        let before = self.open.len();
        self.open.retain(|offset| !range.contains(offset));
        (before - self.open.len()) as u64
    }

    fn agrees_with(&self, ledger: &Ledger) {
        let watermark = self.open.first().copied().unwrap_or(self.next);
        assert_eq!(ledger.watermark(), watermark, "{self:?}");
        assert_eq!(ledger.next(), self.next);
        assert_eq!(ledger.in_flight(), self.open.len() as u64);
        assert_eq!(ledger.span(), self.next - watermark);
        assert_eq!(ledger.first_open(), self.open.first().copied());
    }
}

fn hash_of(ledger: &Ledger) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(ledger)
}

/// Walks every order of admitting six records, advancing over the gaps before them and settling any range, repeats and
/// unknown offsets included. A state is walked once: representation and model decide all that follows.
fn walk(offsets: &[Offset], ledger: &Ledger, model: &Model, seen: &mut HashSet<String>) {
    model.agrees_with(ledger);
    for offset in offsets.iter().flat_map(|offset| offset.saturating_sub(1)..offset + 2) {
        assert_eq!(ledger.is_open(offset), model.open.contains(&offset), "{offset} of {ledger:?}");
    }
    if !seen.insert(format!("{ledger:?}{model:?}")) {
        return;
    }
    if let Some(&offset) = offsets.iter().find(|offset| **offset >= model.next) {
        let (mut ledger, mut model) = (ledger.clone(), model.clone());
        if model.next < offset {
            let (mut ledger, mut model) = (ledger.clone(), model.clone());
            ledger.advance(offset);
            model.next = offset;
            walk(offsets, &ledger, &model, seen);
        }
        assert!(ledger.admit(offset));
        model.admit_run(offset..offset + 1);
        walk(offsets, &ledger, &model, seen);
    }
    for (i, first) in offsets.iter().enumerate() {
        for last in &offsets[i..] {
            let (mut ledger, mut model) = (ledger.clone(), model.clone());
            assert_eq!(ledger.settle(*first..last + 1), model.settle(*first..last + 1));
            walk(offsets, &ledger, &model, seen);
        }
    }
}

#[test]
fn six_records_in_every_order_leave_the_lowest_open_offset_as_watermark() {
    let mut states = 0;
    for (start, gap) in [(0, 1), (61, 1), (0, 70), (60, 70), (61, 64)] {
        for gaps in 0..64u64 {
            let offsets: Vec<Offset> = (0..6)
                .scan(start, |at, n| {
                    *at += (gaps >> n & 1) * gap;
                    *at += 1;
                    Some(*at - 1)
                })
                .collect();
            let mut seen = HashSet::new();
            walk(&offsets, &Ledger::new(start), &Model::new(start), &mut seen);
            states += seen.len();
        }
    }
    assert!(states > 320 * 127, "every subset of every prefix was met, not {states}");
}

#[derive(Clone, Debug)]
enum Step {
    Admit { gap: u64, len: u64 },
    Advance(u64),
    Settle { at: f64, len: u64 },
    SettleLowest(u64),
    Stale { back: u64, len: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![4 => Just(0), 2 => 0..5u64, 1 => 0..200u64];
    let step = prop_oneof![
        4 => (gap, prop_oneof![1..4u64, 1..400u64]).prop_map(|(gap, len)| Step::Admit { gap, len }),
        1 => (0..200u64).prop_map(Step::Advance),
        6 => (0.0..1.1f64, prop_oneof![Just(1u64), 0..10u64, 0..500u64]).prop_map(|(at, len)| Step::Settle { at, len }),
        2 => prop_oneof![1..4u64, 1..400u64].prop_map(Step::SettleLowest),
        1 => (0..300u64, 0..400u64).prop_map(|(back, len)| Step::Stale { back, len }),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn a_long_history_agrees_with_a_set_of_open_offsets(start in prop_oneof![Just(0), 0..1_000u64], steps in steps()) {
        let (mut ledger, mut model) = (Ledger::new(start), Model::new(start));
        for step in steps {
            match step {
                Step::Admit { gap, len } => {
                    let run = model.next + gap..model.next + gap + len;
                    prop_assert_eq!(ledger.admit_run(run.clone()), len);
                    model.admit_run(run);
                }
                Step::Advance(by) => {
                    ledger.advance(model.next + by);
                    model.next += by;
                }
                Step::Settle { at, len } => {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
                    let first = ledger.watermark().saturating_sub(3) + (at * ledger.span() as f64) as u64;
                    prop_assert_eq!(ledger.settle(first..first + len), model.settle(first..first + len));
                }
                Step::SettleLowest(len) => {
                    let first = ledger.watermark();
                    prop_assert_eq!(ledger.settle(first..first + len), model.settle(first..first + len));
                }
                Step::Stale { back, len } => {
                    let first = model.next.saturating_sub(back);
                    prop_assert_eq!(ledger.admit_run(first..first + len), model.admit_run(first..first + len));
                }
            }
            model.agrees_with(&ledger);
            prop_assert!((model.open.iter().take(50)).all(|offset| ledger.is_open(*offset)));
            prop_assert!((ledger.watermark()..model.next).take(300).all(|o| ledger.is_open(o) == model.open.contains(&o)));
        }
    }
}

#[test]
fn a_settled_record_is_never_opened_again_by_a_second_delivery() {
    let mut ledger = Ledger::new(10);
    ledger.admit_run(10..20);
    ledger.settle(12..14);
    assert!(!ledger.admit(12));
    assert_eq!(ledger.admit_run(12..14), 0);
    assert_eq!(ledger.admit_run(15..22), 2);
    assert!(!ledger.is_open(12));
    assert_eq!((ledger.in_flight(), ledger.next()), (10, 22));
}

#[test]
fn advancing_never_moves_back_and_never_passes_an_open_record() {
    let mut ledger = Ledger::new(0);
    ledger.admit(5);
    ledger.advance(9);
    ledger.advance(3);
    assert_eq!((ledger.next(), ledger.watermark()), (9, 5));
    ledger.settle(5..6);
    assert_eq!(ledger.watermark(), 9);
}

#[test]
fn a_gap_of_any_width_costs_no_memory() {
    let mut ledger = Ledger::new(0);
    assert!(ledger.admit(0) && ledger.admit(1 << 40) && ledger.admit(u64::MAX - 1));
    assert!(ledger.words.len() <= 3);
    assert_eq!(ledger.settle(1..u64::MAX), 2);
    assert_eq!((ledger.watermark(), ledger.in_flight()), (0, 1));
    assert_eq!(ledger.settle(0..u64::MAX), 1);
    assert_eq!(ledger.watermark(), u64::MAX);
}

#[test]
fn words_below_the_watermark_are_dropped() {
    let mut ledger = Ledger::new(0);
    for base in (0..100_000).step_by(100) {
        // The first of each hundred is settled after all others, so it is kept in words.
        ledger.admit_run(base..base + 100);
        ledger.settle(base + 1..base + 90);
        ledger.settle(base.saturating_sub(100)..base);
        assert_eq!((ledger.watermark(), ledger.in_flight(), ledger.words.len()), (base, 11, 1));
    }
    assert!(ledger.words.capacity() < 64);
    ledger.settle(0..100_000);
    assert!(ledger.words.is_empty());
}

#[test]
fn ledgers_that_answer_alike_are_equal_whatever_their_history() {
    let (mut busy, mut lazy) = (Ledger::new(0), Ledger::new(0));
    busy.admit(0);
    busy.admit_run(64..256);
    busy.settle(64..256);
    lazy.admit(0);
    lazy.advance(256);
    assert_eq!(busy, lazy);
    assert_eq!(hash_of(&busy), hash_of(&lazy));
    busy.admit(300);
    lazy.admit(300);
    assert_eq!(busy, lazy);
    lazy.settle(300..301);
    assert_ne!(busy, lazy);
    assert_ne!(hash_of(&busy), hash_of(&lazy), "states are told apart by their hashes");
    busy.settle(300..301);
    lazy.advance(400);
    assert_ne!(busy, lazy, "their next to read is not the same");
}
