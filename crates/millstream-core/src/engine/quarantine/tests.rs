//! What quarantine promises: alone, and to a fleet whose processes are killed by their records.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const ME: u64 = 0xfeed;
const OTHER: u64 = 0xbad;
const NONE: [Option<Suspect>; 2] = [None; 2];

fn open_note(suspect: Option<(Offset, u8)>) -> Option<Note> {
    Some(Note { incarnation: OTHER, clean: false, suspect, others: NONE, table: None })
}

fn after_crash(suspect: Option<(Offset, u8)>) -> Quarantine {
    Quarantine::on_assigned(open_note(suspect), 100, 8, ME)
}

/// Starts a record that must be noted first.
fn start(quarantine: &mut Quarantine, offset: Offset) -> Note {
    let Permit::NoteFirst(note) = quarantine.before_start(offset) else { panic!("{offset} starts without a note") };
    quarantine.noted(offset);
    assert_eq!(quarantine.before_start(offset), Permit::Run);
    note
}

#[test]
fn notes_are_short_texts_that_read_back() {
    let note =
        Note { incarnation: u64::MAX, clean: true, suspect: Some((u64::MAX, u8::MAX)), others: NONE, table: Some(u64::MAX) };
    assert_eq!(note.to_string(), "ms1;i=ffffffffffffffff;c=1;s=18446744073709551615:255;t=18446744073709551615");
    let note = Note { others: [note.suspect; 2], ..note };
    let killers = ";k=18446744073709551615:255;k=18446744073709551615:255;t=18446744073709551615";
    assert!(note.to_string().ends_with(killers), "{note}");
    assert!(note.to_string().len() <= MAX_NOTE);
    assert_eq!(Note::read(Some(&note.to_string())), Some(note));
    assert_eq!(
        Note::read(Some("ms1;i=a;c=0")),
        Some(Note { incarnation: 10, clean: false, suspect: None, others: NONE, table: None })
    );
}

#[test]
fn foreign_and_broken_texts_are_no_notes() {
    let broken = [
        "",
        "ms1",
        "ms1;",
        "ms1;i=",
        "ms1;i=xyz;c=1",
        "ms1;i=a",
        "ms1;i=a;c=2",
        "ms1;i=a;c=",
        "ms1;c=1;i=a",
        "ms2;i=a;c=1",
        "ms1;i=a;c=0;s=",
        "ms1;i=a;c=0;s=5",
        "ms1;i=a;c=0;s=5:256",
        "ms1;i=a;c=0;k=1:1;k=2:1;k=3:1",
        "ms1;i=a;c=0;s=-5:1",
        "ms1;i=11112222333344445;c=1",
        "{\"offset\":3}",
        "ms1;i=a;c=0;",
        "NO_METADATA",
    ];
    for text in broken {
        assert_eq!(Note::read(Some(text)), None, "{text}");
    }
    assert_eq!(Note::read(None), None);
    assert_eq!(Note::read(Some(&format!("ms1;i=a;c=0;s=5:1;z={}", "x".repeat(MAX_NOTE)))), None);
}

#[test]
fn parts_of_later_versions_are_passed_over() {
    assert_eq!(
        Note::read(Some("ms1;i=a;c=0;s=5:1;z=9")),
        Some(Note { incarnation: 10, clean: false, suspect: Some((5, 1)), others: NONE, table: None })
    );
}

#[test]
fn a_clean_end_or_no_note_at_all_is_followed_by_normal_running() {
    let clean = Some(Note { incarnation: OTHER, clean: true, suspect: None, others: NONE, table: None });
    for note in [None, clean] {
        let mut quarantine = Quarantine::on_assigned(note, 100, 8, ME);
        assert_eq!(quarantine.mode(), Mode::Normal);
        assert!(quarantine.is_idle());
        assert_eq!([quarantine.before_start(100), quarantine.before_start(101)], [Permit::Run, Permit::Run]);
    }
}

#[test]
fn an_open_note_of_this_process_is_no_crash() {
    let note = Some(Note { incarnation: ME, clean: false, suspect: Some((100, 2)), others: NONE, table: None });
    let mut quarantine = Quarantine::on_assigned(note, 100, 8, ME);
    assert_eq!(quarantine.mode(), Mode::Normal);
    assert_eq!(start(&mut quarantine, 100).suspect, Some((100, 2)), "but its suspect is still watched");
}

#[test]
fn after_a_crash_records_run_one_at_a_time_each_noted_first() {
    let mut quarantine = after_crash(None);
    assert_eq!(quarantine.mode(), Mode::Careful { remaining: 8 });
    let note = Note { incarnation: ME, clean: false, suspect: Some((100, 0)), others: NONE, table: None };
    assert_eq!(quarantine.before_start(100), Permit::NoteFirst(note));
    assert_eq!(quarantine.before_start(100), Permit::NoteFirst(note), "not before the note is kept");
    assert_eq!(quarantine.before_start(101), Permit::Wait);
    quarantine.noted(101);
    assert_eq!(quarantine.before_start(100), Permit::NoteFirst(note), "nor because another's is");
    quarantine.noted(100);
    assert_eq!([quarantine.before_start(100), quarantine.before_start(101)], [Permit::Run, Permit::Wait]);
    quarantine.settled(100, 101);
    assert_eq!(start(&mut quarantine, 101).suspect, Some((101, 0)));
}

