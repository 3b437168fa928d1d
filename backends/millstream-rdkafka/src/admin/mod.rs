//! Topic administration: for tools, examples, and whoever checks a cluster before a service starts.
//!
//! | file | noun |
//! | --- | --- |
//! | `topics` | [`RdkafkaAdmin`]: describing, creating, deleting topics |
//! | `described` | [`DescribedTopic`], what a topic is; [`NewTopic`], what it is to be |
//! | `checks` | [`Finding`]: dead-letter topics, and retention against deduplication |

mod checks;
mod described;
mod topics;

pub use checks::Finding;
pub use described::{DescribedTopic, NewTopic};
pub use topics::RdkafkaAdmin;
