//! Owns time: the only reader of a clock in the crate, and the value in which time travels.
//!
//! Everything else takes [`MonoTime`] as an argument, so that a test can step it. Under a paused tokio runtime the
//! clock follows tokio's virtual time. Wall time is read only to stamp new events, never to measure (F77).

use crate::process::Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point on a monotonic clock, in nanoseconds since that clock was made. A plain value: `Copy`, ordered, hashable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoTime(u64);

impl MonoTime {
    /// The clock's beginning.
    pub const ZERO: MonoTime = MonoTime(0);

    /// The point `nanos` nanoseconds after the clock's beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        MonoTime(nanos)
    }

    /// The point `millis` milliseconds after the clock's beginning.
    pub const fn from_millis(millis: u64) -> Self {
        MonoTime(millis * 1_000_000)
    }

    /// Nanoseconds since the clock's beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long before `self` the point `earlier` was; zero if it was not.
    pub const fn since(self, earlier: MonoTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The point `by` later; the end of time if that is past it.
    pub const fn after(self, by: Duration) -> MonoTime {
        let nanos = by.as_nanos();
        let nanos = if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 };
        MonoTime(self.0.saturating_add(nanos))
    }
}

/// Reads time. Cheap to clone; clones share the beginning and the simulated suspension.
#[derive(Clone, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    boot_start: u64,
    suspended: Arc<AtomicU64>,
    /// The simulated process in which it was made, whose wall clock it shows.
    process: Option<Process>,
}

impl Clock {
    /// A clock that begins now.
    #[expect(clippy::disallowed_methods, reason = "the reader of time")]
    pub fn new() -> Self {
        Clock {
            start: tokio::time::Instant::now(),
            boot_start: boot_nanos(),
            suspended: Arc::new(AtomicU64::new(0)),
            process: Process::current(),
        }
    }

    /// Now, on the monotonic clock. Follows tokio's paused time.
    pub fn now(&self) -> MonoTime {
        MonoTime(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Now, on a clock that also counts the time the machine was suspended (F111). Where the system has no such clock
    /// it equals [`Clock::now`].
    pub fn now_with_suspend(&self) -> MonoTime {
        let simulated = self.suspended.load(Ordering::Relaxed);
        let boot = if self.process.is_some() { 0 } else { boot_nanos().saturating_sub(self.boot_start) };
        MonoTime(self.now().0.max(boot).saturating_add(simulated))
    }

    /// Pretends, for tests, that the machine was suspended for `span` just now.
    pub fn suspend_for(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.suspended.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The tokio instant of a point of this clock, for timers.
    pub fn instant(&self, at: MonoTime) -> tokio::time::Instant {
        // Far-future points are cut to a century so that adding never overflows.
        self.start + Duration::from_nanos(at.0.min(3_155_760_000_000_000_000))
    }

    /// Milliseconds since the Unix epoch by the wall clock. For stamping only.
    #[expect(clippy::disallowed_methods, reason = "the reader of time")]
    pub fn wall_millis(&self) -> u64 {
        if let Some(process) = &self.process {
            return process.wall_millis();
        }
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_os = "linux")]
fn boot_nanos() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(t.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(u64::try_from(t.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn boot_nanos() -> u64 {
    0
}
