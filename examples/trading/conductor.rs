//! The course of a run: services up, feed in, everything through, services down.
//!
//! Owns pace, the end, and noticing that there is none. Leaves the services to `pipeline`, the log to `cluster` and
//! judging to `readback`. Nothing here believes that something is done because time has passed: the run is over when,
//! upstream first, every group has committed all there is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use millstream::prelude::*;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cluster::{Cluster, Place};
use crate::csv::DataError;
use crate::effects::Effects;
use crate::feed::{Feed, Item};
use crate::market_feed::MarketFeed;
use crate::pipeline::Pipeline;
use crate::progress::Progress;
use crate::readback::Readback;
use crate::restarts::Restart;
use crate::topics::{PARTITIONS, PORTFOLIO_GROUP};

/// Records between two looks at how far the services are.
const STRIDE: u64 = 1024;

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// How long nothing at all may move before the run is given up: far above any backoff, probe or session here.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing may move before what flows without dead letters has flowed: far above the longest backoff.
const QUIET: Duration = Duration::from_millis(300);

/// The most ticks for which the dead-letter topics stay broken: what they hold back stays in the log.
const BROKEN: u64 = 8192;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The file became unreadable after it was checked.
    Data(DataError),
    /// A service ended, or nothing moves any more.
    Failed(String),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl From<Error> for Cut {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a run went in which the dead-letter topics could not be written for a while. The counts depend on where the
/// feed's poison falls between the events of other services, and so are not the same in each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Broken {
    /// Ticks published before they broke.
    pub(crate) from_tick: u64,
    /// Ticks published before they were mended.
    pub(crate) to_tick: u64,
    /// Events handled to the end meanwhile.
    pub(crate) handled_meanwhile: u64,
    /// Records that waited when they were mended: those that are to be dead letters, and those behind them with their key.
    pub(crate) held_back: u64,
}

/// A run under way.
pub(crate) struct Conductor<'c, 'a> {
    pub(crate) feed: &'a Feed,
    pub(crate) effects: &'c Arc<Effects>,
    pub(crate) cluster: &'c mut Cluster,
    pub(crate) readback: &'c mut Readback<'a>,
    pub(crate) progress: Option<Progress>,
    /// Records that may wait for a commit before the feed waits.
    pub(crate) ahead: u64,
    /// Restarts of the portfolio manager that are still to come, in order.
    pub(crate) restarts: VecDeque<Restart>,
    pub(crate) interrupted: watch::Receiver<bool>,
}

impl Conductor<'_, '_> {
    /// Sends the whole feed through `pipeline`, and waits until it is through. With `break_dead_letters` their topics
    /// cannot be written from the first to the third quarter of the first lap.
    pub(crate) async fn play(
        mut self,
        producer: impl millstream::contract::Producer,
        pipeline: &mut Pipeline,
        break_dead_letters: bool,
    ) -> Result<Option<Broken>, Cut> {
        let mut market = MarketFeed::new(producer, self.effects);
        let quarter = (self.feed.extent.ticks / 4).min(BROKEN / 2);
        let (mut broken, mut repaired) = (None, None);
        let (mut records, mut ticks) = (0_u64, 0_u64);
        for item in self.feed.items() {
            let item = item.map_err(Cut::Data)?;
            if break_dead_letters && ticks == quarter && broken.is_none() {
                market.flush().await?;
                broken = Some((ticks, self.break_dead_letters(pipeline).await?));
            }
            if ticks == quarter * 3 && repaired.is_none() {
                market.flush().await?;
                if let Some((from_tick, handled)) = broken {
                    repaired = Some(self.mend_dead_letters(pipeline, from_tick, ticks, handled).await?);
                }
            }
            ticks += u64::from(matches!(item, Item::Tick { again: false, .. }));
            market.publish(item).await?;
            while let Some(restart) = self.restarts.pop_front_if(|restart| restart.at <= records) {
                self.restart(pipeline, restart).await?;
            }
            records += 1;
            if records.is_multiple_of(STRIDE) {
                market.flush().await?;
                let ahead = self.ahead;
                let near = move |cluster: &Cluster| cluster.lags().iter().map(|lag| lag.records).sum::<u64>() <= ahead;
                self.until(pipeline, |this, _| near(this.cluster)).await?;
            }
        }
        market.flush().await?;
        self.through(pipeline).await?;
        Ok(repaired)
    }

