use super::Process;
use crate::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Counts seconds for ever.
async fn count(seconds: Arc<AtomicU64>) {
    loop {
        sleep(SECOND).await;
        seconds.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_process_does_nothing_until_it_goes_on_and_then_its_timers_have_fired() {
    let (process, seconds) = (Process::new("a", 1, 0), Arc::new(AtomicU64::new(0)));
    let task = tokio::spawn(process.run(count(seconds.clone())));
    sleep(SECOND * 3).await;
    tokio::task::yield_now().await;
    assert_eq!(seconds.load(Ordering::Relaxed), 3);
    process.pause();
    sleep(SECOND * 10).await;
    assert_eq!(seconds.load(Ordering::Relaxed), 3, "it stands still");
    process.go_on();
    sleep(SECOND / 2).await;
    assert_eq!(seconds.load(Ordering::Relaxed), 4, "the second under way had passed");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_is_polled_no_more_and_says_so() {
    let (process, seconds) = (Process::new("a", 1, 0), Arc::new(AtomicU64::new(0)));
    let _task = tokio::spawn(process.run(count(seconds.clone())));
    process.kill_after(3);
    process.death().await;
    sleep(SECOND * 10).await;
    // The first poll starts the first second, the next two end one each.
    assert_eq!((seconds.load(Ordering::Relaxed), process.is_dead()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn its_wall_clock_jumps_and_its_monotonic_clock_does_not() {
    let process = Process::new("a", 1, 1_000_000);
    let clock = process.enter(Clock::new);
    let elsewhere = Clock::new();
    sleep(SECOND).await;
    assert_eq!((clock.wall_millis(), clock.now().as_nanos()), (1_001_000, 1_000_000_000));
    process.jump(-500_000);
    assert_eq!((clock.wall_millis(), clock.now().as_nanos()), (501_000, 1_000_000_000));
    assert_eq!(clock.now_with_suspend(), clock.now(), "the machine's own time is not in it");
    assert!(elsewhere.wall_millis() > 1_700_000_000_000, "a clock made outside shows the machine's");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_in_its_process_only_while_it_is_polled() {
    let process = Process::new("a", 1, 0);
    let name = || Process::current().map(|process| process.name().to_owned());
    assert_eq!(process.run(async { name() }).await.as_deref(), Some("a"));
    assert_eq!(name(), None);
}

#[tokio::test(start_paused = true)]
async fn polls_that_are_put_off_come_a_turn_later() {
    let process = Process::new("a", 1, 0);
    process.put_off(500);
    for number in 0..100 {
        assert_eq!(process.run(async { number }).await, number);
    }
    assert_eq!(process.polls(), 100);
}

#[test]
fn what_is_made_in_it_draws_from_its_seed_and_elsewhere_from_the_system() {
    let first = |seed| Process::new("a", seed, 0).enter(super::entropy);
    assert_eq!(first(7), first(7));
    assert_ne!(first(7), first(8));
    assert_ne!(super::entropy(), super::entropy());
}
