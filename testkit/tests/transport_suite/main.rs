//! Owns the proof that the transport suite bites: a wrapper around the memory log without a flaw passes it, and each flaw
//! fails at its cases.
//!
//! | file | noun |
//! | --- | --- |
//! | `flaw` | the ways to break the contract, and which cases notice |
//! | `local` | a memory log whose consumers count epochs each for itself |
//! | `transport` · `producer` · `consumer` · `batches` | the memory log with a flaw |

mod batches;
mod consumer;
mod flaw;
mod local;
mod producer;
mod transport;

use flaw::PLANTED;
use local::LocalEpochs;
use millstream_testkit::conformance::{self, Verdict};
use std::collections::BTreeSet;
use transport::Planted;

#[test]
fn a_wrapper_without_a_flaw_keeps_every_clause() {
    let suite = conformance::transport(Planted(None));
    for case in suite.cases() {
        assert_eq!(suite.examine(case.name), Verdict::Passed, "{case}");
    }
}

#[test]
fn epochs_of_the_same_number_are_of_different_members() {
    let suite = conformance::transport(LocalEpochs);
    for case in suite.cases() {
        assert_eq!(suite.examine(case.name), Verdict::Passed, "{case}");
    }
}

#[test]
fn every_planted_flaw_fails_at_its_cases() {
    let mut unnoticed = Vec::new();
    for &(flaw, cases) in PLANTED {
        let suite = conformance::transport(Planted(Some(flaw)));
        for case in cases {
            if !matches!(suite.examine(case), Verdict::Failed(_)) {
                unnoticed.push((flaw, case));
            }
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[test]
fn every_case_has_a_flaw_that_it_notices() {
    let noticed: BTreeSet<&str> = PLANTED.iter().flat_map(|(_, cases)| cases.iter().copied()).collect();
    let suite = conformance::transport(Planted(None));
    let harmless: Vec<_> = suite.cases().filter(|case| !noticed.contains(case.name)).map(ToString::to_string).collect();
    assert!(harmless.is_empty(), "{harmless:?}");
}
