//! The pipeline on Kafka: all of it in one process, or one part of it, of which each may run as often as one likes.
//!
//! Owns what the flags say of Kafka and Redis. Leaves the log to `cluster` and `kafka_log`, and the course to `run`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millstream::contract::AnyDeduplicator;
use millstream::prelude::*;
use millstream::rdkafka::Rdkafka;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cli::{Args, Part, Remembering};
use crate::cluster::Cluster;
use crate::conductor::Cut;
use crate::effects::Effects;
use crate::equity::Equity;
use crate::feed::Feed;
use crate::part;
use crate::pipeline::remembering;
use crate::portfolio_manager::{self, PortfolioManager};
use crate::progress::say;
use crate::report::Report;
use crate::risk_manager::{self, RiskManager};
use crate::run::{Options, Services, over};
use crate::settings::Settings;
use crate::strategy_runner::{self, StrategyRunner};
use crate::trading_engine::{self, TradingEngine};

/// How long the group of a part that was killed waits for it: short, for who kills parts wants to see what follows.
const SESSION: Duration = Duration::from_secs(6);

/// How long the feed waits for services that somebody starts by hand.
const MEMBERS: Duration = Duration::from_secs(300);

/// Pause between two looks at the groups.
const LOOK: Duration = Duration::from_millis(200);

impl Args {
    fn servers(&self) -> String {
        let known = self.bootstrap_server.clone().or_else(|| std::env::var("KAFKA_BOOTSTRAP_SERVERS").ok());
        known.unwrap_or_else(|| "127.0.0.1:9092".to_owned())
    }

    fn cluster(&self) -> Result<Rdkafka, Error> {
        Rdkafka::new(self.servers())
    }

    /// Makes what remembers ids, for each service one.
    fn dedup(&self) -> Result<impl Fn() -> AnyDeduplicator + Send + Sync + use<>, Error> {
        let redis = match self.dedup {
            Remembering::Memory => None,
            Remembering::Redis => {
                let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
                Some(Redis::open(&url)?)
            }
        };
        Ok(move || redis.as_ref().map_or_else(remembering, |redis| AnyDeduplicator::new(redis.deduplicator())))
    }

    fn settings(&self, run: u32) -> Settings {
        let default = Settings::default();
        Settings { run: self.run.unwrap_or(run), session: SESSION, revoke: SESSION / 2, ..default }
    }
}

/// Runs the feed, and the services if they are not in processes of their own.
pub(crate) async fn run(args: &Args, feed: &Feed, options: Options) -> Result<(Report, Equity), Cut> {
    let cluster = Cluster::in_kafka(&args.servers(), &feed.venues, args.fresh).await?;
    let transport = args.cluster()?;
    let producer = transport.producer().await?;
    let services = match args.service {
        Some(_) => {
            wait_for_members(&cluster, options.interrupted.clone()).await?;
            Services::Elsewhere
        }
        None => {
            // A number that no run before had.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let settings = args.settings(u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
            Services::Here(transport, Box::new(args.dedup()?), settings)
        }
    };
    over(feed, options, cluster, producer, services).await
}

/// Waits until each group has a member, and says so on standard error: the feed gives up when nothing moves, and nothing does
/// without them.
async fn wait_for_members(cluster: &Cluster, interrupted: watch::Receiver<bool>) -> Result<(), Cut> {
    say("the topics are made: start the services now, each as often as you like");
    let until = Instant::now() + MEMBERS;
    loop {
        let without = cluster.without_members().await?;
        if without.is_empty() {
            say("every group has a member: the feed begins");
            return Ok(());
        }
        if *interrupted.borrow() {
            return Err(Cut::Interrupted);
        }
        if Instant::now() >= until {
            return Err(Cut::Failed(format!("nobody has joined within {} s: {}", MEMBERS.as_secs(), without.join(", "))));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Runs one service until it is told to stop.
pub(crate) async fn alone(args: &Args, feed: &Feed, part: Part) -> Result<(), Error> {
    let (venues, faults, effects) = (&feed.venues, &feed.faults, Arc::new(Effects::new(&feed.venues)));
    let (transport, dedup, settings) = (args.cluster()?, args.dedup()?, args.settings(0));
    let service = match part {
        Part::StrategyRunner => {
            strategy_runner::service(transport, dedup(), settings, StrategyRunner::new(venues, faults, &effects))
        }
        Part::RiskManager => risk_manager::service(transport, dedup(), settings, venues, RiskManager::new(faults, &effects)),
        Part::TradingEngine => {
            trading_engine::service(transport, dedup(), settings, venues, TradingEngine::new(venues, faults, &effects))
        }
        Part::PortfolioManager => {
            portfolio_manager::service(transport, dedup(), settings, venues, PortfolioManager::new(faults, &effects))
        }
        Part::Feed => return Ok(()),
    };
    part::run(service?).await
}
