//! What tests of Millstream's services and backends are made of.
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`conformance`] | the contract's clauses as cases that any backend can run |
//! | `naive_deduplicator` | [`NaiveDeduplicator`]: the contract in its plainest form, whole or with one planted [`Flaw`] |

pub mod conformance;
mod naive_deduplicator;

pub use naive_deduplicator::{Flaw, NaiveDeduplicator};
