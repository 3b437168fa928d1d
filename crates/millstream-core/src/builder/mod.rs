//! The builder: how the user says what a service is; validated once, before anything starts.
//!
//! | file | noun |
//! | --- | --- |
//! | `stream_service_builder` | the seed's verbs |
//! | `topics` | what may be given as topics |
//! | `validate` | all problems at once, each with its remedy |

mod stream_service_builder;
mod topics;
mod validate;

pub use stream_service_builder::StreamServiceBuilder;
pub use topics::IntoTopics;
