//! The invariants at the level of a whole service on memory, under faults: one module a group of promises, one test a
//! promise. Ids such as I2, F15 and B01 name the invariant, the fault and the planted bug that a test is about.

#![allow(unreachable_pub, missing_docs, reason = "a test is no library")]

#[path = "../support/mod.rs"]
mod support;
mod world;

mod answers;
mod attempts;
mod bounds;
mod commit_safety;
mod dead_letters;
mod effectively_once;
mod fairness;
mod fencing;
mod gaps;
mod isolation;
mod key_order;
mod namespaces;
mod rebalance;
mod shutdown;
mod threads;
