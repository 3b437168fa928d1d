//! Tasks among services: when they are told to end, and what becomes of those that do not.

use super::world::*;
use millstream::contract::ErrorKind;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test(start_paused = true)]
async fn a_task_is_told_to_stop_before_the_services_before_it() {
    let world = World::new(0).await;
    let notes = world.notes.clone();
    let services = world.well(&["a"]).add_task("feed", |stop| async move {
        stop.told().await;
        notes.add("feed is told");
        tokio::time::sleep(Duration::from_secs(3)).await;
        notes.add("feed ends");
        Ok(())
    });
    let (handle, run) = world.run(services);
    handle.ready().await;
    handle.stop();
    end(run).await.expect("a clean end");
    assert_eq!(
        world.notes.taken(),
        ["a starts: a starting", "feed is told: a ready", "feed ends: a ready", "a leaves: a stopping"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_end_in_time_is_dropped_and_told_of() {
    let world = World::new(0).await;
    let services = world.well(&["a"]).add_task("feed", |_| std::future::pending());
    let (handle, run) = world.run(services);
    handle.ready().await;
    handle.stop();
    let error = timeout(Duration::from_secs(20), end(run)).await.expect("in time").expect_err("the feed had not ended");
    let text = "run failed: `feed`: it had not ended when its time was over, and was dropped";
    assert_eq!((error.to_string().as_str(), error.kind()), (text, ErrorKind::TimedOut));
    assert!(world.notes.taken().contains(&"a leaves: a stopping".to_owned()), "a still leaves in order");
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_drops_a_task_at_once_and_is_no_error() {
    let world = World::new(0).await;
    let services = world.well(&["a"]).add_task("feed", |_| std::future::pending());
    let (handle, run) = world.run(services);
    handle.ready().await;
    handle.stop();
    tokio::task::yield_now().await;
    handle.stop();
    timeout(Duration::from_millis(500), end(run)).await.expect("nothing keeps it").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_stops_the_others_and_is_an_error() {
    let world = World::new(0).await;
    let services = world.well(&["a"]).add_task("feed", |_| async { panic!("a bug of the feed") });
    let (_, run) = world.run(services);
    let error = end(run).await.expect_err("the feed died");
    assert_eq!((error.to_string().as_str(), error.kind()), ("run failed: `feed`: it panicked", ErrorKind::Internal));
    assert!(world.notes.taken().contains(&"a leaves: a stopping".to_owned()));
}
