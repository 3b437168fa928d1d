//! Runs the trading pipeline: see `lib.rs`, which lists its files.

use std::process::ExitCode;

fn main() -> ExitCode {
    millstream_examples::main()
}
