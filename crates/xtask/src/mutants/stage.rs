//! Owns which tests a mutant goes through. Leaves running them to `lab`.
//!
//! A mutant is built and tested hundreds of times, so the first stage is what costs least: the engine compiles without the
//! floors above it, in a tenth of the time, and a file's own tests find most. Only survivors meet what takes longer.

use super::tree::Tree;

/// One set of tests.
pub(crate) struct Stage {
    /// What is printed of it.
    pub(crate) name: &'static str,
    /// Where the mutant is built.
    pub(crate) tree: Tree,
    /// Whether the mutant is optimised: where its tests would take longer than optimising does.
    pub(crate) optimised: bool,
    /// Whose tests run.
    pub(crate) package: &'static str,
    /// Which of them are built, as arguments of cargo.
    pub(crate) targets: &'static [&'static str],
    /// What is said to the tests themselves.
    pub(crate) tests: Vec<String>,
}

impl Stage {
    /// The environment variable that says how much is optimised, and what it says.
    pub(crate) fn level(&self) -> (&'static str, &'static str) {
        ("CARGO_PROFILE_MUTANTS_OPT_LEVEL", if self.optimised { "1" } else { "0" })
    }
}

/// The tests of whole services that say what becomes of records.
const SERVICES: &[&str] = &[
    "--test=batch",
    "--test=breaker",
    "--test=care",
    "--test=deduplication",
    "--test=error_sinks",
    "--test=errors",
    "--test=filters",
    "--test=forms",
    "--test=invariants",
    "--test=layers",
    "--test=order",
    "--test=settlement",
    "--test=tables",
    "--test=twins",
];

/// What a mutant of this file goes through, which has tests of its own or not.
pub(crate) fn all(file: &str, has_tests: bool) -> Vec<Stage> {
    let lib = |name, optimised, tests: &[&str]| Stage {
        name,
        tree: Tree::Whole,
        optimised,
        package: "millstream-core",
        targets: &["--lib"],
        tests: tests.iter().map(|&word| word.to_owned()).collect(),
    };
    let simulated = Stage {
        name: "the model and the simulator",
        tree: Tree::Whole,
        optimised: true,
        package: "millstream-testkit",
        targets: &["--test=model", "--test=sim"],
        tests: Vec::new(),
    };
    let Some((_, in_engine)) = file.split_once("/engine/") else {
        let used =
            Stage { name: "the tests of services", package: "millstream", targets: SERVICES, tests: Vec::new(), ..simulated };
        let simulated =
            Stage { name: "the simulator", package: "millstream-testkit", targets: &["--test=sim"], tests: Vec::new(), ..used };
        let own = lib("the service's own tests", false, &["service::"]);
        return if has_tests { vec![simulated, own, used] } else { vec![simulated, used] };
    };
    let own = format!("engine::{}::", in_engine.trim_end_matches(".rs").replace('/', "::"));
    let own =
        Stage { tree: Tree::Engine, ..lib("its own tests, but for those of every state", false, &[&own, "--skip", "every"]) };
    let engine = Stage { tree: Tree::Engine, ..lib("all of the engine", true, &["engine::"]) };
    vec![own, engine, simulated]
}