    /// Waits until every record has its end, and reads back the last of them.
    async fn through(&mut self, pipeline: &mut Pipeline) -> Result<(), Cut> {
        self.until(pipeline, |this, _| this.cluster.lags().is_empty()).await?;
        self.cluster.read_back(self.readback);
        Ok(())
    }

    /// Restarts the portfolio manager, and waits until the next one has all partitions and has settled some of each: what is
    /// under way at three crashes in a row would be taken for their cause, and become a dead letter.
    async fn restart(&mut self, pipeline: &mut Pipeline, restart: Restart) -> Result<(), Cut> {
        pipeline.restart_portfolio(restart.crash).await.map_err(Cut::Failed)?;
        let partitions = self.feed.venues.len() * PARTITIONS as usize;
        self.until(pipeline, |this, _| this.cluster.owned_by_one(PORTFOLIO_GROUP) == partitions).await?;
        let before = self.cluster.places(PORTFOLIO_GROUP);
        let went_on = |(now, before): (Place, Place)| now.committed > before.committed || now.committed >= before.end;
        self.until(pipeline, |this, _| this.cluster.places(PORTFOLIO_GROUP).into_iter().zip(before.clone()).all(went_on)).await
    }

    async fn break_dead_letters(&mut self, pipeline: &mut Pipeline) -> Result<u64, Cut> {
        self.through(pipeline).await?;
        self.cluster.set_dead_letters_writable(false)?;
        Ok(self.effects.events())
    }

    async fn mend_dead_letters(
        &mut self,
        pipeline: &mut Pipeline,
        from_tick: u64,
        to_tick: u64,
        handled: u64,
    ) -> Result<Broken, Cut> {
        // What can flow flows: until all is through, or until something waits for the sink and nothing else moves.
        let (mut before, mut since) = (u64::MAX, Instant::now());
        self.until(pipeline, |this, pipeline| {
            let moved = this.effects.events() + this.cluster.progress();
            if moved != std::mem::replace(&mut before, moved) {
                since = Instant::now();
            }
            this.cluster.lags().is_empty() || (since.elapsed() >= QUIET && !pipeline.troubles().is_empty())
        })
        .await?;
        let settled: u64 = pipeline.counts(millstream::service::Counts::settled).values().sum();
        let held_back = self.cluster.consumed_records().saturating_sub(settled);
        let handled_meanwhile = self.effects.events() - handled;
        self.cluster.set_dead_letters_writable(true)?;
        Ok(Broken { from_tick, to_tick, handled_meanwhile, held_back })
    }

    /// Reads back and shows progress until `done`; notices a service that ended, an interrupt, and a standstill.
    async fn until(&mut self, pipeline: &mut Pipeline, mut done: impl FnMut(&Self, &Pipeline) -> bool) -> Result<(), Cut> {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            self.cluster.look().await?;
            self.cluster.read_back(self.readback);
            if let Some(progress) = &self.progress {
                progress.at(self.effects.ticks());
            }
            if *self.interrupted.borrow() {
                return Err(Cut::Interrupted);
            }
            if let Some(why) = pipeline.failure() {
                return Err(Cut::Failed(why));
            }
            if done(self, pipeline) {
                return Ok(());
            }
            let moved = self.effects.events() + self.cluster.progress();
            if moved != std::mem::replace(&mut before, moved) {
                since = Instant::now();
            } else if since.elapsed() >= PATIENCE {
                return Err(Cut::Failed(self.standstill(pipeline)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn standstill(&self, pipeline: &Pipeline) -> String {
        let mut text = format!("nothing has moved for {} s", PATIENCE.as_secs());
        for lag in self.cluster.lags() {
            text += &format!("\n  {}: {} records not committed by {}", lag.topic, lag.records, lag.group);
        }
        for trouble in pipeline.troubles() {
            text += &format!("\n  {trouble}");
        }
        text + "\n  remedy: look at the first of these topics; RUST_LOG=info shows what its service does"
    }
}
