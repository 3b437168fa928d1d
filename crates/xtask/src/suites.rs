//! Owns how all tests are run: first compiled, then in two rows beside each other. Those that wait, for sessions that end and for
//! servers, are a row of their own, one program after the other; all others are the second. Leaves the services to `services`.

use crate::services::Prepared;
use crate::step::Step;
use millstream_services::offered::SERVICES;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Test programs that mostly wait, and long. They say by themselves which cases may run at a time.
const WAITING: [&str; 4] = ["faults", "secrets", "truncated", "oauth"];

const ALL: [&str; 3] = ["test", "--workspace", "--all-features"];

/// All tests, beside a Kafka and a Redis that are gone afterwards, also if a test fails or we are killed; or without them.
///
/// # Errors
/// If one fails, or a service does not start.
pub(crate) fn run(services: Option<Prepared>) -> Result<Duration, String> {
    let Some(prepared) = services else {
        return Step::cargo(&[&ALL[..], &["--all-targets"]].concat()).env(SERVICES, "none").run();
    };
    let starting = std::thread::spawn(|| prepared.start());
    let compiled = Step::cargo(&[&ALL[..], &["--all-targets", "--no-run"]].concat()).run();
    let beside = starting.join().map_err(|_| "starting the services panicked".to_owned());
    let (compiled, beside) = (compiled?, beside??);
    println!("services: ready after {}, beside the compiler", beside.ready_after);
    let step = |targets: &[&str]| {
        beside.told().fold(Step::cargo(&[&ALL[..], targets].concat()), |step, (name, value)| step.env(name, value))
    };
    let start = Instant::now();
    let names = names()?;
    let waiting: Vec<&str> = WAITING.iter().flat_map(|name| ["--test", name]).collect();
    let others = names.iter().filter(|name| !WAITING.contains(&name.as_str())).flat_map(|name| ["--test", name]);
    let others: Vec<&str> = ["--lib", "--bins", "--examples", "--benches"].into_iter().chain(others).collect();
    let (waiting, others) = (step(&waiting), step(&others));
    let (waited, done) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waiting.output());
        let done = others.run();
        println!("\nwhat was run beside these:");
        (waiting.join().unwrap_or_else(|_| Err("running tests panicked".to_owned())), done)
    });
    // Of two that failed the first one's words are above already.
    println!("{}", waited?.stdout);
    done?;
    Ok(compiled + start.elapsed())
}

/// The names of all test programs.
fn names() -> Result<BTreeSet<String>, String> {
    let listed = Step::cargo(&["metadata", "--no-deps", "--format-version=1"]).silent()?;
    names_in(&listed.stdout)
}

fn names_in(metadata: &str) -> Result<BTreeSet<String>, String> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let tests = targets.filter(|target| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test")));
    Ok(tests.filter_map(|test| test["name"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_their_names_and_nothing_else_is_one() {
        let metadata = r#"{"packages": [
            {"targets": [{"kind": ["lib"], "name": "a"}, {"kind": ["test"], "name": "b"}]},
            {"targets": [{"kind": ["test"], "name": "b"}, {"kind": ["test"], "name": "c"}, {"kind": ["bench"], "name": "d"}]}
        ]}"#;
        let names = names_in(metadata).expect("it is JSON");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["b", "c"]);
        assert!(names_in("nonsense").is_err());
    }
}
