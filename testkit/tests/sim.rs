//! The simulator over the framework's own workload: clean, and exactly repeatable (I14).

use millstream_testkit::sim::workload;

#[test]
fn seeds_of_the_orders_are_clean_and_repeat_exactly() {
    workload::orders().check(0..40);
}
