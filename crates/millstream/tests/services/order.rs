//! The order in which they start and end, and what an error or a second stop does to it.

use super::support::*;
use super::world::*;
use millstream::contract::{Error, ErrorKind, Operation};
use millstream::prelude::*;
use millstream::service::{Health, Life, Services};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test(start_paused = true)]
async fn each_is_ready_before_the_next_one_starts() {
    let world = World::new(0).await;
    let (handle, run) = world.run(world.well(&["a", "b", "c"]));
    handle.ready().await;
    assert!(handle.services().all(|(_, one)| one.health().is_ready()));
    let expected = [
        "a starts: a starting, b starting, c starting",
        "b starts: a ready, b starting, c starting",
        "c starts: a ready, b ready, c starting",
    ];
    assert_eq!(world.notes.taken(), expected);
    handle.stop();
    end(run).await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn one_that_restores_keeps_those_behind_it_from_starting() {
    let world = World::new(1).await;
    let services = Services::new().add(world.restoring("a")).add(world.service("b", Answer::Well));
    let (handle, run) = world.run(services);
    handle.ready().await;
    assert_eq!(world.notes.taken().last().map(String::as_str), Some("b starts: a ready, b starting"));
    handle.stop();
    end(run).await.expect("a clean end");
}

/// Notes how a service is in the moment in which it says that something has changed.
struct AtOnce(ServiceHandle, Mutex<Vec<Health>>);

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        self.1.lock().expect("no test panics with it").push(self.0.health());
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_is_not_up_before_it_says_what_it_restores() {
    let world = World::new(1).await;
    let services = Services::new().add(world.restoring("a"));
    let (all, run) = world.run(services);
    let (_, handle) = all.services().next().expect("there is one");
    handle.until(|health| health.life == Life::Running).await;
    let seen = Arc::new(AtOnce(handle.clone(), Mutex::default()));
    let waker = Waker::from(seen.clone());
    let mut assigned = Box::pin(handle.until(|health| health.assigned));
    // It is woken by whatever changes first, on the thread that changes it.
    assert!(assigned.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the group answers after a second");
    handle.until(|health| health.assigned).await;
    let first = seen.1.lock().expect("no test panics with it").remove(0);
    assert!(!first.restoring.is_empty(), "{first:?}");
    all.stop();
    end(run).await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn each_has_ended_before_the_one_before_it_is_told() {
    let world = World::new(2).await;
    let (handle, run) = world.run(world.well(&["a", "b", "c"]));
    handle.ready().await;
    world.notes.taken();
    handle.stop();
    end(run).await.expect("a clean end");
    let expected = [
        "c leaves: a ready, b ready, c stopping",
        "b leaves: a ready, b stopping, c ended",
        "a leaves: a stopping, b ended, c ended",
    ];
    assert_eq!(world.notes.taken(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_one_stops_the_others_in_order_and_is_returned() {
    let world = World::new(0).await;
    let services = world.well(&["a", "b"]).add_task("feed", |stop| async move {
        stop.unless_told(tokio::time::sleep(Duration::from_secs(5))).await;
        Err(Error::new(ErrorKind::Unavailable, Operation::Connect, "the exchange does not answer"))
    });
    let (handle, run) = world.run(services);
    handle.ready().await;
    world.notes.taken();
    let error = end(run).await.expect_err("the feed fails");
    assert_eq!(error.to_string(), "connect failed: `feed`: the exchange does not answer");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(world.notes.taken(), ["b leaves: a ready, b stopping", "a leaves: a stopping, b ended"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_to_start_keeps_those_behind_it_from_starting() {
    let world = World::new(0).await;
    let services = world.well(&["a"]).add(world.service("b", Answer::Fails)).add(world.service("c", Answer::Well));
    let (handle, run) = world.run(services);
    handle.ready().await;
    let error = end(run).await.expect_err("b cannot connect");
    assert_eq!(error.to_string(), "connect failed: `b`: no broker answers");
    let expected = [
        "a starts: a starting, b starting, c starting",
        "b starts: a ready, b starting, c starting",
        "a leaves: a stopping, b ended, c starting",
    ];
    assert_eq!(world.notes.taken(), expected);
}

#[tokio::test(start_paused = true)]
async fn one_that_breaks_before_it_is_ready_keeps_those_behind_it_from_starting() {
    let world = World::new(0).await;
    let services = world.well(&["a"]).add(world.service("b", Answer::Breaks)).add(world.service("c", Answer::Well));
    let (_, run) = world.run(services);
    let error = end(run).await.expect_err("b cannot go on");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!world.notes.taken().iter().any(|note| note.starts_with("c starts")));
}

#[tokio::test(start_paused = true)]
async fn one_that_never_gets_ready_does_not_keep_the_others_from_stopping() {
    let world = World::new(0).await;
    let services = world.well(&["a"]).add(world.service("b", Answer::Never)).add(world.service("c", Answer::Well));
    let (handle, run) = world.run(services);
    timeout(Duration::from_secs(60), handle.ready()).await.expect_err("b never gets ready");
    world.notes.taken();
    handle.stop();
    end(run).await.expect("a clean end");
    assert_eq!(world.notes.taken(), ["a leaves: a stopping, b ended, c starting"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_run_starts_nothing() {
    let world = World::new(0).await;
    let services = world.well(&["a", "b"]);
    services.handle().stop();
    let (_, run) = world.run(services);
    end(run).await.expect("a clean end");
    assert_eq!(world.notes.taken(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_drops_what_runs_in_all_of_them_together() {
    let world = World::new(2).await;
    let (handle, run) = world.run(world.well(&["a", "b", "c"]));
    handle.ready().await;
    world.settled(&handle, 1).await;
    handle.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let lives = || handle.services().map(|(_, one)| one.health().life).collect::<Vec<_>>();
    assert_eq!(lives(), [Life::Running, Life::Running, Life::Stopping], "the first stop waits for c's handler");
    handle.stop();
    timeout(Duration::from_secs(1), end(run)).await.expect("a second is enough for all").expect("a clean end");
    for group in ["a", "b", "c"] {
        assert_eq!(committed(&world.memory, group, "paper.orders.new", 0), Some(1), "{group}: what is settled is committed");
    }
}

#[tokio::test(start_paused = true)]
async fn all_together_end_within_the_longest_of_their_deadlines() {
    let world = World::new(2).await;
    let (handle, run) = world.run(world.well(&["a", "b", "c"]));
    handle.ready().await;
    world.settled(&handle, 1).await;
    handle.stop();
    timeout(Duration::from_secs(20), end(run)).await.expect("20 s is the longest").expect("a clean end");
    for group in ["a", "b", "c"] {
        assert_eq!(committed(&world.memory, group, "paper.orders.new", 0), Some(1), "{group}: what is settled is committed");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_by_itself_leaves_the_others_running() {
    let world = World::new(0).await;
    let (handle, run) = world.run(world.well(&["a", "b"]));
    handle.ready().await;
    let (_, b) = handle.services().nth(1).expect("there are two");
    b.stop();
    b.ended().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handle.services().next().expect("there are two").1.health().life, Life::Running);
    handle.stop();
    end(run).await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_drops_all_of_them() {
    let world = World::new(2).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (handle, run) = world.run(world.well(&["a", "b"]));
    handle.ready().await;
    run.abort();
    handle.ended().await;
    tokio::task::yield_now().await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn no_service_is_a_mistake() {
    let error = Services::new().run().await.expect_err("nothing would ever happen");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Configuration, "run failed: there is no service to run: add one")
    );
}
