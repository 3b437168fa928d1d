//! Owns several services in one process: one after the other until each is ready, and back in the reverse order.
//!
//! | file | noun |
//! | --- | --- |
//! | `part` | a service or a task, before and while it runs |
//! | `stop_signal` | how a task learns that it is to end |
//! | `handle` | stopping and observing all of them |
//! | `run` | the order in which they start and end |

mod handle;
mod part;
mod run;
mod stop_signal;

pub use handle::ServicesHandle;
pub use stop_signal::StopSignal;

use super::latest::Latest;
use super::run::StreamService;
use super::shutdown::{Shutdown, Stopper};
use super::signals::Signals;
use crate::clock::Clock;
use crate::contract::Error;
use part::Part;
use std::time::Duration;

/// What all are asked to do. Rises only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    /// Run.
    #[default]
    Run,
    /// End in order.
    Stop,
    /// End at once.
    Abandon,
}

/// How far all of them are. Rises only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Not all are ready.
    #[default]
    Starting,
    /// All were ready.
    Ready,
    /// One after the other is told to end.
    Stopping,
    /// All have ended.
    Ended,
}

/// Several services in one process: each is ready before the next one starts, and they stop in the reverse order, each
/// ended before the one before it is told. So what feeds others goes last: it starts when there is somebody to feed, and
/// ends first.
///
/// ```
/// # use millstream_core::contract::Error;
/// # use millstream_core::service::{Services, StreamService};
/// # async fn example(portfolio: StreamService, engine: StreamService) -> Result<(), Error> {
/// Services::new().add(portfolio).add(engine).run_until_signal().await
/// # }
/// ```
///
/// An error of one stops all others, in order, and is what [`run`](Self::run) returns. One that ends by itself without an
/// error (its own handle stopped it) leaves the others running.
#[must_use = "services do nothing until they are run"]
pub struct Services {
    parts: Vec<Part>,
    shutdown: Option<Shutdown>,
    asked: Latest<Asked>,
    stage: Latest<Stage>,
    clock: Clock,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.parts.iter().map(Part::name)).finish()
    }
}

impl Default for Services {
    fn default() -> Self {
        Self::new()
    }
}

impl Services {
    /// None yet.
    pub fn new() -> Self {
        let (asked, stage) = (Latest::new(Asked::Run), Latest::new(Stage::Starting));
        Services { parts: Vec::new(), shutdown: None, asked, stage, clock: Clock::new() }
    }

    /// Adds a service, which starts when those before it are ready.
    #[expect(clippy::should_implement_trait, reason = "nobody adds services with a plus sign")]
    pub fn add(mut self, service: StreamService) -> Self {
        self.parts.push(Part::Service(Box::new(service)));
        self
    }

    /// Adds a loop of your own, such as a market's feed, which counts as ready at once. Told to stop it has as long as a
    /// service would have, and is dropped after that, which is an error; a second stop drops it at once, which is none. See
    /// [`StopSignal`]. A panic in it is an error.
    ///
    /// ```
    /// # use millstream_core::contract::Error;
    /// # use millstream_core::service::{Services, StreamService};
    /// # async fn next_tick() {}
    /// # async fn example(engine: StreamService) -> Result<(), Error> {
    /// let feed = async |stop: millstream_core::service::StopSignal| {
    ///     while stop.unless_told(next_tick()).await.is_some() {
    ///         // Publish it.
    ///     }
    ///     Ok(())
    /// };
    /// Services::new().add(engine).add_task("feed", feed).run_until_signal().await
    /// # }
    /// ```
    pub fn add_task<F, Run>(mut self, name: &str, task: F) -> Self
    where
        F: FnOnce(StopSignal) -> Run + Send + 'static,
        Run: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let stopper = Stopper::new(self.clock.clone(), Shutdown::within(Duration::MAX));
        let signal = StopSignal(stopper.told());
        self.parts.push(Part::task(name, stopper, task, signal));
        self
    }

    /// How long all of them together may take to end; by default as long as the one that may take longest, so that a second
    /// service in a process does not outlive the patience of whoever stops it.
    ///
    /// Each has its own deadline and at most what is left of this one, less a second for each that is still to be told:
    /// enough for it to commit what is settled, which it has been doing all along.
    pub fn with_shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = Some(shutdown);
        self
    }

    /// A view of all of them from outside, valid before, during and after the run.
    pub fn handle(&self) -> ServicesHandle {
        let services = self.parts.iter().filter_map(Part::handle).collect();
        ServicesHandle { services, asked: self.asked.clone(), stage: self.stage.clone() }
    }

    /// Runs all until told to stop ([`ServicesHandle::stop`]), until all have ended, or until one fails. Nothing outlives it.
    ///
    /// # Errors
    /// The first error of any of them, with its name; the others are logged. If there is nothing to run.
    ///
    /// # Cancel safety
    /// Dropping it drops all of them; see [`StreamService::run`].
    pub async fn run(self) -> Result<(), Error> {
        run::run(self).await
    }

    /// As [`run`](Self::run), and stops on SIGINT or SIGTERM: the first in order, the second at once and all together.
    /// One listener and one last resort for all; see [`StreamService::run_until_signal`].
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`Interrupted`](crate::contract::ErrorKind::Interrupted) after a second signal.
    pub async fn run_until_signal(self) -> Result<(), Error> {
        let (first, second) = (self.asked.clone(), self.asked.clone());
        let in_order = move || first.raise(Asked::Stop);
        let signals = Signals::listen(self.within(), in_order, move || second.raise(Asked::Abandon))?;
        signals.verdict(self.run().await)
    }

    fn within(&self) -> Duration {
        let longest = || self.parts.iter().filter_map(Part::within).max();
        self.shutdown.map(|shutdown| shutdown.within).or_else(longest).unwrap_or(Shutdown::default().within)
    }
}