#[test]
fn a_record_is_under_way_from_its_note_on_until_it_is_settled_or_put_back() {
    let mut quarantine = after_crash(None);
    assert!(!quarantine.is_under_way());
    start(&mut quarantine, 100);
    assert!(quarantine.is_under_way());
    quarantine.put_back(100);
    assert!(!quarantine.is_under_way());
    quarantine.before_start(100);
    assert!(quarantine.is_under_way(), "its note is on its way");
    quarantine.settled(100, 101);
    assert!(!quarantine.is_under_way());
}

#[test]
fn care_ends_when_as_many_are_settled_as_could_have_been_in_flight() {
    let mut quarantine = after_crash(None);
    for offset in 100..108 {
        quarantine.settled(offset + 1_000, offset);
        assert_eq!(quarantine.mode(), Mode::Careful { remaining: 108 - offset }, "only records that ran count");
        start(&mut quarantine, offset);
        quarantine.settled(offset, offset + 1);
    }
    assert_eq!(quarantine.mode(), Mode::Normal);
    assert!(quarantine.is_idle());
    assert_eq!(quarantine.note_now(false), Note { incarnation: ME, clean: false, suspect: None, others: NONE, table: None });
}

#[test]
fn care_goes_on_while_a_record_it_passed_over_is_left() {
    let mut quarantine = Quarantine::on_assigned(open_note(None), 100, 2, ME);
    for offset in [101, 102] {
        start(&mut quarantine, offset);
        quarantine.settled(offset, 100);
    }
    assert_eq!(quarantine.mode(), Mode::Careful { remaining: 0 });
    assert!(!quarantine.is_idle());
    start(&mut quarantine, 107);
    quarantine.settled(107, 100);
    start(&mut quarantine, 100);
    quarantine.settled(100, 103);
    assert!(quarantine.is_idle(), "what ran later is not waited for");
}

#[test]
fn a_suspect_that_the_watermark_has_passed_is_forgotten() {
    let mut quarantine = Quarantine::on_assigned(open_note(Some((105, 1))), 100, 1, ME);
    start(&mut quarantine, 100);
    quarantine.settled(100, 105);
    assert!(!quarantine.is_idle());
    quarantine.settled(103, 106);
    assert!(quarantine.is_idle());
}

#[test]
fn a_suspect_found_again_has_one_crash_more_and_the_third_is_its_last() {
    assert_eq!(start(&mut after_crash(Some((100, 0))), 100).suspect, Some((100, 1)));
    assert_eq!(start(&mut after_crash(Some((100, 1))), 100).suspect, Some((100, 2)));
    let mut quarantine = after_crash(Some((100, 2)));
    assert_eq!(quarantine.before_start(100), Permit::DeadLetter);
    assert_eq!(start(&mut quarantine, 101).suspect, Some((101, 0)));
    quarantine.settled(101, 100);
    quarantine.settled(100, 101);
    assert_eq!(quarantine.mode(), Mode::Careful { remaining: 6 });
    assert_eq!(after_crash(Some((100, u8::MAX))).before_start(100), Permit::DeadLetter);
}

#[test]
fn another_suspect_is_remembered_and_not_counted() {
    let mut quarantine = after_crash(Some((105, 1)));
    let note = start(&mut quarantine, 100);
    assert_eq!((note.suspect, note.others), (Some((100, 0)), [Some((105, 2)), None]));
    let note = Note { incarnation: OTHER, ..note };
    let mut next = Quarantine::on_assigned(Some(note), 100, 8, ME);
    assert_eq!(start(&mut next, 105).suspect, Some((105, 2)));
    assert_eq!(next.note_now(false).others, [Some((100, 1)), None]);
}

#[test]
fn a_dead_letter_that_comes_again_is_one_again() {
    let mut quarantine = after_crash(Some((105, 2)));
    assert_eq!(quarantine.before_start(105), Permit::DeadLetter);
    quarantine.settled(105, 100);
    let note = Note { incarnation: OTHER, ..start(&mut quarantine, 100) };
    assert_eq!(Quarantine::on_assigned(Some(note), 100, 8, ME).before_start(105), Permit::DeadLetter);
}

#[test]
fn a_suspect_below_the_start_is_settled_and_forgotten() {
    let mine = Note { incarnation: ME, clean: false, suspect: Some((99, 2)), others: [Some((98, 2)), None], table: None };
    assert!(Quarantine::on_assigned(Some(mine), 100, 8, ME).is_idle());
    let mut quarantine = after_crash(Some((99, 2)));
    assert_eq!(start(&mut quarantine, 100).suspect, Some((100, 0)));
}

