//! The outbox: sends the outputs of one namespace, keeps their order, and says what became of each.
//!
//! | file | noun |
//! | --- | --- |
//! | `handle` | how workers hand over |
//! | `message` | outputs handed over, and their answers |
//! | `lane` | one destination partition: what is under way, what waits |
//! | `send` | one request |
//! | `task` | the task that sends |

mod handle;
mod lane;
mod message;
mod send;
mod task;

pub(crate) use handle::{OutboxHandle, PublishThrough};
pub(crate) use send::send;
pub(crate) use task::Outbox;
