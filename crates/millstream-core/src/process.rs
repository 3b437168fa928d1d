//! Owns the process as its services see it: what runs their tasks, the wall clock, and the first random number. Leaves
//! what happens to it to whoever simulates one.
//!
//! Outside a simulation there is none ([`Process::current`] is `None`), and the operating system's process is meant:
//! nothing here is then on anybody's way but one look at a thread-local when a task is started.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

thread_local! {
    static CURRENT: RefCell<Option<Process>> = const { RefCell::new(None) };
}

/// Whether a simulated process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// Stopped as by SIGSTOP: nothing of it is polled, and its timers fire when it goes on.
    Paused,
    /// Dead as by SIGKILL: nothing of it is polled any more.
    Dead,
}

#[derive(Debug)]
struct Inside {
    state: State,
    /// What is to be polled when it goes on, by task.
    waiting: BTreeMap<u64, Waker>,
    /// After so many polls more it dies.
    polls_left: Option<u64>,
    /// Of 1,000 polls, so many are put off once, so that tasks meet in other orders; every eighth of them for a while, as by a
    /// thread that does not get to run.
    put_off: u64,
    entropy: u64,
    death: Option<Waker>,
}

struct Shared {
    name: String,
    start: tokio::time::Instant,
    wall_start: u64,
    wall_offset: AtomicI64,
    tasks: AtomicU64,
    polls: AtomicU64,
    inside: Mutex<Inside>,
}