#[test]
fn a_record_put_back_lets_others_run_and_is_noted_again() {
    let mut quarantine = after_crash(None);
    start(&mut quarantine, 100);
    quarantine.put_back(100);
    start(&mut quarantine, 101);
    assert_eq!(quarantine.before_start(100), Permit::Wait);
    quarantine.settled(101, 100);
    start(&mut quarantine, 100);
    assert_eq!(quarantine.mode(), Mode::Careful { remaining: 7 });
}

#[test]
fn a_record_goes_before_a_higher_one_that_is_noted_and_does_not_run_yet() {
    for noted in [false, true] {
        let mut quarantine = after_crash(None);
        assert!(matches!(quarantine.before_start(105), Permit::NoteFirst(_)));
        if noted {
            quarantine.noted(105);
        }
        assert_eq!(start(&mut quarantine, 101).suspect, Some((101, 0)), "its backoff ended meanwhile");
        assert_eq!([quarantine.before_start(101), quarantine.before_start(105)], [Permit::Run, Permit::Wait]);
        quarantine.settled(101, 102);
        start(&mut quarantine, 105);
        assert_eq!([quarantine.before_start(101), quarantine.before_start(105)], [Permit::Wait, Permit::Run], "now it runs");
    }
}

#[test]
fn a_clean_note_names_no_suspect() {
    let mut quarantine = after_crash(None);
    start(&mut quarantine, 100);
    assert_eq!(quarantine.note_now(false).suspect, Some((100, 0)));
    assert_eq!(quarantine.note_now(true), Note { incarnation: ME, clean: true, suspect: None, others: NONE, table: None });
}

proptest! {
    #[test]
    fn every_note_reads_back(incarnation: u64, clean: bool, suspect: Option<(u64, u8)>, other: Option<(u64, u8)>, third: (u64, u8), table: Option<u64>) {
        let others = [other, other.map(|_| third)];
        let note = Note { incarnation, clean, suspect, others, table };
        prop_assert_eq!(note.to_string().parse(), Ok(note));
        prop_assert!(note.to_string().len() <= MAX_NOTE);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "(ms1;)?(i=[0-9a-f]{0,17};?)?(c=[012];?)?(s=[0-9]{0,21}:?[0-9]{0,4};?)?.{0,20}") {
        if let Some(note) = Note::read(Some(&text)) {
            prop_assert_eq!(note.to_string().parse(), Ok(note));
        }
    }

    #[test]
    fn a_fleet_gets_past_its_killers_and_dead_letters_nothing_else(
        killers in prop::collection::btree_set(0..40u64, 0..5), deferred in prop::collection::btree_set(0..40u64, 0..9), cap in 1..12u64,
    ) {
        let (mut committed, mut note, mut crashes, mut dead) = (0, None, 0, BTreeSet::new());
        'processes: for incarnation in 1.. {
            prop_assert!(crashes <= 50, "never gets past {killers:?}");
            let mut quarantine = Quarantine::on_assigned(note, committed, cap, incarnation);
            note = Some(quarantine.note_now(false));
            let (mut settled, mut rounds) = (BTreeSet::new(), 0);
            while committed < 40 {
                rounds += 1;
                prop_assert!(rounds <= 100, "waits for ever");
                // As many as the window holds, in offset order; every other process puts some off to a second look.
                let open: Vec<Offset> = (committed..40).filter(|o| !settled.contains(o)).take(cap as usize).collect();
                let (later, first): (Vec<_>, Vec<_>) =
                    open.iter().copied().partition(|offset| incarnation % 2 == 0 && deferred.contains(offset));
                let looks = first.iter().flat_map(|offset| [offset, offset]).chain(later.iter().flat_map(|offset| [offset, offset]));
                for offset in looks {
                    if settled.contains(offset) {
                        continue;
                    }
                    match quarantine.before_start(*offset) {
                        Permit::Wait => continue,
                        Permit::DeadLetter => drop(dead.insert(*offset)),
                        Permit::NoteFirst(first) => {
                            note = Some(first);
                            quarantine.noted(*offset);
                            continue;
                        }
                        Permit::Run if killers.contains(offset) => {
                            crashes += 1;
                            continue 'processes;
                        }
                        Permit::Run => {}
                    }
                    settled.insert(*offset);
                    while settled.contains(&committed) {
                        committed += 1;
                    }
                    quarantine.settled(*offset, committed);
                    note = Some(quarantine.note_now(false));
                }
            }
            break;
        }
        prop_assert_eq!(&dead, &killers);
        prop_assert!(!deferred.is_empty() || crashes <= killers.len() * (usize::from(MAX_CRASHES) + 1));
    }
}
