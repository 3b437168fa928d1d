//! The core of Millstream: contract, engine, service, handlers and builder.
//!
//! Users add the `millstream` crate, which re-exports what they need; backends depend on this crate's [`contract`] only.
//!
//! Imports go one way: `builder → service → {layer, handler, engine, envelope, clock} → {topic, contract}`.

// Runs of one seed are equal (I14): what clippy.toml lists is refused here, except in tests.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

/// Whether a planted bug, as `planted!(B01)`, is to be made here: `false` in every normal build. Or what it does, as
/// `planted!(B01: …)`: nothing in every normal build.
#[cfg(millstream_planted)]
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is(&$crate::planted::$bug)
    };
    ($bug:ident: $($does:tt)*) => {
        if $crate::planted::is(&$crate::planted::$bug) {
            $($does)*
        }
    };
}
/// Whether a planted bug, as `planted!(B01)`, is to be made here: `false` in every normal build. Or what it does, as
/// `planted!(B01: …)`: nothing in every normal build.
#[cfg(not(millstream_planted))]
#[doc(hidden)]
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
    ($bug:ident: $($does:tt)*) => {};
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
