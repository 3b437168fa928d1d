//! Owns running one command: shown before it runs, timed, its output passed on. Leaves what it means to the chores.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// One command.
pub(crate) struct Step {
    command: Command,
    shown: String,
    /// The codes with which it may end.
    codes: &'static [i32],
}

/// What a command that went well took and wrote.
pub(crate) struct Done {
    pub(crate) took: Duration,
    pub(crate) stdout: String,
}

impl Step {
    /// `cargo` with these arguments, in the repository's root.
    pub(crate) fn cargo(arguments: &[&str]) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        Self::shown_as("cargo", Command::new(cargo), arguments)
    }

    /// Any other program with these arguments.
    pub(crate) fn program(program: &str, arguments: &[&str]) -> Self {
        Self::shown_as(program, Command::new(program), arguments)
    }

    fn shown_as(name: &str, mut command: Command, arguments: &[&str]) -> Self {
        command.args(arguments).current_dir(root());
        let shown = std::iter::once(&name).chain(arguments).map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        Step { command, shown, codes: &[0] }
    }

    /// The same with an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}={} {}", quoted(value), self.shown);
        self
    }

    /// The same, where these exit codes are no failure.
    pub(crate) fn ending_with(mut self, codes: &'static [i32]) -> Self {
        self.codes = codes;
        self
    }

    /// Shows the command, for one that then runs silently.
    pub(crate) fn shown(self) -> Self {
        println!("$ {}", self.shown);
        self
    }

    /// Runs it; all of its output goes where ours goes.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub(crate) fn run(self) -> Result<Duration, String> {
        let mut step = self.shown();
        let start = Instant::now();
        let status = step.command.status().map_err(|error| step.unstarted(&error))?;
        if step.is_well(status) { Ok(start.elapsed()) } else { Err(format!("`{}` failed: {status}", step.shown)) }
    }

    /// Runs it and keeps its standard output; errors are passed on, and the output too if it fails.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub(crate) fn output(self) -> Result<Done, String> {
        self.shown().quietly(Stdio::inherit())
    }

    /// Runs it without showing anything unless it fails.
    ///
    /// # Errors
    /// If it cannot be started or fails; what it wrote is part of the error.
    pub(crate) fn silent(self) -> Result<Done, String> {
        self.quietly(Stdio::piped())
    }

    fn quietly(mut self, errors: Stdio) -> Result<Done, String> {
        let start = Instant::now();
        let output = self.command.stdout(Stdio::piped()).stderr(errors).stdin(Stdio::null()).output();
        let output = output.map_err(|error| self.unstarted(&error))?;
        let took = start.elapsed();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if self.is_well(output.status) {
            return Ok(Done { took, stdout: stdout.into_owned() });
        }
        Err(format!("{stdout}{stderr}`{}` failed: {}", self.shown, output.status))
    }

    fn is_well(&self, status: ExitStatus) -> bool {
        status.code().is_some_and(|code| self.codes.contains(&code))
    }

    fn unstarted(&self, error: &std::io::Error) -> String {
        format!("`{}` could not be started: {error}", self.shown)
    }
}

/// The repository's root, two levels above this package.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("crates/xtask"), PathBuf::from);
    package.join("../..")
}

/// As a person says it: `0.42 s`, `12.3 s`, `2 min 05 s`.
pub(crate) fn human(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match took.as_secs() {
        0..10 => format!("{seconds:.2} s"),
        10..60 => format!("{seconds:.1} s"),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// As a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let step = Step::program("echo", &["a-b", "two words", "it's", ""]).env("FLAGS", "-D warnings");
        assert_eq!(step.shown, r"FLAGS='-D warnings' echo a-b 'two words' 'it'\''s' ''");
    }

    #[test]
    fn what_a_failing_command_said_is_part_of_the_error() {
        let step = Step::program("sh", &["-c", "echo to-out; echo to-err >&2; exit 3"]);
        let why = step.silent().err().expect("it failed");
        assert!(why.contains("to-out") && why.contains("to-err") && why.contains("exit status: 3"), "{why}");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let said = [(420, "0.42 s"), (12_340, "12.3 s"), (125_000, "2 min 05 s")];
        for (millis, text) in said {
            assert_eq!(human(Duration::from_millis(millis)), text);
        }
    }
}
