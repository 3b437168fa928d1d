//! What the window promises, against a transport that takes every liberty its contract gives it.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

#[test]
fn the_defaults_fit_together() {
    let policy = WindowPolicy::default();
    assert_eq!(policy, WindowPolicy::LOCAL);
    assert!(policy.in_flight_records <= policy.span && policy.span < WindowPolicy::SHARED.span);
    assert!(policy.largest_record * 8 < policy.in_flight_bytes);
}

#[test]
fn a_record_at_all_default_limits_is_expected() {
    let (value, headers, key) = (1 << 20, 16 << 10, 4 << 10);
    assert_eq!(WindowPolicy::default().largest_record, value + headers + key);
}

#[test]
fn an_empty_window_asks_for_a_batch() {
    let window = Window::new(WindowPolicy::default());
    let demand = window.demand(0, 256);
    assert_eq!(demand.records, 256);
    assert_eq!(demand.bytes, (16 << 20) - WindowPolicy::default().largest_record);
}

#[test]
fn the_span_bounds_demand_even_if_little_is_in_flight() {
    let mut window = Window::new(WindowPolicy::default().spanning(100));
    window.delivered(1, 10);
    assert_eq!(window.demand(90, 256).records, 10);
    assert_eq!(window.demand(100, 256), Demand::default());
    assert_eq!(window.demand(u64::MAX, 256), Demand::default());
}

#[test]
fn a_record_above_the_cap_is_asked_for_alone() {
    let mut window = Window::new(WindowPolicy::default().bytes(100).expecting(1_000));
    assert_eq!(window.demand(0, 256), Demand { records: 1, bytes: 0 });
    window.delivered(1, 5_000);
    assert_eq!(window.demand(1, 256), Demand::default());
    window.freed(1, 5_000);
    assert_eq!(window.demand(0, 256).records, 1);
}

#[test]
fn what_is_freed_is_asked_for_again() {
    let mut window = Window::new(WindowPolicy::default().records(300));
    window.delivered(256, 1_000);
    assert_eq!(window.demand(256, 256).records, 44);
    window.delivered(44, 1_000);
    assert_eq!(window.demand(300, 256), Demand::default());
    window.freed(200, 500);
    assert_eq!((window.demand(300, 256).records, window.records(), window.bytes()), (200, 100, 1_500));
}

proptest! {
    #[test]
    fn caps_hold_whatever_the_transport_yields_and_a_window_with_room_never_starves(
        records in 1..20u64, bytes in 1..2_000u64, span in 1..40u64, largest in 1..500u64,
        steps in prop::collection::vec((any::<bool>(), 1..500u64, 0..6u64, any::<prop::sample::Index>()), 1..200),
    ) {
        let policy = WindowPolicy::default().records(records).bytes(bytes).spanning(span).expecting(largest);
        let mut window = Window::new(policy);
        // Sizes in flight by offset; `None` is settled but above the watermark.
        let mut flight: VecDeque<Option<u64>> = VecDeque::new();
        for (deliver, size, gap, pick) in steps {
            let open: Vec<usize> = (0..flight.len()).filter(|n| flight[*n].is_some()).collect();
            if deliver || open.is_empty() {
                let mut demand = window.demand(flight.len() as u64, 8);
                if open.is_empty() {
                    prop_assert!(demand.records >= 1, "starved: {window:?}");
                }
                // Yields records until the demand is used up; the last may be larger than what is left.
                let size = size.min(largest);
                while demand.records > 0 {
                    demand.records -= 1;
                    window.delivered(1, size);
                    flight.push_back(Some(size));
                    if demand.bytes < size {
                        break;
                    }
                    demand.bytes -= size;
                }
                prop_assert!(window.records() <= records);
                prop_assert!(window.bytes() <= bytes || window.records() == 1);
                prop_assert!(flight.len() as u64 <= span);
                let _ = gap;
            } else {
                let size = flight[*pick.get(&open)].take().expect("it is open");
                window.freed(1, size);
                while flight.front().is_some_and(Option::is_none) {
                    flight.pop_front();
                }
            }
            let open: Vec<u64> = flight.iter().flatten().copied().collect();
            prop_assert_eq!((window.records(), window.bytes()), (open.len() as u64, open.iter().sum()));
        }
    }
}
