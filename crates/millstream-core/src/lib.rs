//! The core of Millstream: contract, engine, service, handlers and builder.
//!
//! Users add the `millstream` crate, which re-exports what they need; backends depend on this crate's [`contract`] only.
//!
//! Imports go one way: `builder → service → {layer, handler, engine, envelope, clock} → {topic, contract}`.

pub mod builder;
pub mod clock;
pub mod contract;
pub mod engine;
pub mod envelope;
pub mod handler;
pub mod layer;
pub mod service;
pub mod topic;
