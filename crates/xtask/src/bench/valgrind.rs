//! Owns counting: callgrind for instructions, DHAT for heap blocks, each at two sizes with and without the measured part.
//! Leaves what is good enough to `table`.
//!
//! Instructions are counted inside the measured function only. What preparing allocates is taken off: one record's share is
//! `((run − prepared) at the large size − (run − prepared) at the small one) ÷ their difference`:
//! neither start-up nor the making of the input is in it.

use super::{Bench, SIZES};
use crate::step::{Step, root};
use serde_json::{Value, json};

/// What was counted at both sizes.
pub(crate) struct Count {
    runs: [u64; 2],
    prepared: [u64; 2],
}

impl Count {
    /// One record's share.
    pub(crate) fn per_record(&self) -> f64 {
        let measured = |n: usize| self.runs[n] as f64 - self.prepared[n] as f64;
        (measured(1) - measured(0)) / f64::from(SIZES[1] - SIZES[0])
    }

    /// What costs exactly `each` for every record.
    #[cfg(test)]
    pub(crate) fn linear(each: u64) -> Self {
        Count { runs: SIZES.map(|records| 5 + each * u64::from(records)), prepared: [5; 2] }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "run": self.runs, "prepared_only": self.prepared, "per_record": self.per_record() })
    }
}

/// The installed version.
///
/// # Errors
/// If there is none, and how to get one.
pub(crate) fn version() -> Result<String, String> {
    let found = Step::program("valgrind", &["--version"]).silent().map(|done| done.stdout.trim().to_owned());
    found.map_err(|why| {
        format!(
            "instructions and allocations were not counted, because valgrind is missing ({why}).\n\
             Install it: `apt-get install valgrind` (Debian, Ubuntu), `dnf install valgrind` (Fedora), `apk add valgrind` \
             (Alpine), `pacman -S valgrind debuginfod` (Arch). There is none for Windows and for macOS on ARM; \
             count in a Linux container there."
        )
    })
}

/// Instructions, by callgrind. Leaves its profiles beside the results.
pub(crate) fn instructions(bench: &Bench, scenario: &str) -> Result<Count, String> {
    // Only what is measured, and not the difference to a run that only prepares: how often a growing buffer is copied
    // differs between two runs by hundreds of instructions a record.
    let one = |records| {
        let file = bench.file(&format!("{scenario}.{records}.callgrind"));
        let only = "--toggle-collect=millstream_bench::measured".to_owned();
        let tool = ["--tool=callgrind".to_owned(), only, format!("--callgrind-out-file={file}")];
        run(bench, &tool, scenario, records, false)?;
        let profile = read(&file)?;
        number(&profile, "totals:").ok_or_else(|| format!("{file} has no totals"))
    };
    Ok(Count { runs: [one(SIZES[0])?, one(SIZES[1])?], prepared: [0, 0] })
}

/// Heap blocks, by DHAT.
pub(crate) fn allocations(bench: &Bench, scenario: &str) -> Result<Count, String> {
    count(|records, prepare_only| {
        let (log, out) = (bench.file("dhat.log"), bench.file("dhat.out"));
        let tool = ["--tool=dhat".to_owned(), format!("--dhat-out-file={out}"), format!("--log-file={log}")];
        run(bench, &tool, scenario, records, prepare_only)?;
        blocks(&read(&log)?).ok_or_else(|| format!("{log} has no total"))
    })
}

fn count(one: impl Fn(u32, bool) -> Result<u64, String>) -> Result<Count, String> {
    let both = |prepare_only| -> Result<[u64; 2], String> { Ok([one(SIZES[0], prepare_only)?, one(SIZES[1], prepare_only)?]) };
    Ok(Count { runs: both(false)?, prepared: both(true)? })
}

fn run(bench: &Bench, tool: &[String], scenario: &str, records: u32, prepare_only: bool) -> Result<(), String> {
    let records = records.to_string();
    let mut arguments: Vec<&str> = tool.iter().map(String::as_str).collect();
    arguments.extend([&bench.program, "--scenario", scenario, "--records", &records]);
    if prepare_only {
        arguments.push("--prepare-only");
    }
    Step::program("valgrind", &arguments).shown().silent().map(drop)
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))
}

/// The first number after `label` at the start of a line.
fn number(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.replace(',', "").parse().ok()
}

/// N of DHAT's `==1== Total:     M bytes in N blocks`.
fn blocks(log: &str) -> Option<u64> {
    let line = log.lines().find_map(|line| line.split_once("Total:"))?.1;
    line.split_once(" in ")?.1.split_whitespace().next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_totals_are_found() {
        assert_eq!(number("summary: 1\nfn=(1)\ntotals: 1500369087\n", "totals:"), Some(1_500_369_087));
        assert_eq!(blocks("==7== Total:     1,234,567 bytes in 1,024 blocks\n==7== At t-gmax: 5 bytes"), Some(1_024));
        assert_eq!((number("killed", "totals:"), blocks("killed")), (None, None));
    }

    #[test]
    fn start_up_and_input_cancel_out() {
        let per = |n: u64| n * u64::from(SIZES[0]);
        let count = Count { runs: [1_000 + per(370), 1_000 + per(740)], prepared: [900 + per(70), 900 + per(140)] };
        assert!((count.per_record() - 300.0).abs() < 1e-9);
    }
}
