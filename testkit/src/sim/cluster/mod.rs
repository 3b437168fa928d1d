//! The fake cluster: brokers that lead partitions, a coordinator for each group, and producers that are told apart. The
//! records themselves lie in a [`Memory`](millstream_memory::Memory).
//!
//! | file | noun |
//! | --- | --- |
//! | `coordinator` | all groups: who is a member, who holds what, what is committed |
//! | `group` | one group |
//! | `shares` | who should hold what |
//! | `writers` | idempotent producers: what was written already |
//! | `leaders` | which broker leads what |

mod coordinator;
mod group;
mod leaders;
mod shares;
mod writers;

pub(crate) use coordinator::Coordinator;
pub(crate) use group::{Beat, BeatReply, Grant, MemberId};
pub(crate) use leaders::Leaders;
pub(crate) use writers::{Write, Writers, Wrote};
