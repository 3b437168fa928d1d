//! The trading pipeline: one process, four services, real ticks, planted faults, and an account of every record.
//!
//! A library, for two run it: `main`, over memory and in real time, and the simulator, over a cluster in which all goes wrong.
//!
//! ```text
//! market feed → market.ticks → strategy runner → {ns}.signals.raw → risk manager → {ns}.signals.validated
//!   → trading engine → {ns}.orders.{submitted,ack,filled} → portfolio manager → {ns}.pnl.snapshots
//! ```
//!
//! | to read | file |
//! | --- | --- |
//! | the services, to copy | `market_feed` `strategy_runner` `risk_manager` `trading_engine` `portfolio_manager` |
//! | what they have in common | `settings` |
//! | the run | `app` (flags to exit code) `run` `cluster` (the log) `kafka_log` `kafka_topics` (where it is Kafka's) `pipeline` (the services) `conductor` (its course) `kafka` `part` (on Kafka, in one process or several) |
//! | the simulation | `simulation` (services and feed) `promises` (what must be true) |
//! | the business, pure | `events` `window` `strategies` `desk` `risk` `order` `portfolio` `upto` |
//! | venues | `trader` `zerodha` (adapter) `sdk` (simulated broker) |
//! | data and faults | `csv` `csv_line` `feed` `faults` `poison` `restarts` |
//! | proof | `oracle` `compare` `effects` `audit` `verdict` `readback` |
//! | what is shown | `cli` `report` `table` `equity` `progress` |
//! | small tools | `ids` `topics` |

mod app;
mod audit;
mod cli;
mod cluster;
mod compare;
mod conductor;
mod csv;
mod csv_line;
mod desk;
mod effects;
mod equity;
mod events;
mod faults;
mod feed;
mod ids;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_log;
#[cfg(feature = "kafka")]
mod kafka_topics;
mod market_feed;
mod oracle;
mod order;
#[cfg(feature = "kafka")]
mod part;
mod pipeline;
mod poison;
mod portfolio;
mod portfolio_manager;
mod progress;
mod promises;
#[cfg(test)]
mod proof;
mod readback;
mod report;
mod restarts;
mod risk;
mod risk_manager;
mod run;
mod sdk;
mod settings;
mod simulation;
mod strategies;
mod strategy_runner;
mod table;
#[cfg(test)]
mod tamper;
mod topics;
mod trader;
mod trading_engine;
mod upto;
mod verdict;
mod window;
mod zerodha;

pub use app::main;
pub use simulation::simulation;
