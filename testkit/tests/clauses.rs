//! Owns the comparison of two lists: the clauses of the contract's traits, as their docs number them and name the cases,
//! and the cases of the suites, as their tables name the clauses.

use millstream_core::clock::Clock;
use millstream_testkit::conformance::{self, Case, Harness, MemoryWorld, Suite, deduplicator, error_sink};
use millstream_testkit::{FlakySink, NaiveDeduplicator};
use std::collections::{BTreeMap, BTreeSet};

/// The sources whose docs number clauses.
const TRAITS: [&str; 5] = [
    include_str!("../../crates/millstream-core/src/contract/transport.rs"),
    include_str!("../../crates/millstream-core/src/contract/producer.rs"),
    include_str!("../../crates/millstream-core/src/contract/consumer.rs"),
    include_str!("../../crates/millstream-core/src/contract/deduplicator.rs"),
    include_str!("../../crates/millstream-core/src/contract/error_sink.rs"),
];

struct InMemory;

impl Harness for InMemory {
    type World = MemoryWorld;

    async fn create(&self, _case: &Case) -> MemoryWorld {
        MemoryWorld::new()
    }
}

struct Naive;

impl deduplicator::Harness for Naive {
    type Deduplicator = NaiveDeduplicator;

    async fn create(&self, limits: deduplicator::Limits) -> NaiveDeduplicator {
        NaiveDeduplicator::new(limits.ids, limits.ttl, Clock::new())
    }

    async fn evicted(&self, of: &NaiveDeduplicator) -> u64 {
        of.evicted()
    }
}

/// A list of clauses needs no sink.
struct Nowhere;

impl Harness for Nowhere {
    type World = NoPlace;

    async fn create(&self, _case: &Case) -> NoPlace {
        NoPlace
    }
}

struct NoPlace;

impl error_sink::World for NoPlace {
    type Sink = FlakySink;

    async fn sink(&self) -> FlakySink {
        FlakySink::new()
    }

    async fn kept(&self) -> Vec<error_sink::Kept> {
        Vec::new()
    }
}

fn suites() -> Suite {
    conformance::transport(InMemory).and(conformance::deduplicator(Naive)).and(conformance::error_sink(Nowhere))
}

/// Clause by clause the cases that a source's docs name. An item of the list begins as `3. **C3** `, and its cases stand in
/// backquotes behind `*Checked by*`.
fn documented(source: &str) -> Vec<(usize, &str, BTreeSet<&str>)> {
    let mut clauses: Vec<(usize, &str, BTreeSet<&str>)> = Vec::new();
    let mut naming = false;
    for line in source.lines() {
        let Some(text) = line.strip_prefix("/// ") else {
            naming = false;
            continue;
        };
        if let Some((number, rest)) = text.split_once(". **")
            && let Ok(number) = number.parse()
        {
            clauses.push((number, rest.split_once("**").expect("a clause's name ends").0, BTreeSet::new()));
            naming = false;
        }
        naming |= text.contains("*Checked by*");
        if naming && let Some((.., cases)) = clauses.last_mut() {
            cases.extend(text.split('`').skip(1).step_by(2));
        }
    }
    clauses
}

fn all_documented() -> Vec<(usize, &'static str, BTreeSet<&'static str>)> {
    TRAITS.iter().flat_map(|source| documented(source)).collect()
}

#[test]
fn every_clause_names_its_cases_and_every_case_its_clauses() {
    let mut tables: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let suites = suites();
    for case in suites.cases() {
        for clause in case.clauses {
            tables.entry(clause).or_default().insert(case.name);
        }
    }
    let docs: BTreeMap<&str, BTreeSet<&str>> = all_documented().into_iter().map(|(_, clause, cases)| (clause, cases)).collect();
    assert_eq!(docs, tables);
    assert!(docs.values().all(|cases| !cases.is_empty()), "a clause without a case is a wish");
}

#[test]
fn clauses_are_numbered_without_gaps_as_they_are_named() {
    let mut expected = 0;
    let all = all_documented();
    assert_eq!(all.len(), 4 + 10 + 19 + 10 + 5);
    for (number, clause, _) in all {
        expected = if number == 1 { 1 } else { expected + 1 };
        assert_eq!((number, clause[1..].parse()), (expected, Ok(number)), "{clause}");
    }
}

#[test]
fn no_two_cases_have_one_name() {
    let suites = suites();
    let mut names = BTreeSet::new();
    assert!(suites.cases().all(|case| names.insert(case.name)));
}
