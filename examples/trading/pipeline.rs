//! The four services, running beside each other in one process.
//!
//! Owns starting, watching and stopping them, and reading their accounts. Leaves what they do to their own files: they
//! know nothing of each other, and topics are all that joins them.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream::prelude::*;
use millstream::service::Counts;
use tokio::task::JoinSet;

use crate::effects::Effects;
use crate::feed::Feed;
use crate::portfolio_manager::{self, PortfolioManager};
use crate::risk_manager::{self, RiskManager};
use crate::strategy_runner::{self, StrategyRunner};
use crate::trading_engine::{self, TradingEngine};

/// The services, in the order in which a tick travels.
pub(crate) struct Pipeline {
    handles: Vec<(String, ServiceHandle)>,
    running: JoinSet<(String, Result<(), Error>)>,
}

impl Pipeline {
    /// Builds and starts the services, and waits until each has its partitions.
    pub(crate) async fn start(transport: &(impl Transport + Clone), feed: &Feed, effects: &Arc<Effects>) -> Result<Self, Error> {
        let (venues, faults) = (&feed.venues, &feed.faults);
        let services = [
            strategy_runner::service(transport.clone(), StrategyRunner::new(venues, faults, effects))?,
            risk_manager::service(transport.clone(), venues, RiskManager::new(faults, effects))?,
            trading_engine::service(transport.clone(), venues, TradingEngine::new(venues, faults, effects))?,
            portfolio_manager::service(transport.clone(), venues, PortfolioManager::new(faults, effects))?,
        ];
        let mut pipeline = Self { handles: Vec::new(), running: JoinSet::new() };
        for service in services {
            let (name, handle) = (service.name().to_owned(), service.handle());
            pipeline.handles.push((name.clone(), handle.clone()));
            pipeline.running.spawn(async move { (name, service.run().await) });
            handle.ready().await;
        }
        Ok(pipeline)
    }

    /// Why a service ended that was not told to, if one did.
    pub(crate) fn failure(&mut self) -> Option<String> {
        let ended = self.running.try_join_next()?;
        Some(match ended {
            Ok((name, Ok(()))) => format!("{name} ended by itself"),
            Ok((name, Err(error))) => format!("{name} ended: {error:?}"),
            Err(panic) => format!("a service died: {panic}"),
        })
    }

    /// What the services say is wrong with them.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let of = |(name, handle): &(String, ServiceHandle)| {
            let troubles = handle.health().troubles.into_iter();
            troubles.map(|(place, trouble)| format!("{name}: {place}: {trouble}")).collect::<Vec<_>>()
        };
        self.handles.iter().flat_map(of).collect()
    }

    /// Stops all services, upstream first, and waits for the end of each.
    pub(crate) async fn stop(mut self) -> Result<(), String> {
        for (_, handle) in &self.handles {
            handle.stop();
            handle.ended().await;
        }
        while let Some(ended) = self.running.join_next().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((name, Err(error))) => return Err(format!("{name} did not end in order: {error:?}")),
                Err(panic) => return Err(format!("a service died: {panic}")),
            }
        }
        Ok(())
    }

    /// One count of every topic, by the services' own accounts.
    pub(crate) fn counts(&self, count: fn(&Counts) -> u64) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for line in self.handles.iter().flat_map(|(_, handle)| handle.account().lines) {
            *counts.entry(line.topic.as_str().to_owned()).or_default() += count(&line.counts);
        }
        counts
    }
}
