//! The core of Millstream: contract, engine, service, handlers and builder.
//!
//! Users add the `millstream` crate, which re-exports what they need; backends depend on this crate's [`contract`] only.
//!
//! Imports go one way: `builder → service → {layer, handler, engine, envelope, clock} → {topic, contract}`.

/// Whether a planted bug, as `planted!(B01)`, is to be made here; `false` in every normal build.
#[cfg(millstream_planted)]
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is($crate::planted::$bug)
    };
}
/// Whether a planted bug, as `planted!(B01)`, is to be made here; `false` in every normal build.
#[cfg(not(millstream_planted))]
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

pub mod builder;
pub mod clock;
pub mod contract;
pub mod engine;
pub mod envelope;
pub mod handler;
pub mod layer;
#[cfg(millstream_planted)]
pub mod planted;
pub mod process;
pub mod service;
pub mod topic;