/// A simulated process: stands for the operating system's in tests of the whole. Clones are the same process.
///
/// Futures given to [`run`](Self::run), and all tasks that services start from within them, belong to it: they stop when it
/// is paused, and end when it is killed, at whatever await they were. Its wall clock follows tokio's time and may jump; its
/// random numbers come from its seed.
#[derive(Clone)]
pub struct Process(Arc<Shared>);

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Process {
    /// A process that begins now, whose wall clock shows `wall_millis` milliseconds since the Unix epoch.
    #[expect(clippy::disallowed_methods, reason = "the beginning of its wall clock, which is only ever a difference")]
    pub fn new(name: impl Into<String>, seed: u64, wall_millis: u64) -> Self {
        let inside =
            Inside { state: State::Running, waiting: BTreeMap::new(), polls_left: None, put_off: 0, entropy: seed, death: None };
        Process(Arc::new(Shared {
            name: name.into(),
            start: tokio::time::Instant::now(),
            wall_start: wall_millis,
            wall_offset: AtomicI64::new(0),
            tasks: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            inside: Mutex::new(inside),
        }))
    }

    /// The simulated process whose task is being polled on this thread; `None` outside a simulation.
    pub fn current() -> Option<Process> {
        CURRENT.with_borrow(Option::clone)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Makes a future part of it.
    pub fn run<F: Future>(&self, future: F) -> InProcess<F> {
        let task = self.0.tasks.fetch_add(1, Ordering::Relaxed);
        InProcess { process: self.clone(), task, put_off: false, delay: None, future: Box::pin(future) }
    }

    /// Does something as a part of it, at once.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(self);
        work()
    }

    /// Stops it, as SIGSTOP does.
    pub fn pause(&self) {
        let mut inside = self.inside();
        if inside.state == State::Running {
            inside.state = State::Paused;
        }
    }

    /// Lets it go on, as SIGCONT does.
    pub fn go_on(&self) {
        let waiting = {
            let mut inside = self.inside();
            if inside.state == State::Paused {
                inside.state = State::Running;
            }
            std::mem::take(&mut inside.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    /// Kills it, as SIGKILL does. What it held is dropped by whoever holds its futures.
    pub fn kill(&self) {
        let death = {
            let mut inside = self.inside();
            inside.state = State::Dead;
            inside.waiting.clear();
            inside.death.take()
        };
        death.into_iter().for_each(Waker::wake);
    }

    /// Kills it after so many polls more of its tasks: at an await.
    pub fn kill_after(&self, polls: u64) {
        self.inside().polls_left = Some(polls);
    }

    /// Takes [`kill_after`](Self::kill_after) back, if it lives.
    pub fn spare(&self) {
        self.inside().polls_left = None;
    }

    /// Of 1,000 polls of its tasks, puts so many off once, some of them for up to 40 ms.
    pub fn put_off(&self, of_a_thousand: u64) {
        self.inside().put_off = of_a_thousand;
    }

    /// Whether it was killed.
    pub fn is_dead(&self) -> bool {
        self.inside().state == State::Dead
    }

    /// Whether it is stopped.
    pub fn is_paused(&self) -> bool {
        self.inside().state == State::Paused
    }

    /// How often its tasks were polled.
    pub fn polls(&self) -> u64 {
        self.0.polls.load(Ordering::Relaxed)
    }

    /// Waits until it is dead. One may wait at a time.
    pub async fn death(&self) {
        std::future::poll_fn(|cx| {
            let mut inside = self.inside();
            if inside.state == State::Dead {
                return Poll::Ready(());
            }
            inside.death = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// What its wall clock shows, in milliseconds since the Unix epoch.
    pub fn wall_millis(&self) -> u64 {
        let passed = u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.wall_start.saturating_add(passed).saturating_add_signed(self.0.wall_offset.load(Ordering::Relaxed))
    }

    /// Sets its wall clock forward, or back.
    pub fn jump(&self, millis: i64) {
        self.0.wall_offset.fetch_add(millis, Ordering::Relaxed);
    }

    /// The next of its random numbers.
    pub fn entropy(&self) -> u64 {
        draw(&mut self.inside().entropy)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a task may be polled now, or after how long.
    fn may_poll(&self, task: u64, put_off: &mut bool, waker: &Waker) -> Turn {
        let mut inside = self.inside();
        match inside.state {
            State::Dead => return Turn::Later,
            State::Paused => {
                inside.waiting.insert(task, waker.clone());
                return Turn::Later;
            }
            State::Running => {}
        }
        if !std::mem::take(put_off) && inside.put_off > 0 {
            let dice = draw(&mut inside.entropy);
            if dice % 1_000 < inside.put_off {
                *put_off = true;
                if (dice >> 32).is_multiple_of(8) {
                    return Turn::After(Duration::from_millis(1 + (dice >> 40) % 40));
                }
                waker.wake_by_ref();
                return Turn::Later;
            }
        }
        if let Some(left) = &mut inside.polls_left {
            if *left == 0 {
                inside.state = State::Dead;
                let death = inside.death.take();
                drop(inside);
                death.into_iter().for_each(Waker::wake);
                return Turn::Later;
            }
            *left -= 1;
        }
        self.0.polls.fetch_add(1, Ordering::Relaxed);
        Turn::Now
    }
}

/// Whether a task may be polled.
enum Turn {
    Now,
    /// It is woken.
    Later,
    After(Duration),
}

/// Splitmix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A process is the current one while this lives.
struct Entered(Option<Process>);

impl Entered {
    fn new(process: &Process) -> Self {
        Entered(CURRENT.replace(Some(process.clone())))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// A future that is part of a simulated process. Of a dead one it stays pending.
#[must_use = "futures do nothing unless polled"]
pub struct InProcess<F> {
    process: Process,
    task: u64,
    put_off: bool,
    delay: Option<Pin<Box<tokio::time::Sleep>>>,
    future: Pin<Box<F>>,
}

impl<F> fmt::Debug for InProcess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").field("process", &self.process).finish_non_exhaustive()
    }
}

impl<F: Future> Future for InProcess<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        if let Some(delay) = &mut this.delay {
            ready!(delay.as_mut().poll(cx));
            this.delay = None;
        }
        match this.process.may_poll(this.task, &mut this.put_off, cx.waker()) {
            Turn::Now => {}
            Turn::Later => return Poll::Pending,
            Turn::After(long) => {
                let delay = this.delay.insert(Box::pin(tokio::time::sleep(long)));
                ready!(delay.as_mut().poll(cx));
                this.delay = None;
            }
        }
        let _entered = Entered::new(&this.process);
        this.future.as_mut().poll(cx)
    }
}

/// The first random number of what is made here: of the simulated process, or another one each time.
#[expect(
    clippy::disallowed_types,
    reason = "outside a simulation runs are to differ, and the standard library has no other dice"
)]
pub(crate) fn entropy() -> u64 {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    Process::current().map_or_else(random, |process| process.entropy())
}

/// Starts a task that belongs to the process of whoever starts it.
pub(crate) fn spawn<T: Send + 'static>(
    tasks: &mut JoinSet<T>,
    runtime: &Handle,
    task: impl Future<Output = T> + Send + 'static,
) -> AbortHandle {
    match Process::current() {
        None => tasks.spawn_on(task, runtime),
        Some(process) => tasks.spawn_on(process.run(task), runtime),
    }
}

#[cfg(test)]
mod tests;
