//! Several services in one process: the order in which they start and end, and tasks among them.

#![allow(unreachable_pub, missing_docs, reason = "a test is no library")]

#[path = "../support/mod.rs"]
mod support;
mod world;

mod order;
mod tasks;
