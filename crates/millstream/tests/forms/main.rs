//! The forms of a handler, each run by a service on memory: what it may return, put off and take.

#![allow(unreachable_pub, missing_docs, reason = "a test is no library")]

#[path = "../support/mod.rs"]
mod support;

mod arguments;
mod bare;
mod deferral;
mod derived;
mod returned;
mod tombstones;
