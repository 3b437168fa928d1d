//! Owns which tests a mutant goes through, fastest first: only survivors meet what takes longer. Leaves running them to `trial`.

use std::collections::BTreeSet;

/// The tests of whole services that say what becomes of records; first those that notice most.
const SERVICES: [&str; 16] = [
    "settlement",
    "errors",
    "deduplication",
    "invariants",
    "batch",
    "breaker",
    "care",
    "error_sinks",
    "filters",
    "forms",
    "layers",
    "order",
    "outputs",
    "spans",
    "tables",
    "twins",
];

/// One set of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The program that holds them, as cargo names it.
    pub(crate) program: &'static str,
    /// What is said to it.
    pub(crate) tests: Vec<String>,
}

/// How the programs of these stages are built, as arguments of cargo.
pub(crate) fn targets(stages: &[Stage]) -> BTreeSet<String> {
    let target = |stage: &Stage| match stage.program {
        CORE => ["--package=millstream-core".to_owned(), "--lib".to_owned()],
        test @ ("model" | "sim") => ["--package=millstream-testkit".to_owned(), format!("--test={test}")],
        test @ "scrape" => ["--package=millstream-prometheus".to_owned(), format!("--test={test}")],
        test => ["--package=millstream".to_owned(), format!("--test={test}")],
    };
    stages.iter().flat_map(target).collect()
}

/// What a mutant of this file goes through.
pub(crate) fn all(file: &str) -> Vec<Stage> {
    let stage = |program, tests: &[&str]| Stage { program, tests: tests.iter().map(|&word| word.to_owned()).collect() };
    let services = SERVICES.iter().map(|&program| stage(program, &[]));
    let mut stages = Vec::new();
    match file.split_once("/engine/") {
        Some((_, in_engine)) => {
            let own = format!("engine::{}::", in_engine.trim_end_matches(".rs").replace('/', "::"));
            // Tests of every state of a value take longest.
            stages.push(stage(CORE, &[&own, "--skip", "every"]));
            stages.push(stage(CORE, &["engine::"]));
            stages.extend([stage("model", &[]), stage("sim", &[])]);
            stages.extend(services);
        }
        None => {
            stages.push(stage(CORE, &["service::"]));
            stages.extend(services);
            stages.extend([stage("scrape", &[]), stage("sim", &[])]);
        }
    }
    stages
}

/// The program of the core's own tests.
const CORE: &str = "millstream_core";
