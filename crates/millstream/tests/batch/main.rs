//! Batch handlers, run by a service on memory: one module a group of promises.

#![allow(unreachable_pub, missing_docs, reason = "a test is no library")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../invariants/world.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod world;

mod answers;
mod desk;
mod gathering;
mod known;
mod life;
mod model;
mod order;
mod refused;
mod sent;
mod whole;
