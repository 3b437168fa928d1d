//! In-process deduplication: marks that live in this process's memory and end with it.
//!
//! | file | noun |
//! | --- | --- |
//! | `limits` | [`Limits`]: how many ids, for how long |
//! | `window` | [`WindowDeduplicator`], the fast one and the one to take |
//! | `generations` | the two generations of one scope behind it, pure |
//! | `table` | where one generation's entries lie, pure |
//! | `filter` | the quick "surely not" before them, pure |
//! | `mix` | the seeded hash of keys that others choose |
//! | `moka_cache` | [`MokaDeduplicator`], one cap shared by many scopes, least recently used first |
//!
//! Both keep the same contract and pass the same suite. Across processes and restarts nothing is remembered: a rebalance or
//! a crash between an effect and the commit may repeat that effect, whose outputs keep their ids. Where that is too weak,
//! take a deduplicator whose [`scope`](millstream_core::contract::Deduplicator::scope) is `Shared`.

mod filter;
mod generations;
mod limits;
mod mix;
mod moka_cache;
mod table;
mod window;

pub use limits::Limits;
pub use moka_cache::MokaDeduplicator;
pub use window::WindowDeduplicator;
