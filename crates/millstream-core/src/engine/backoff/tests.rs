//! What backoff promises.

use super::*;
use proptest::prelude::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn ceilings_double_from_base_to_cap() {
    let backoff = Backoff::new(ms(100), ms(1_000));
    let ceilings: Vec<_> = (1..=6).map(|attempt| backoff.ceiling(attempt)).collect();
    assert_eq!(ceilings, [ms(100), ms(200), ms(400), ms(800), ms(1_000), ms(1_000)]);
    assert_eq!(backoff.ceiling(0), ms(100));
    assert_eq!(backoff.ceiling(u32::MAX), ms(1_000));
}

#[test]
fn jitter_reaches_from_half_the_base_to_the_ceiling() {
    let backoff = Backoff::new(ms(100), ms(1_000));
    assert_eq!(backoff.delay(3, 0), ms(50));
    assert_eq!(backoff.delay(3, u64::MAX), ms(400));
    assert_eq!(backoff.delay(3, u64::MAX / 2), ms(225));
}

#[test]
fn without_jitter_every_delay_is_its_ceiling() {
    let backoff = Backoff::new(ms(100), ms(1_000)).without_jitter().factor(3);
    assert_eq!([1, 2, 3, 4].map(|attempt| backoff.delay(attempt, 99)), [ms(100), ms(300), ms(900), ms(1_000)]);
}

#[test]
fn a_retry_without_a_pause_cannot_be_configured() {
    assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).without_jitter().delay(1, 0), ms(1));
    assert!(Backoff::new(Duration::ZERO, Duration::ZERO).delay(1, 0) > Duration::ZERO);
    assert_eq!(Backoff::new(ms(100), ms(10)).ceiling(9), ms(100));
    assert_eq!(Backoff::new(ms(100), ms(1_000)).factor(0).ceiling(9), ms(100));
}

proptest! {
    #[test]
    fn no_delay_passes_the_cap_or_falls_below_half_the_base(
        base in 0..u64::MAX, cap in 0..u64::MAX, factor: u32, attempt: u32, entropy: u64, small in 0..70u32,
    ) {
        let (base, cap) = (Duration::from_nanos(base), Duration::from_nanos(cap));
        let backoff = Backoff::new(base, cap).factor(factor);
        for attempt in [attempt, small] {
            let delay = backoff.delay(attempt, entropy);
            prop_assert!(delay <= backoff.ceiling(attempt));
            prop_assert!(backoff.ceiling(attempt) <= cap.max(base).max(LEAST));
            prop_assert!(delay >= base.max(LEAST) / 2);
            prop_assert_eq!(backoff.without_jitter().delay(attempt, entropy), backoff.ceiling(attempt));
        }
    }

    #[test]
    fn ceilings_never_fall_and_jitter_is_monotone_in_entropy(attempt in 1..40u32, a: u64, b: u64) {
        let backoff = Backoff::default();
        prop_assert!(backoff.ceiling(attempt) <= backoff.ceiling(attempt + 1));
        prop_assert!(backoff.delay(attempt, a.min(b)) <= backoff.delay(attempt, a.max(b)));
    }

    #[test]
    fn jitter_is_even(seed: u64) {
        // 4,096 steps through all entropy, shifted: the mean lies in the middle.
        let backoff = Backoff::new(ms(100), ms(1_000));
        let delays = (0..4_096u64).map(|n| backoff.delay(4, seed.wrapping_add(n << 52)));
        let mean = delays.sum::<Duration>() / 4_096;
        prop_assert!(mean > ms(424) && mean < ms(426), "{mean:?}");
    }
}
