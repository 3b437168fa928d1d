//! Topic administration: for tools and examples, and for services, which look their topics up before they start.
//!
//! | file | noun |
//! | --- | --- |
//! | `topics` | [`RdkafkaAdmin`]: describing, creating, deleting topics |
//! | `described` | what a topic is, out of its settings |
//! | `new_topic` | [`NewTopic`], what one is to be |

mod described;
mod new_topic;
mod topics;

pub use new_topic::NewTopic;
pub use topics::RdkafkaAdmin;
