//! Owns the listening to SIGINT and SIGTERM for one run, whatever runs in it, and the last resort of a process whose
//! handlers block. Leaves what a stop means to `shutdown`.

use crate::contract::{Error, ErrorKind, Operation};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the last resort waits past a deadline: an end in order that is a little late stays one in order.
const MARGIN: Duration = Duration::from_secs(2);
/// How long a run may take to end after the second signal.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Listens to signals until it is dropped: else its last resort would end the process of a run that has ended.
pub(crate) struct Signals {
    listener: JoinHandle<()>,
    finished: Arc<AtomicBool>,
    twice: Arc<AtomicBool>,
}

impl Signals {
    /// Calls `in_order` at the first signal and `at_once` at the second, whatever told the run to stop before. `within` is how
    /// long the run may take to end after the first one.
    pub(crate) fn listen(
        within: Duration,
        in_order: impl FnOnce() + Send + 'static,
        at_once: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        // Registered before anything is awaited, and once for all: no signal falls between two listeners.
        let mut incoming = Incoming::register().map_err(|error| {
            Error::new(ErrorKind::Internal, Operation::Run, "signals cannot be listened to").with_source(error)
        })?;
        let (finished, twice) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (done, second) = (finished.clone(), twice.clone());
        let listener = tokio::spawn(async move {
            if incoming.next().await.is_none() {
                return;
            }
            tracing::info!(within_s = within.as_secs(), "stopping");
            in_order();
            last_resort(within.saturating_add(MARGIN), 75, done.clone());
            if incoming.next().await.is_none() {
                return;
            }
            tracing::warn!("second signal: dropping what runs");
            second.store(true, Ordering::Release);
            at_once();
            last_resort(AT_ONCE + MARGIN, 130, done);
            // Further ones are taken and change nothing, for as long as the run lasts.
            while incoming.next().await.is_some() {}
        });
        Ok(Signals { listener, finished, twice })
    }

    /// The run's result: one that a second signal cut short was interrupted, if nothing worse befell it.
    pub(crate) fn verdict(self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_ok() && self.twice.load(Ordering::Acquire) {
            let text = "a second signal came: what ran was dropped, and comes again";
            return Err(Error::new(ErrorKind::Interrupted, Operation::Run, text));
        }
        result
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.finished.store(true, Ordering::Release);
        self.listener.abort();
    }
}

/// Ends the process after `wait`, unless the run has finished.
#[expect(clippy::disallowed_methods, reason = "begins at a signal of the system, and must work when the runtime does not")]
fn last_resort(wait: Duration, code: i32, finished: Arc<AtomicBool>) {
    let body = move || {
        std::thread::sleep(wait);
        if !finished.load(Ordering::Acquire) {
            tracing::error!(code, "a handler blocks past the deadline: the process ends itself");
            std::process::exit(code);
        }
    };
    // Detached on purpose: it dies with the process.
    let _ = std::thread::Builder::new().name("millstream-deadline".into()).spawn(body);
}

#[cfg(unix)]
struct Incoming {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Incoming {
    fn register() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Incoming { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The next SIGINT or SIGTERM.
    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            biased;
            came = self.terminate.recv() => came,
            came = self.interrupt.recv() => came,
        }
    }
}

#[cfg(not(unix))]
struct Incoming;

#[cfg(not(unix))]
impl Incoming {
    fn register() -> std::io::Result<Self> {
        Ok(Incoming)
    }

    /// The next Ctrl-C.
    async fn next(&mut self) -> Option<()> {
        tokio::signal::ctrl_c().await.ok()
    }
}
