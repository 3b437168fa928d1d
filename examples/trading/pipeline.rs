//! The four services, running beside each other in one process.
//!
//! Owns starting, watching and stopping them, and reading their accounts. Leaves what they do to their own files: they
//! know nothing of each other, and topics are all that joins them.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream::contract::AnyDeduplicator;
use millstream::moka::Limits;
use millstream::prelude::*;
use millstream::service::Counts;
use tokio::task::{AbortHandle, JoinSet};

use crate::effects::Effects;
use crate::feed::Feed;
use crate::portfolio_manager::{self, PortfolioManager};
use crate::risk_manager::{self, RiskManager};
use crate::settings::Settings;
use crate::strategy_runner::{self, StrategyRunner};
use crate::trading_engine::{self, TradingEngine};

/// Ids that a service remembers of each partition: more than lie between a tick and its duplicate.
const REMEMBERED: usize = 65_536;

/// What remembers ids in the process.
pub(crate) fn remembering() -> AnyDeduplicator {
    AnyDeduplicator::new(WindowDeduplicator::new(Limits::new().with_ids(REMEMBERED)))
}

/// The services, in the order in which a tick travels.
pub(crate) struct Pipeline {
    handles: Vec<(String, ServiceHandle)>,
    running: JoinSet<(String, Result<(), Error>)>,
    /// Makes one more portfolio manager, which knows nothing of those before.
    portfolio: Box<dyn Fn() -> Result<StreamService, Error> + Send>,
    /// The one that runs.
    managing: Option<AbortHandle>,
}

impl Pipeline {
    /// None here: the services run in other processes.
    #[cfg(feature = "kafka")]
    pub(crate) fn elsewhere() -> Self {
        use millstream::contract::{ErrorKind, Operation};

        let none = || Err(Error::new(ErrorKind::Unsupported, Operation::Run, "the services run in other processes"));
        Self { handles: Vec::new(), running: JoinSet::new(), portfolio: Box::new(none), managing: None }
    }

    /// Builds and starts the services, and waits until each has its partitions.
    pub(crate) async fn start(
        transport: &(impl Transport + Clone),
        dedup: impl Fn() -> AnyDeduplicator + Clone + Send + 'static,
        settings: Settings,
        feed: &Feed,
        effects: &Arc<Effects>,
        restarts: bool,
    ) -> Result<Self, Error> {
        let (venues, faults) = (&feed.venues, &feed.faults);
        let managing = if restarts { Settings::crashing() } else { settings };
        let portfolio = {
            let (transport, venues, faults, effects) = (transport.clone(), venues.clone(), faults.clone(), effects.clone());
            let dedup = dedup.clone();
            move || {
                let manager = PortfolioManager::new(&faults, &effects);
                portfolio_manager::service(transport.clone(), dedup(), managing, &venues, manager)
            }
        };
        let services = [
            strategy_runner::service(transport.clone(), dedup(), settings, StrategyRunner::new(venues, faults, effects))?,
            risk_manager::service(transport.clone(), dedup(), settings, venues, RiskManager::new(faults, effects))?,
            trading_engine::service(transport.clone(), dedup(), settings, venues, TradingEngine::new(venues, faults, effects))?,
            portfolio()?,
        ];
        let (handles, running) = (Vec::new(), JoinSet::new());
        let mut pipeline = Self { handles, running, portfolio: Box::new(portfolio), managing: None };
        for service in services {
            pipeline.run(service).await;
        }
        Ok(pipeline)
    }

    /// Starts a service and waits until it is ready. The portfolio manager is the last one.
    async fn run(&mut self, service: StreamService) {
        let (name, handle) = (service.name().to_owned(), service.handle());
        self.handles.push((name.clone(), handle.clone()));
        self.managing = Some(self.running.spawn(async move { (name, service.run().await) }));
        handle.ready().await;
    }

    /// Ends the portfolio manager, in order or as a crash would, and starts another.
    pub(crate) async fn restart_portfolio(&mut self, crash: bool) -> Result<(), String> {
        match (&self.managing, self.handles.last()) {
            (Some(managing), _) if crash => managing.abort(),
            (_, Some((_, handle))) => handle.stop(),
            _ => {}
        }
        match self.running.join_next().await {
            Some(Err(error)) if crash && error.is_cancelled() => {}
            Some(Ok((name, Ok(())))) if !crash && name == "portfolio-manager" => {}
            ended => return Err(format!("the portfolio manager was to be restarted, and {ended:?} has ended")),
        }
        let service = (self.portfolio)().map_err(|error| error.to_string())?;
        self.run(service).await;
        Ok(())
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
