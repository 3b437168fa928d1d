//! Owns one of several: a service or a task, before and while it runs. Leaves their order to `run`.

use super::StopSignal;
use crate::clock::Clock;
use crate::contract::{Error, ErrorKind, Operation};
use crate::service::handle::ServiceHandle;
use crate::service::health::Health;
use crate::service::run::StreamService;
use crate::service::shutdown::{Stopper, Told};
use std::pin::Pin;
use std::time::Duration;

type Run = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// One of several, before it runs.
pub(super) enum Part {
    Service(Box<StreamService>),
    Task { name: String, stopper: Stopper, run: Run },
}

/// One of several that was started.
pub(super) struct Started {
    pub(super) name: String,
    pub(super) stopper: Stopper,
    service: Option<ServiceHandle>,
    pub(super) ended: bool,
}

impl Part {
    pub(super) fn task<F, Fut>(name: &str, stopper: Stopper, task: F, signal: StopSignal) -> Self
    where
        F: FnOnce(StopSignal) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        // Called when it is started: what it does before its first await must not happen earlier.
        let run = Box::pin(async move { task(signal).await });
        Part::Task { name: name.to_owned(), stopper, run }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Part::Service(service) => service.name(),
            Part::Task { name, .. } => name,
        }
    }

    pub(super) fn handle(&self) -> Option<(String, ServiceHandle)> {
        match self {
            Part::Service(service) => Some((service.name().to_owned(), service.handle())),
            Part::Task { .. } => None,
        }
    }

    /// How long it may take to end; a task has as long as the others leave it.
    pub(super) fn within(&self) -> Option<Duration> {
        match self {
            Part::Service(service) => Some(service.handle().stopper.within()),
            Part::Task { .. } => None,
        }
    }

    /// What is kept of it, and what is to be run.
    pub(super) fn start(self, clock: &Clock) -> (Started, Run) {
        match self {
            Part::Service(service) => {
                let (name, handle) = (service.name().to_owned(), service.handle());
                let started = Started { name, stopper: handle.stopper.clone(), service: Some(handle), ended: false };
                (started, Box::pin(service.run()))
            }
            Part::Task { name, stopper, run } => {
                let run = bounded(run, stopper.clone(), clock.clone());
                (Started { name, stopper, service: None, ended: false }, Box::pin(run))
            }
        }
    }
}

impl Started {
    /// Waits until it is ready; for ever if it ends before. Cancel safe.
    pub(super) async fn ready(&self) {
        if let Some(service) = &self.service {
            service.until(Health::is_up).await;
        }
    }
}

/// A task, which is dropped when its time is over, or at once when all is.
async fn bounded(run: Run, stopper: Stopper, clock: Clock) -> Result<(), Error> {
    let over = async {
        let mut told = stopper.told();
        loop {
            let now = told.look();
            match now {
                Told::Run => told.changed().await,
                Told::Stop(by) => {
                    if tokio::time::timeout_at(clock.instant(by), told.changed()).await.is_err() {
                        let text = "it had not ended when its time was over, and was dropped";
                        return Err(Error::new(ErrorKind::TimedOut, Operation::Run, text));
                    }
                }
                // That it was dropped is what was asked for.
                Told::Abandon(_) => return Ok(()),
            }
        }
    };
    tokio::select! {
        biased;
        result = run => result,
        dropped = over => dropped,
    }
}
