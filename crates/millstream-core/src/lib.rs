//! Placeholder.

pub mod envelope;
pub mod topic;
