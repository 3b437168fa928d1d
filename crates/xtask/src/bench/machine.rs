//! Owns the facts about machine and tools that stand beside every raw figure. Leaves comparing machines to the reader.

use crate::step::Step;
use serde_json::{Value, json};

/// What is known; what cannot be found out is null.
pub(crate) fn facts() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    json!({
        "cpu": model.map(|(_, name)| name),
        "threads": std::thread::available_parallelism().ok().map(usize::from),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "kernel": std::fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
        "rustc": said("rustc", &["--version"]),
        "valgrind": said("valgrind", &["--version"]),
        "commit": said("git", &["rev-parse", "HEAD"]),
        "changed_files": said("git", &["status", "--porcelain"]).map(|text| text.lines().count()),
    })
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    Step::program(program, arguments).silent().ok().map(|done| done.stdout.trim().to_owned())
}
