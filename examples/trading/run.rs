//! One whole run: what must come out, what comes out, and how the two compare.
//!
//! Owns how the parts are joined, on any transport over the cluster's log. Leaves the course to `conductor`, flags and
//! output to `main`. On a current-thread runtime under paused time two runs are alike to the last step; on many threads
//! to the last number of the report.

use std::sync::Arc;

use millstream::contract::{AnyDeduplicator, Producer};
use millstream::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::conductor::{Conductor, Cut};
use crate::effects::Effects;
use crate::equity::Equity;
use crate::feed::Feed;
use crate::oracle::Oracle;
use crate::pipeline::{Pipeline, remembering};
use crate::progress::Progress;
use crate::readback::Readback;
use crate::report::Report;
use crate::restarts;
use crate::settings::Settings;
use crate::topics::FILLED;

/// How to run.
pub(crate) struct Options {
    /// Whether the dead-letter topics cannot be written for a while.
    pub(crate) break_dead_letters: bool,
    /// Times the portfolio manager is restarted.
    pub(crate) restarts: u64,
    /// Records that may wait for a commit before the feed waits.
    pub(crate) ahead: u64,
    /// Whether a bar is shown, if there is a terminal.
    pub(crate) progress: bool,
    /// Turns true when the run is to stop in order.
    pub(crate) interrupted: watch::Receiver<bool>,
}

/// Where the services are.
pub(crate) enum Services<T> {
    /// In this process, with what remembers ids.
    Here(T, Box<dyn Fn() -> AnyDeduplicator + Send + Sync>, Settings),
    /// In others: what they did is told by the logs alone.
    #[cfg(feature = "kafka")]
    Elsewhere,
}

/// Runs `feed` through the services, which see a log in memory through `view`.
pub(crate) async fn run<T: Transport + Clone>(
    feed: &Feed,
    options: Options,
    view: impl FnOnce(Memory) -> T,
) -> Result<(Report, Equity), Cut> {
    let (cluster, memory) = Cluster::in_memory(&feed.venues)?;
    let producer = memory.producer().await?;
    let services = Services::Here(view(memory), Box::new(remembering), Settings::default());
    over(feed, options, cluster, producer, services).await
}

/// Runs `feed` through the services, on any cluster.
pub(crate) async fn over<T: Transport + Clone>(
    feed: &Feed,
    options: Options,
    mut cluster: Cluster,
    producer: impl Producer,
    services: Services<T>,
) -> Result<(Report, Equity), Cut> {
    let oracle = Oracle::run(feed, |_, _, _| {}).map_err(Cut::Data)?;
    let mut effects = Effects::new(&feed.venues);
    if options.restarts > 0 {
        effects.let_repeat(feed.venues.iter().map(|venue| venue.topic(FILLED)));
    }
    let effects = Arc::new(effects);
    let mut readback = Readback::new(feed, &oracle);
    let (mut pipeline, here) = match services {
        Services::Here(transport, dedup, settings) => {
            let dedup: Arc<dyn Fn() -> AnyDeduplicator + Send + Sync> = dedup.into();
            let dedup = move || dedup();
            (Pipeline::start(&transport, dedup, settings, feed, &effects, options.restarts > 0).await?, true)
        }
        #[cfg(feature = "kafka")]
        Services::Elsewhere => (Pipeline::elsewhere(), false),
    };
    let started = Instant::now();
    let conductor = Conductor {
        feed,
        effects: &effects,
        cluster: &mut cluster,
        readback: &mut readback,
        progress: options.progress.then(|| Progress::new(feed.total())),
        ahead: options.ahead,
        restarts: restarts::plan(feed.faults.seed, options.restarts, feed.total()).into(),
        interrupted: options.interrupted,
    };
    let played = conductor.play(producer, &mut pipeline, options.break_dead_letters).await;
    let took = started.elapsed();
    let (retried, skipped) = (pipeline.counts(|counts| counts.retries), pipeline.counts(|counts| counts.skipped));
    // The services end in order whatever happened; why the run was cut short is the more telling error.
    let stopped = pipeline.stop().await;
    let broken = played?;
    stopped.map_err(Cut::Failed)?;
    let findings = readback.finish(&effects, here, &retried, &skipped).map_err(Cut::Data)?;
    let report = Report::new(feed, &oracle, &findings, broken, took);
    Ok((report, findings.equity))
}
