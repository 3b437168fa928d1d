//! Tables end to end on memory: state that a service keeps survives crashes, and every record is in it once (I18).

#![allow(unreachable_pub, missing_docs, reason = "a test is no library")]

#[path = "../support/mod.rs"]
mod support;
mod world;

mod breaker;
mod build;
mod crashes;
mod deadlines;
mod folds;
mod hooks;
mod letters;
mod panics;
mod refused;
mod restores;
