//! Owns the suites that every implementation of a contract trait must pass. Leaves making the implementation, breaking its
//! store and moving its clock to a harness beside the backend.

pub mod deduplicator;
