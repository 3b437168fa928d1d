//! How long a look-up counts.

use super::*;

#[test]
fn a_look_up_counts_for_less_than_its_life_and_under_the_standing_it_was_made_in() {
    let made = (7, MonoTime::from_millis(1_000));
    let last = made.1.after(CHECK_LIFE);
    assert!(is_fresh(made, 7, made.1) && is_fresh(made, 7, MonoTime::from_nanos(last.as_nanos() - 1)));
    assert!(!is_fresh(made, 7, last));
    assert!(!is_fresh(made, 8, made.1));
}
