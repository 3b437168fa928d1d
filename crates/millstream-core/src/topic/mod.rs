//! Where records live: topics, namespaces, and the addresses outputs are sent to.
//!
//! This room owns names and nothing else: parsing them once at the border, the names derived from
//! them (dead letters, retries, schema subjects), and the rule that an output stays in the
//! namespace of its input. It leaves to others whether a topic exists, who may write to it, and
//! what lies in it.
//!
//! | file | owns |
//! | --- | --- |
//! | `name` | [`Topic`]: a parsed name and its parts |
//! | `derived` | dead-letter, retry and schema names of a topic |
//! | `namespace` | [`Namespace`], and the list in `ACTIVE_BROKERS` |
//! | `sibling` | [`Sibling`], [`Address`]: where an output goes |
//! | `any_address` | [`AnyAddress`]: the same, kept as a value |
//! | `map` | [`TopicMap`]: the topics of one trading namespace |
//! | `group` | the rule for consumer group names |
//! | `check` | which characters and lengths are legal, once for compile time and run time |
//! | `error` | [`TopicError`] and [`AddressError`]: what is wrong, and the remedy |
//!
//! ```
//! use millstream_core::topic::{Sibling, Topic};
//!
//! const FILLED: Sibling = Sibling::new("orders", "filled");
//!
//! let signals: Topic = "paper.signals.validated".parse()?;
//! assert_eq!(signals.namespace_name(), Some("paper"));
//! assert_eq!(signals.sibling(FILLED)?.as_str(), "paper.orders.filled");
//! assert_eq!(signals.dlq()?.as_str(), "paper.signals.validated.dlq");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod any_address;
mod check;
mod derived;
mod error;
mod group;
mod map;
mod name;
mod namespace;
mod sibling;
mod text;

pub use any_address::AnyAddress;
pub use check::{MAX_NAMESPACE_BYTES, MAX_TOPIC_BYTES};
pub use error::{AddressError, TopicError, TopicFault};
pub use group::{MAX_GROUP_BYTES, check_group};
pub use map::TopicMap;
pub use name::Topic;
pub use namespace::{ACTIVE_BROKERS, Namespace};
pub use sibling::{Address, AddressKey, NamespacedSibling, Sibling};
