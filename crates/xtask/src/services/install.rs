//! Owns bringing what is missing: each command shown before it runs. Leaves which ones to `millstream-services`.

use crate::step::Step;
use millstream_services::{Remedy, Tool, archive_classes, docker_runs, fetch, is_archived, remedy};

/// Brings programs and jars, as far as they are missing; where Docker runs, only what it does not bring.
///
/// # Errors
/// If they may not be installed here, with the command for a person; or if that failed.
pub(super) fn all(secured: bool) -> Result<(), String> {
    let needed = match docker_runs() {
        true if secured => &[Tool::Java][..],
        true => return Ok(()),
        false => &[Tool::Java, Tool::Redis][..],
    };
    let mut missing: Vec<_> = needed.iter().copied().filter(|tool| tool.find().is_err()).collect();
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
    if let Some(words) = fetch()? {
        run(&words)?;
    }
    if !is_archived() {
        println!("starting a broker once, to write an archive of its classes: it halves the time of all later starts");
        if let Err(why) = archive_classes() {
            println!("there is none, and brokers start without it: {why}");
        }
    }
    Ok(())
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
