//! Settings: what a user says, what is forced, and what the client is given.
//!
//! | file | noun |
//! | --- | --- |
//! | `builder` | [`RdkafkaConfig`], what a user says |
//! | `security` | [`Sasl`] and who is trusted |
//! | `preset` | [`Preset`]: settings for an aim, each with its reason |
//! | `safety` | settings that are forced, each with its reason |
//! | `native` | all of it as librdkafka's own settings, read back |
//! | `names` | which settings are never shown |
//! | `from` | a configuration out of the environment or a URL |

mod builder;
mod from;
mod names;
mod native;
mod preset;
mod safety;
mod security;

pub use builder::{GroupProtocol, RdkafkaConfig};
pub use preset::{Preset, Setting};
pub use security::Sasl;

pub(crate) use names::is_hidden;
pub(crate) use native::Native;
