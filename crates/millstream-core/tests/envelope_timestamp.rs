//! Timestamps against another implementation of the same calendar.

use millstream_core::envelope::Timestamp;
use proptest::prelude::*;

/// From the first second of the year 0000 to the last day of 9999.
const MICROS: std::ops::Range<i64> = -62_167_219_200_000_000..253_402_207_200_000_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_moment_is_written_and_read_as_itself(micros in MICROS, nanos in 0..1_000_u32) {
        let at = Timestamp::from_micros(micros);
        prop_assert_eq!(at.as_micros(), micros);
        prop_assert_eq!(at.as_millis(), micros.div_euclid(1_000));
        let text = at.to_string();
        prop_assert_eq!(text.parse::<Timestamp>().expect("we wrote it"), at);
        let other: jiff::Timestamp = text.parse().expect("it is RFC 3339");
        prop_assert_eq!(other.as_microsecond(), micros);

        let fine = format!("{}{nanos:03}Z", &jiff_micros(micros));
        let read: Timestamp = fine.parse().expect("nine digits");
        prop_assert_eq!(read.as_micros(), micros);
        prop_assert_eq!(read.subsec_nanos() % 1_000, nanos);
        prop_assert_eq!(read.to_string().parse::<Timestamp>().expect("we wrote it"), read);
    }

    #[test]
    fn an_offset_is_taken_off(micros in MICROS, minutes in -1_439_i64..1_440) {
        let local = micros + minutes * 60_000_000;
        prop_assume!(MICROS.contains(&local));
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hour, minute) = (minutes.abs() / 60, minutes.abs() % 60);
        let text = format!("{}{sign}{hour:02}:{minute:02}", jiff_micros(local));
        prop_assert_eq!(text.parse::<Timestamp>().expect("it is RFC 3339").as_micros(), micros);
    }

    #[test]
    fn what_we_read_others_read_alike(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])") {
        let ours = text.parse::<Timestamp>().map(Timestamp::as_micros);
        let others = text.parse::<jiff::Timestamp>().map(|at| at.as_nanosecond().div_euclid(1_000) as i64);
        if let Ok(ours) = ours {
            prop_assert_eq!(ours, others.expect("they read it too"));
        } else if let Ok(others) = others {
            prop_assert!(!MICROS.contains(&others), "we refuse what is in range");
        }
    }

    #[test]
    fn text_that_is_not_rfc_3339_is_refused_and_never_panics(text in "\\PC{0,35}|[0-9T:Z.+-]{15,35}") {
        if let Ok(at) = text.parse::<Timestamp>() {
            prop_assert_eq!(at.to_string().parse::<Timestamp>().expect("we wrote it"), at);
        }
    }
}

/// The moment to six digits, without the zone.
fn jiff_micros(micros: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(micros).expect("it is in range");
    format!("{at:.6}").trim_end_matches('Z').to_owned()
}

#[test]
fn digits_are_written_as_far_as_they_say_something() {
    for (read, written) in [
        ("2026-11-25T09:15:00Z", "2026-11-25T09:15:00Z"),
        ("2026-11-25T09:15:00.000Z", "2026-11-25T09:15:00Z"),
        ("2026-11-25T09:15:00.2Z", "2026-11-25T09:15:00.200Z"),
        ("2026-11-25T09:15:00.2501Z", "2026-11-25T09:15:00.250100Z"),
        ("2026-11-25T09:15:00.000000001Z", "2026-11-25T09:15:00.000000001Z"),
        ("2026-11-25T14:45:00.25+05:30", "2026-11-25T09:15:00.250Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
    ] {
        assert_eq!(read.parse::<Timestamp>().expect("it is RFC 3339").to_string(), written);
    }
}

#[test]
fn a_bad_timestamp_is_refused_with_the_remedy() {
    for bad in [
        "",
        "2026-11-25",
        "2026-11-25T09:15:00",
        "2026-11-25 09:15:00Z",
        "2026-11-25t09:15:00Z",
        "2026-11-25T09:15:00z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-25T24:00:00Z",
        "2026-11-25T09:60:00Z",
        "2026-11-25T09:15:61Z",
        "2026-11-25T09:15:00.Z",
        "2026-11-25T09:15:00.0000000000Z",
        "2026-11-25T09:15:00+0530",
        "2026-11-25T09:15:00+24:00",
        "2026-11-25T09:15:00Z ",
        "1764062100",
        "+2026-11-25T09:15:00Z",
        "0000-01-01T00:00:00+00:01",
    ] {
        let error = bad.parse::<Timestamp>().expect_err(bad).to_string();
        assert!(error.contains("RFC 3339"), "{error}");
    }
}

#[test]
fn what_lies_outside_the_years_is_their_end() {
    assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
    assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
    let last = "9999-12-30T22:00:00.999999999Z";
    assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), last);
    assert_eq!(last.parse::<Timestamp>().expect("the last one"), Timestamp::from_millis(i64::MAX));
    assert!("9999-12-30T22:00:01Z".parse::<Timestamp>().is_err());
}
