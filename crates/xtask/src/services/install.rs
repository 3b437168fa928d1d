//! Owns bringing what is missing: each command shown before it runs. Leaves which ones to `millstream-services`.

use crate::step::Step;
use millstream_services::{Remedy, Tool, fetch, remedy};

/// Brings programs and jars, as far as they are missing.
///
/// # Errors
/// If they may not be installed here, with the command for a person; or if that failed.
pub(crate) fn all() -> Result<(), String> {
    let mut missing: Vec<_> = [Tool::Java, Tool::Redis].into_iter().filter(|tool| tool.find().is_err()).collect();
    if fetch().is_err() {
        missing.push(Tool::Maven);
    }
    if !missing.is_empty() {
        match remedy(&missing) {
            Remedy::Run(commands) => commands.iter().try_for_each(|words| run(words))?,
            Remedy::Say(what) => return Err(format!("{} missing: {what}", names(&missing))),
            _ => return Err(format!("{} missing", names(&missing))),
        }
        missing.iter().try_for_each(|tool| tool.find().map(drop))?;
    }
    fetch()?.map_or(Ok(()), |words| run(&words))
}

fn names(missing: &[Tool]) -> String {
    missing.iter().map(|tool| format!("{tool:?}")).collect::<Vec<_>>().join(", ")
}

fn run(words: &[String]) -> Result<(), String> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (program, arguments) = words.split_first().ok_or("an empty command")?;
    // Debian's questions would wait for an answer that nobody gives.
    Step::program(program, arguments).env("DEBIAN_FRONTEND", "noninteractive").output().map(drop)
}
