//! Contract suites and simple, honest parts for testing Millstream services and backends.
//!
//! | module | noun |
//! | --- | --- |
//! | [`conformance`] | one suite per trait of the contract, which every backend runs |
//! | `naive_deduplicator` | [`NaiveDeduplicator`], the contract in its plainest form, whole or with one planted [`Flaw`] |

pub mod conformance;
mod naive_deduplicator;

pub use naive_deduplicator::{Flaw, NaiveDeduplicator};
