//! What the compiler says about the mistakes that users make: its words are part of the API (`tests/mistakes/`).
//!
//! The texts are those of one compiler version, so that a new one shows what it changed. Another version reports the
//! comparison as ignored; `TRYBUILD=overwrite` with the pinned one writes the texts anew.

use libtest_mimic::{Arguments, Trial};
use std::process::{Command, ExitCode};

/// The compiler whose words are kept.
const PINNED: &str = "rustc 1.95.";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let compiler = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())).arg("--version").output();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let pinned = compiler.starts_with(PINNED);
    let name = match pinned {
        true => "the_compiler_says_what_is_wrong".to_owned(),
        false => format!("the_compiler_says_what_is_wrong (texts are those of {PINNED}*, this is {compiler})"),
    };
    let trial = Trial::test(name, || {
        trybuild::TestCases::new().compile_fail("tests/mistakes/*.rs");
        Ok(())
    });
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(!pinned)]).exit_code()
}
