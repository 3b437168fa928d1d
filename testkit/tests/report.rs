//! Owns a suite's conversation with `cargo test`: this target runs itself as the test target of a backend, and reads what it
//! says. Leaves verdicts to `suite`.

use libtest_mimic::{Arguments, Trial};
use millstream_core::topic::Topic;
use millstream_memory::Memory;
use millstream_testkit::conformance::{self, Case, Excuse, Harness, MemoryWorld, Need, World};
use std::process::{Command, ExitCode, Output};

const BACKEND: &str = "MILLSTREAM_EXAMINED_BACKEND";

/// A log in memory: `whole`, or one whose topics lack a partition.
struct Examined {
    whole: bool,
}

impl Harness for Examined {
    type World = Log;

    async fn create(&self, _case: &Case) -> Log {
        Log(MemoryWorld::new(), self.whole)
    }

    fn excuse(&self, case: &Case) -> Option<Excuse> {
        case.needs(Need::Sharing).then(|| "one member has all".into())
    }
}

struct Log(MemoryWorld, bool);

impl World for Log {
    type Transport = Memory;

    async fn transport(&self) -> Memory {
        self.0.transport().await
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        self.0.create_topic(name, if self.1 { partitions } else { 1 }).await
    }
}

fn run(backend: &str, arguments: &[&str]) -> (Output, String) {
    let this = std::env::current_exe().expect("it runs");
    let output = Command::new(this).env(BACKEND, backend).env("RUST_BACKTRACE", "0").args(arguments).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

fn cases() -> usize {
    conformance::transport(Examined { whole: true }).cases().count()
}

/// The line of a case.
fn line<'a>(text: &'a str, case: &str) -> &'a str {
    text.lines().find(|line| line.contains(&format!("::{case} "))).unwrap_or_else(|| panic!("no line of {case} in {text}"))
}

fn each_case_has_a_line_that_says_ok_or_the_reason() {
    let (output, text) = run("whole", &[]);
    assert!(output.status.success(), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("test ") && line.contains(" ... ")).collect();
    assert_eq!(lines.len(), cases(), "{text}");
    assert!(lines.iter().all(|line| line.ends_with(" ok") || line.contains("ignored (")), "{text}");
    assert!(line(&text, "send_answers_once_per_record_in_order").starts_with("test producer::P1::"), "{text}");
    assert!(line(&text, "epochs_rise_and_end_exactly_once").ends_with("ignored (one member has all)"), "{text}");
    let gap = line(&text, "an_offset_without_a_record_is_passed_over");
    assert!(gap.ends_with("ignored (the harness cannot take an offset without a record)"), "{text}");
}

fn a_failed_case_fails_the_target_in_words() {
    let (output, text) = run("cut", &["producer::P1"]);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(line(&text, "send_answers_once_per_record_in_order").ends_with("FAILED"), "{text}");
    assert!(text.contains("left: [Some((0, 0)), None, None, Some((0, 1)), None]"), "{text}");
}

fn a_filter_runs_what_it_names_and_a_list_runs_nothing() {
    let (output, text) = run("whole", &["consumer::C4"]);
    assert!(output.status.success() && text.contains("running 3 tests"), "{text}");
    let (output, text) = run("cut", &["--list"]);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with(": test")).count(), cases(), "{text}");
}

fn main() -> ExitCode {
    if let Ok(backend) = std::env::var(BACKEND) {
        return conformance::transport(Examined { whole: backend == "whole" }).run();
    }
    let checks: [(&str, fn()); 3] = [
        ("each_case_has_a_line_that_says_ok_or_the_reason", each_case_has_a_line_that_says_ok_or_the_reason),
        ("a_failed_case_fails_the_target_in_words", a_failed_case_fails_the_target_in_words),
        ("a_filter_runs_what_it_names_and_a_list_runs_nothing", a_filter_runs_what_it_names_and_a_list_runs_nothing),
    ];
    let trials = checks.map(|(name, check)| {
        Trial::test(name, move || {
            check();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}
